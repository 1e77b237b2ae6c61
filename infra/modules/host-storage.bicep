// The account of the Functions host: its locks, the deployed package and dead letters. No security domain is ever here.
@description('Region of the account.')
param location string

@description('Name of the account.')
param name string

@description('Object id of the identity of the service.')
param principalId string

@description('`Disabled`: only private endpoints lead here; or `Enabled`.')
param publicNetworkAccess string = 'Disabled'

@description('`Deny` or `Allow`: what the firewall does with whom no rule names.')
param defaultNetworkAction string = 'Deny'

@description('Tags of the account.')
param tags object

resource account 'Microsoft.Storage/storageAccounts@2024-01-01' = {
  // checkov:skip=CKV_AZURE_35: The parameter's default does that; checkov does not always see the default.
  // checkov:skip=CKV_AZURE_59: The parameter's default does that; checkov does not always see the default.
  // checkov:skip=CKV_AZURE_206: What is here is made anew by a deployment; nothing is lost with the region.
  // checkov:skip=CKV_AZURE_33: The host uses no queue here; the engine is the Durable Task Scheduler.
  name: name
  location: location
  tags: tags
  kind: 'StorageV2'
  sku: {
    name: 'Standard_ZRS'
  }
  properties: {
    allowBlobPublicAccess: false
    allowSharedKeyAccess: false
    defaultToOAuthAuthentication: true
    minimumTlsVersion: 'TLS1_2'
    supportsHttpsTrafficOnly: true
    publicNetworkAccess: publicNetworkAccess
    networkAcls: {
      bypass: 'AzureServices'
      defaultAction: defaultNetworkAction
    }
  }
}

resource blobs 'Microsoft.Storage/storageAccounts/blobServices@2024-01-01' = {
  parent: account
  name: 'default'
}

resource packages 'Microsoft.Storage/storageAccounts/blobServices/containers@2024-01-01' = {
  parent: blobs
  name: 'packages'
  properties: {
    publicAccess: 'None'
  }
}

resource deadLetters 'Microsoft.Storage/storageAccounts/blobServices/containers@2024-01-01' = {
  parent: blobs
  name: 'dead-letters'
  properties: {
    publicAccess: 'None'
  }
}

// Storage Blob Data Owner, which the Functions host asks for.
resource hosts 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  name: guid(account.id, principalId, 'host')
  scope: account
  properties: {
    principalId: principalId
    principalType: 'ServicePrincipal'
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', 'b7e6dc6d-f1e8-4753-8033-0f276bb0955b')
  }
}

@description('Resource id of the account.')
output id string = account.id

@description('Name of the account.')
output name string = account.name

@description('Address of the container with the deployed package.')
output packagesUrl string = '${account.properties.primaryEndpoints.blob}${packages.name}'

@description('Name of the container with dead letters.')
output deadLettersName string = deadLetters.name
