// Optional, at a management group: an audit of new subscriptions, of whose states Event Grid tells the service.
targetScope = 'managementGroup'

@description('The tag with which a subscription opts in.')
param tagName string

@description('The value of that tag.')
param tagValue string

resource wanted 'Microsoft.Authorization/policyDefinitions@2023-04-01' = {
  name: 'hsm-wanted'
  properties: {
    displayName: 'Subscriptions that want an HSM'
    policyType: 'Custom'
    mode: 'All'
    policyRule: {
      if: {
        allOf: [
          {
            field: 'type'
            equals: 'Microsoft.Resources/subscriptions'
          }
          {
            field: 'tags[\'${tagName}\']'
            equals: tagValue
          }
        ]
      }
      then: {
        effect: 'audit'
      }
    }
  }
}

resource assigned 'Microsoft.Authorization/policyAssignments@2023-04-01' = {
  name: 'hsm-wanted'
  properties: {
    displayName: 'Subscriptions that want an HSM'
    policyDefinitionId: wanted.id
  }
}
