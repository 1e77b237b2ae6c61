// The engine of the orchestrations.
@description('Region of the scheduler.')
param location string

@description('Name of the scheduler.')
param name string

@description('Name of the task hub.')
param taskHubName string

@description('`Consumption` or `Dedicated`.')
param skuName string

@description('From which addresses the scheduler may be reached. An identity with a role is needed from each.')
param ipAllowlist array

@description('Object id of the identity of the service.')
param principalId string

@description('Tags of the scheduler.')
param tags object

resource scheduler 'Microsoft.DurableTask/schedulers@2025-11-01' = {
  name: name
  location: location
  tags: tags
  properties: {
    ipAllowlist: ipAllowlist
    sku: {
      name: skuName
    }
  }
}

resource taskHub 'Microsoft.DurableTask/schedulers/taskHubs@2025-11-01' = {
  parent: scheduler
  name: taskHubName
}

// Durable Task Data Contributor
resource uses 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  name: guid(scheduler.id, principalId, 'data')
  scope: scheduler
  properties: {
    principalId: principalId
    principalType: 'ServicePrincipal'
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', '0ad04412-c4d5-4796-b79c-f76d14c8d402')
  }
}

@description('Address of the scheduler.')
output endpoint string = scheduler.properties.endpoint

@description('Name of the task hub.')
output taskHubName string = taskHub.name
