// What the service may do: every custom role, and nothing else, so that a test can hold them against a journal of calls.
// No role here can assign roles, fetch a secret, decrypt, unwrap or sign.
targetScope = 'subscription'

@description('Ids of the subscriptions in which the roles can be assigned, that of the deployment included.')
param subscriptionIds array

@description('Part of the names of the roles: they are unique in a tenant.')
param suffix string

var assignableScopes = [for id in subscriptionIds: '/subscriptions/${id}']

resource provisioner 'Microsoft.Authorization/roleDefinitions@2022-04-01' = {
  name: guid(subscription().id, suffix, 'provisioner')
  properties: {
    roleName: 'HSM provisioner ${suffix}'
    description: 'Makes Managed HSMs and what belongs beside them, and changes both. Deletes no HSM.'
    type: 'CustomRole'
    assignableScopes: assignableScopes
    permissions: [
      {
        actions: [
          'Microsoft.Authorization/locks/delete'
          'Microsoft.Authorization/locks/read'
          'Microsoft.Authorization/locks/write'
          'Microsoft.Authorization/permissions/read'
          'Microsoft.EventHub/namespaces/authorizationRules/listKeys/action'
          'Microsoft.EventHub/namespaces/authorizationRules/read'
          'Microsoft.Insights/actionGroups/read'
          'Microsoft.Insights/activityLogAlerts/delete'
          'Microsoft.Insights/activityLogAlerts/read'
          'Microsoft.Insights/activityLogAlerts/write'
          'Microsoft.Insights/diagnosticSettings/read'
          'Microsoft.Insights/diagnosticSettings/write'
          'Microsoft.Insights/metricAlerts/delete'
          'Microsoft.Insights/metricAlerts/read'
          'Microsoft.Insights/metricAlerts/write'
          'Microsoft.Insights/metrics/read'
          'Microsoft.Insights/scheduledQueryRules/delete'
          'Microsoft.Insights/scheduledQueryRules/read'
          'Microsoft.Insights/scheduledQueryRules/write'
          'Microsoft.KeyVault/checkMhsmNameAvailability/read'
          'Microsoft.KeyVault/deletedManagedHsms/read'
          'Microsoft.KeyVault/locations/deletedManagedHsms/read'
          'Microsoft.KeyVault/locations/managedHsmOperationResults/read'
          'Microsoft.KeyVault/managedHSMs/privateEndpointConnections/read'
          'Microsoft.KeyVault/managedHSMs/privateEndpointConnections/write'
          'Microsoft.KeyVault/managedHSMs/privateEndpointConnectionsApproval/action'
          'Microsoft.KeyVault/managedHSMs/privateLinkResources/read'
          'Microsoft.KeyVault/managedHSMs/read'
          'Microsoft.KeyVault/managedHSMs/write'
          'Microsoft.KeyVault/register/action'
          'Microsoft.Network/networkInterfaces/read'
          'Microsoft.Network/privateDnsZones/join/action'
          'Microsoft.Network/privateDnsZones/read'
          'Microsoft.Network/privateEndpoints/delete'
          'Microsoft.Network/privateEndpoints/privateDnsZoneGroups/delete'
          'Microsoft.Network/privateEndpoints/privateDnsZoneGroups/read'
          'Microsoft.Network/privateEndpoints/privateDnsZoneGroups/write'
          'Microsoft.Network/privateEndpoints/read'
          'Microsoft.Network/privateEndpoints/write'
          'Microsoft.Network/virtualNetworks/join/action'
          'Microsoft.Network/virtualNetworks/read'
          'Microsoft.Network/virtualNetworks/subnets/join/action'
          'Microsoft.Network/virtualNetworks/subnets/joinViaServiceEndpoint/action'
          'Microsoft.Network/virtualNetworks/subnets/read'
          'Microsoft.OperationalInsights/workspaces/read'
          'Microsoft.OperationalInsights/workspaces/sharedKeys/action'
          'Microsoft.Resources/subscriptions/operationresults/read'
          'Microsoft.Resources/subscriptions/providers/read'
          'Microsoft.Resources/subscriptions/read'
          'Microsoft.Resources/subscriptions/resourceGroups/read'
          'Microsoft.Resources/subscriptions/resourceGroups/write'
          'Microsoft.Storage/storageAccounts/listKeys/action'
          'Microsoft.Storage/storageAccounts/read'
        ]
        notActions: []
        dataActions: []
        notDataActions: []
      }
    ]
  }
}

