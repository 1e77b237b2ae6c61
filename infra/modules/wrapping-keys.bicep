// A vault for certificates whose keys wrap security domains. Custodians own them; the service reads certificates only.
@description('Region of the vault.')
param location string

@description('Name of the vault.')
param name string

@description('Object id of the identity of the service.')
param principalId string

@description('The role on vaults with wrapping keys.')
param wrappingKeyReaderRoleId string

@description('`Disabled`: only private endpoints lead here; or `Enabled`.')
param publicNetworkAccess string = 'Disabled'

@description('`Deny` or `Allow`: what the firewall does with whom no rule names.')
param defaultNetworkAction string = 'Deny'

@description('The workspace that every use is logged in.')
param workspaceId string

@description('Tags of the vault.')
param tags object

resource vault 'Microsoft.KeyVault/vaults@2023-07-01' = {
  // checkov:skip=CKV_AZURE_109: The parameter's default does that; checkov does not always see the default.
  // checkov:skip=CKV_AZURE_189: The parameter's default does that; checkov does not always see the default.
  name: name
  location: location
  tags: tags
  properties: {
    tenantId: tenant().tenantId
    sku: {
      family: 'A'
      name: 'premium'
    }
    enableRbacAuthorization: true
    enableSoftDelete: true
    softDeleteRetentionInDays: 90
    enablePurgeProtection: true
    publicNetworkAccess: publicNetworkAccess
    networkAcls: {
      bypass: 'AzureServices'
      defaultAction: defaultNetworkAction
    }
  }
}

resource reads 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  name: guid(vault.id, principalId, wrappingKeyReaderRoleId)
  scope: vault
  properties: {
    principalId: principalId
    principalType: 'ServicePrincipal'
    roleDefinitionId: wrappingKeyReaderRoleId
  }
}

resource logs 'Microsoft.Insights/diagnosticSettings@2021-05-01-preview' = {
  name: 'every-access'
  scope: vault
  properties: {
    workspaceId: workspaceId
    logs: [
      {
        category: 'AuditEvent'
        enabled: true
      }
    ]
  }
}

@description('Resource id of the vault.')
output id string = vault.id
