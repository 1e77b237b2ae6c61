// Two topics: what the service tells, and what tells the service of new subscriptions.
@description('Region of the topics.')
param location string

@description('Beginning of the names of the topics.')
param name string

@description('Object id of the identity of the service.')
param principalId string

@description('Object id of whoever may tell of new subscriptions. Empty: nobody may, until you give the role.')
param subscriptionPublisherId string

@description('Name of the account with dead letters.')
param hostStorageName string

@description('`Disabled`: only private endpoints lead here; or `Enabled`.')
param publicNetworkAccess string = 'Disabled'

@description('Tags of the topics.')
param tags object

var senderRoleId = subscriptionResourceId('Microsoft.Authorization/roleDefinitions', 'd5a91429-5739-47e2-a06b-3470a27159e7')

resource hostStorage 'Microsoft.Storage/storageAccounts@2024-01-01' existing = {
  name: hostStorageName
}

resource told 'Microsoft.EventGrid/topics@2022-06-15' = {
  // checkov:skip=CKV_AZURE_193: The parameter's default does that; checkov does not always see the default.
  name: '${name}-events'
  location: location
  tags: tags
  identity: {
    type: 'SystemAssigned'
  }
  properties: {
    inputSchema: 'CloudEventSchemaV1_0'
    disableLocalAuth: true
    publicNetworkAccess: publicNetworkAccess
  }
}

resource subscriptions 'Microsoft.EventGrid/topics@2022-06-15' = {
  // checkov:skip=CKV_AZURE_193: The parameter's default does that; checkov does not always see the default.
  name: '${name}-subscriptions'
  location: location
  tags: tags
  identity: {
    type: 'SystemAssigned'
  }
  properties: {
    inputSchema: 'CloudEventSchemaV1_0'
    disableLocalAuth: true
    publicNetworkAccess: publicNetworkAccess
  }
}

// EventGrid Data Sender, on the service's own topic alone.
resource tells 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  name: guid(told.id, principalId, 'sender')
  scope: told
  properties: {
    principalId: principalId
    principalType: 'ServicePrincipal'
    roleDefinitionId: senderRoleId
  }
}

resource tellsOfSubscriptions 'Microsoft.Authorization/roleAssignments@2022-04-01' = if (!empty(subscriptionPublisherId)) {
  name: guid(subscriptions.id, subscriptionPublisherId, 'sender')
  scope: subscriptions
  properties: {
    principalId: subscriptionPublisherId
    principalType: 'ServicePrincipal'
    roleDefinitionId: senderRoleId
  }
}

// Storage Blob Data Contributor: Event Grid writes dead letters as the topic.
resource keepsDeadLetters 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  name: guid(hostStorage.id, subscriptions.id, 'dead-letters')
  scope: hostStorage
  properties: {
    principalId: subscriptions.identity.principalId
    principalType: 'ServicePrincipal'
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', 'ba92f5b4-2d11-453d-a403-e96b0029c9fe')
  }
}

@description('Resource id of the topic that the service publishes to.')
output toldId string = told.id

@description('Its endpoint.')
output toldEndpoint string = told.properties.endpoint

@description('Resource id of the topic of new subscriptions.')
output subscriptionsId string = subscriptions.id

@description('Its name.')
output subscriptionsName string = subscriptions.name
