// Whom the service is: one user-assigned identity, without a secret.
@description('Region of the identity.')
param location string

@description('Name of the identity.')
param name string

@description('Tags of the identity.')
param tags object

resource identity 'Microsoft.ManagedIdentity/userAssignedIdentities@2023-01-31' = {
  name: name
  location: location
  tags: tags
}

@description('Resource id, by which the app names it.')
output id string = identity.id

@description('Object id, to which roles are given.')
output principalId string = identity.properties.principalId

@description('Client id, by which tokens are asked for.')
output clientId string = identity.properties.clientId
