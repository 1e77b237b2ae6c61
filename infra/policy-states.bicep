// Optional, beside new-subscriptions.bicep: Event Grid tells the service of the states of its policy.
@description('Id of the management group with the policy.')
param managementGroupId string

@description('Resource id of the app.')
param appId string

@description('Tags of the topic.')
param tags object = {}

resource states 'Microsoft.EventGrid/systemTopics@2022-06-15' = {
  name: 'hsm-policy-states'
  location: 'global'
  tags: tags
  properties: {
    source: '/tenants/${tenant().tenantId}/providers/Microsoft.Management/managementGroups/${managementGroupId}'
    topicType: 'Microsoft.PolicyInsights.PolicyStates'
  }
}

resource toTheService 'Microsoft.EventGrid/systemTopics/eventSubscriptions@2022-06-15' = {
  parent: states
  name: 'hsm-provisioner'
  properties: {
    destination: {
      endpointType: 'AzureFunction'
      properties: {
        resourceId: '${appId}/functions/subscription_events'
      }
    }
    filter: {
      advancedFilters: [
        {
          operatorType: 'StringContains'
          key: 'data.policyAssignmentId'
          values: [
            '/policyassignments/hsm-wanted'
          ]
        }
      ]
    }
  }
}
