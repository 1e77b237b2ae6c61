// One network: a subnet that the app goes out by, one with the private endpoints, and the zones that name these.
@description('Region of the network.')
param location string

@description('Name of the network.')
param name string

@description('Address range of the network.')
param addressPrefix string

@description('Part of it that the app goes out by.')
param appAddressPrefix string

@description('Part of it with the private endpoints.')
param endpointAddressPrefix string

@description('Tags of the network.')
param tags object

var zoneNames = [
  'privatelink.blob.${environment().suffixes.storage}'
  'privatelink.vaultcore.azure.net'
  'privatelink.managedhsm.azure.net'
  'privatelink.eventgrid.azure.net'
]

resource appRules 'Microsoft.Network/networkSecurityGroups@2024-05-01' = {
  name: '${name}-app'
  location: location
  tags: tags
}

resource endpointRules 'Microsoft.Network/networkSecurityGroups@2024-05-01' = {
  name: '${name}-endpoints'
  location: location
  tags: tags
}

resource network 'Microsoft.Network/virtualNetworks@2024-05-01' = {
  name: name
  location: location
  tags: tags
  properties: {
    addressSpace: {
      addressPrefixes: [
        addressPrefix
      ]
    }
    subnets: [
      {
        name: 'app'
        properties: {
          addressPrefix: appAddressPrefix
          networkSecurityGroup: {
            id: appRules.id
          }
          delegations: [
            {
              name: 'app'
              properties: {
                serviceName: 'Microsoft.App/environments'
              }
            }
          ]
        }
      }
      {
        name: 'endpoints'
        properties: {
          addressPrefix: endpointAddressPrefix
          privateEndpointNetworkPolicies: 'Enabled'
          networkSecurityGroup: {
            id: endpointRules.id
          }
        }
      }
    ]
  }
}

resource zones 'Microsoft.Network/privateDnsZones@2024-06-01' = [for zone in zoneNames: {
  name: zone
  location: 'global'
  tags: tags
}]

resource links 'Microsoft.Network/privateDnsZones/virtualNetworkLinks@2024-06-01' = [for (zone, i) in zoneNames: {
  parent: zones[i]
  name: name
  location: 'global'
  tags: tags
  properties: {
    registrationEnabled: false
    virtualNetwork: {
      id: network.id
    }
  }
}]

@description('The subnet that the app goes out by.')
output appSubnetId string = network.properties.subnets[0].id

@description('The subnet with the private endpoints.')
output endpointSubnetId string = network.properties.subnets[1].id

@description('The zone of blobs.')
output blobZoneId string = zones[0].id

@description('The zone of vaults.')
output vaultZoneId string = zones[1].id

@description('The zone of topics.')
output eventGridZoneId string = zones[3].id
