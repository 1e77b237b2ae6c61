// What the service may do in one subscription that gets HSMs.
targetScope = 'subscription'

@description('Object id of the identity of the service.')
param principalId string

@description('The role that makes HSMs, changes them and hands them over.')
param provisionerRoleId string

@description('The role that deletes and purges.')
param destroyerRoleId string

@description('Whether the service may delete and purge here.')
param allowDeletion bool

resource provisions 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  name: guid(subscription().id, principalId, provisionerRoleId)
  properties: {
    principalId: principalId
    principalType: 'ServicePrincipal'
    roleDefinitionId: provisionerRoleId
  }
}

resource destroys 'Microsoft.Authorization/roleAssignments@2022-04-01' = if (allowDeletion) {
  name: guid(subscription().id, principalId, destroyerRoleId)
  properties: {
    principalId: principalId
    principalType: 'ServicePrincipal'
    roleDefinitionId: destroyerRoleId
  }
}