resource destroyer 'Microsoft.Authorization/roleDefinitions@2022-04-01' = {
  name: guid(subscription().id, suffix, 'destroyer')
  properties: {
    roleName: 'HSM provisioner: deletion ${suffix}'
    description: 'Deletes and purges Managed HSMs, and resource groups.'
    type: 'CustomRole'
    assignableScopes: assignableScopes
    permissions: [
      {
        actions: [
          'Microsoft.KeyVault/locations/deletedManagedHsms/purge/action'
          'Microsoft.KeyVault/managedHSMs/delete'
          'Microsoft.Resources/subscriptions/resourceGroups/delete'
        ]
        notActions: []
        dataActions: []
        notDataActions: []
      }
    ]
  }
}

// "Key Vault Certificate User" has getSecret, which gives the private key away: hence a role of our own.
resource wrappingKeyReader 'Microsoft.Authorization/roleDefinitions@2022-04-01' = {
  name: guid(subscription().id, suffix, 'wrapping-key-reader')
  properties: {
    roleName: 'HSM provisioner: wrapping keys ${suffix}'
    description: 'Reads certificates and the properties of keys and of their vault. Never a private key.'
    type: 'CustomRole'
    assignableScopes: assignableScopes
    permissions: [
      {
        actions: [
          'Microsoft.KeyVault/vaults/read'
        ]
        notActions: []
        dataActions: [
          'Microsoft.KeyVault/vaults/certificates/read'
          'Microsoft.KeyVault/vaults/keys/read'
        ]
        notDataActions: []
      }
    ]
  }
}

// "add" creates a blob and changes none. Writing one that is there needs "write", which the role has not.
resource archivist 'Microsoft.Authorization/roleDefinitions@2022-04-01' = {
  name: guid(subscription().id, suffix, 'archivist')
  properties: {
    roleName: 'HSM provisioner: archive ${suffix}'
    description: 'Reads and creates blobs. Deletes and overwrites none, and changes no policy.'
    type: 'CustomRole'
    assignableScopes: assignableScopes
    permissions: [
      {
        actions: [
          'Microsoft.Storage/storageAccounts/blobServices/containers/read'
        ]
        notActions: []
        dataActions: [
          'Microsoft.Storage/storageAccounts/blobServices/containers/blobs/add/action'
          'Microsoft.Storage/storageAccounts/blobServices/containers/blobs/read'
        ]
        notDataActions: []
      }
    ]
  }
}

resource recordKeeper 'Microsoft.Authorization/roleDefinitions@2022-04-01' = {
  name: guid(subscription().id, suffix, 'record-keeper')
  properties: {
    roleName: 'HSM provisioner: records ${suffix}'
    description: 'Reads, writes and deletes blobs of the containers that change.'
    type: 'CustomRole'
    assignableScopes: assignableScopes
    permissions: [
      {
        actions: [
          'Microsoft.Storage/storageAccounts/blobServices/containers/read'
        ]
        notActions: []
        dataActions: [
          'Microsoft.Storage/storageAccounts/blobServices/containers/blobs/add/action'
          'Microsoft.Storage/storageAccounts/blobServices/containers/blobs/delete'
          'Microsoft.Storage/storageAccounts/blobServices/containers/blobs/read'
          'Microsoft.Storage/storageAccounts/blobServices/containers/blobs/write'
        ]
        notDataActions: []
      }
    ]
  }
}

@description('The role that makes HSMs, changes them and hands them over.')
output provisionerRoleId string = provisioner.id

@description('The role that deletes and purges.')
output destroyerRoleId string = destroyer.id

@description('The role on vaults with wrapping keys.')
output wrappingKeyReaderRoleId string = wrappingKeyReader.id

@description('The role on the containers that nobody ever changes.')
output archivistRoleId string = archivist.id

@description('The role on the containers that change.')
output recordKeeperRoleId string = recordKeeper.id
