// The security domain account: what is stored here outlives every HSM, and some of it nobody can change.
@description('Region of the account.')
param location string

@description('Name of the account.')
param name string

@description('Whether the account is kept in a second region, too.')
param geoRedundant bool

@description('Days for which a blob of the archive and of the audit log can be neither changed nor deleted.')
param retentionDays int

@description('Object id of the identity of the service.')
param principalId string

@description('Resource id of the identity of the service, which also reads the key of the account, if there is one.')
param identityId string

@description('Address of the key that encrypts the account, without a version. Empty: a key of Microsoft.')
param encryptionKeyUri string

@description('The role on the containers that nobody ever changes.')
param archivistRoleId string

@description('The role on the containers that change.')
param recordKeeperRoleId string

@description('Object id of the group of the custodians, who read the stored security domains. Empty: nobody does.')
param custodiansGroupId string

@description('`Disabled`: only private endpoints lead here; or `Enabled`.')
param publicNetworkAccess string = 'Disabled'

@description('`Deny` or `Allow`: what the firewall does with whom no rule names.')
param defaultNetworkAction string = 'Deny'

@description('The workspace that every read is logged in.')
param workspaceId string

@description('Tags of the account.')
param tags object

var ownKey = {
  keySource: 'Microsoft.Keyvault'
  requireInfrastructureEncryption: true
  identity: {
    userAssignedIdentity: identityId
  }
  keyvaultproperties: {
    keyvaulturi: empty(encryptionKeyUri) ? '' : 'https://${split(encryptionKeyUri, '/')[2]}'
    keyname: empty(encryptionKeyUri) ? '' : split(encryptionKeyUri, '/')[4]
  }
}
var keyOfMicrosoft = {
  keySource: 'Microsoft.Storage'
  requireInfrastructureEncryption: true
}

resource account 'Microsoft.Storage/storageAccounts@2024-01-01' = {
  // checkov:skip=CKV_AZURE_35: The parameter's default does that; checkov does not always see the default.
  // checkov:skip=CKV_AZURE_59: The parameter's default does that; checkov does not always see the default.
  // checkov:skip=CKV_AZURE_206: Geo-redundancy is the parameter geoRedundant, which not every region offers.
  // checkov:skip=CKV_AZURE_33: There is no queue here.
  name: name
  location: location
  tags: tags
  kind: 'StorageV2'
  sku: {
    name: geoRedundant ? 'Standard_RAGZRS' : 'Standard_ZRS'
  }
  identity: {
    type: 'UserAssigned'
    userAssignedIdentities: {
      '${identityId}': {}
    }
  }
  properties: {
    allowBlobPublicAccess: false
    allowSharedKeyAccess: false
    allowCrossTenantReplication: false
    defaultToOAuthAuthentication: true
    minimumTlsVersion: 'TLS1_2'
    supportsHttpsTrafficOnly: true
    publicNetworkAccess: publicNetworkAccess
    networkAcls: {
      bypass: 'AzureServices'
      defaultAction: defaultNetworkAction
    }
    encryption: empty(encryptionKeyUri) ? keyOfMicrosoft : ownKey
  }
}

resource blobs 'Microsoft.Storage/storageAccounts/blobServices@2024-01-01' = {
  parent: account
  name: 'default'
  properties: {
    isVersioningEnabled: true
    deleteRetentionPolicy: {
      enabled: true
      days: 30
    }
    containerDeleteRetentionPolicy: {
      enabled: true
      days: 30
    }
  }
}

resource domains 'Microsoft.Storage/storageAccounts/blobServices/containers@2024-01-01' = {
  parent: blobs
  name: 'security-domains'
  properties: {
    publicAccess: 'None'
  }
}

resource records 'Microsoft.Storage/storageAccounts/blobServices/containers@2024-01-01' = {
  parent: blobs
  name: 'hsm-records'
  properties: {
    publicAccess: 'None'
  }
}

resource audit 'Microsoft.Storage/storageAccounts/blobServices/containers@2024-01-01' = {
  parent: blobs
  name: 'audit'
  properties: {
    publicAccess: 'None'
  }
}

resource restoreBlobs 'Microsoft.Storage/storageAccounts/blobServices/containers@2024-01-01' = {
  parent: blobs
  name: 'restore-blobs'
  properties: {
    publicAccess: 'None'
  }
}

// Unlocked: a template cannot lock a policy. infra/hooks/lock does, where LOCK_ARCHIVE says so.
resource domainsKept 'Microsoft.Storage/storageAccounts/blobServices/containers/immutabilityPolicies@2024-01-01' = {
  parent: domains
  name: 'default'
  properties: {
    allowProtectedAppendWrites: false
    immutabilityPeriodSinceCreationInDays: retentionDays
  }
}

resource auditKept 'Microsoft.Storage/storageAccounts/blobServices/containers/immutabilityPolicies@2024-01-01' = {
  parent: audit
  name: 'default'
  properties: {
    allowProtectedAppendWrites: false
    immutabilityPeriodSinceCreationInDays: retentionDays
  }
}

resource archivesDomains 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  name: guid(domains.id, principalId, archivistRoleId)
  scope: domains
  properties: {
    principalId: principalId
    principalType: 'ServicePrincipal'
    roleDefinitionId: archivistRoleId
  }
}

resource archivesAudit 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  name: guid(audit.id, principalId, archivistRoleId)
  scope: audit
  properties: {
    principalId: principalId
    principalType: 'ServicePrincipal'
    roleDefinitionId: archivistRoleId
  }
}

resource keepsRecords 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  name: guid(records.id, principalId, recordKeeperRoleId)
  scope: records
  properties: {
    principalId: principalId
    principalType: 'ServicePrincipal'
    roleDefinitionId: recordKeeperRoleId
  }
}

resource takesRestoreBlobs 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  name: guid(restoreBlobs.id, principalId, recordKeeperRoleId)
  scope: restoreBlobs
  properties: {
    principalId: principalId
    principalType: 'ServicePrincipal'
    roleDefinitionId: recordKeeperRoleId
  }
}

// Storage Blob Data Reader
resource custodiansRead 'Microsoft.Authorization/roleAssignments@2022-04-01' = if (!empty(custodiansGroupId)) {
  name: guid(domains.id, custodiansGroupId, 'custodians')
  scope: domains
  properties: {
    principalId: custodiansGroupId
    principalType: 'Group'
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', '2a2b9908-6ea1-4ae2-8e65-a410df84e7d1')
  }
}

resource logs 'Microsoft.Insights/diagnosticSettings@2021-05-01-preview' = {
  name: 'every-access'
  scope: blobs
  properties: {
    workspaceId: workspaceId
    logs: [
      {
        category: 'StorageRead'
        enabled: true
      }
      {
        category: 'StorageWrite'
        enabled: true
      }
      {
        category: 'StorageDelete'
        enabled: true
      }
    ]
  }
}

@description('Resource id of the account.')
output id string = account.id

@description('Name of the account.')
output name string = account.name

@description('Address of the account, without a slash at its end.')
output url string = 'https://${account.name}.blob.${environment().suffixes.storage}'
