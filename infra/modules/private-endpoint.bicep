// One private endpoint, and its name.
@description('Region of the endpoint.')
param location string

@description('Name of the endpoint.')
param name string

@description('The subnet it lies in.')
param subnetId string

@description('What it leads to.')
param targetId string

@description('Which part of that: `blob`, `vault` or `topic`.')
param groupId string

@description('The private DNS zone that names it.')
param zoneId string

@description('Tags of the endpoint.')
param tags object

resource endpoint 'Microsoft.Network/privateEndpoints@2024-05-01' = {
  name: name
  location: location
  tags: tags
  properties: {
    subnet: {
      id: subnetId
    }
    privateLinkServiceConnections: [
      {
        name: name
        properties: {
          privateLinkServiceId: targetId
          groupIds: [
            groupId
          ]
        }
      }
    ]
  }
}

resource names 'Microsoft.Network/privateEndpoints/privateDnsZoneGroups@2024-05-01' = {
  parent: endpoint
  name: 'default'
  properties: {
    privateDnsZoneConfigs: [
      {
        name: groupId
        properties: {
          privateDnsZoneId: zoneId
        }
      }
    ]
  }
}
