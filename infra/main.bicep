// All that the service is in Azure, in one resource group, with its roles on the subscriptions that get HSMs.
targetScope = 'subscription'

@description('Name of the environment, part of all names: 2 to 12 lower-case letters and digits.')
@minLength(2)
@maxLength(12)
param environmentName string

@description('Region of everything.')
param location string

@description('Who may ask for what, as JSON: docs/policy.md.')
param policy string

@description('Ids of the subscriptions that get HSMs.')
param subscriptionIds array = [
  subscription().subscriptionId
]

@description('Whether the service may delete and purge HSMs. Without it, what was made is there, and paid for, until somebody else deletes it.')
param allowDeletion bool = false

@description('Object id of the group of the custodians, who read the stored security domains. Keep operators out of it. Empty: nobody does.')
param custodiansGroupId string = ''

@description('Whether network integration and private endpoints are made. The API itself is reached from outside.')
param privateNetwork bool = true

@description('Address range of the network.')
param addressPrefix string = '10.80.0.0/24'

@description('Part of it that the app goes out by. It cannot be changed while the app uses it.')
param appAddressPrefix string = '10.80.0.0/26'

@description('Part of it with the private endpoints.')
param endpointAddressPrefix string = '10.80.0.64/26'

@description('Days for which the archive and the audit log can be neither changed nor deleted. Once locked it can only be made longer.')
@minValue(1)
@maxValue(146000)
param retentionDays int = 365

@description('Whether the security domain account is kept in a second region, too.')
param geoRedundant bool = false

@description('Address of the key that encrypts the security domain account, without a version. Empty: a key of Microsoft. Whoever loses the key loses the archive.')
param encryptionKeyUri string = ''

@description('Whether a Key Vault for wrapping certificates is made. It has purge protection for good.')
param wrappingVault bool = false

@description('Object id of whoever may tell of new subscriptions. Empty: nobody may.')
param subscriptionPublisherId string = ''

@description('Address to which alerts are mailed. Empty: nobody is told.')
param alertEmail string = ''

@description('What the resource group may cost a month, in the currency of the bill, before an alert. 0: no budget. It needs an address for alerts.')
param monthlyBudget int = 0

@description('First day of the month from which on the budget counts.')
param budgetStart string = utcNow('yyyy-MM-01')

@description('Days for which logs are kept.')
@minValue(30)
@maxValue(730)
param logRetentionDays int = 365

@description('Instances that are always there for orchestrations and activities. Each costs, used or not.')
@minValue(0)
param alwaysReadyDurable int = 1

@description('Instances that are always there for requests. Each costs, used or not.')
@minValue(0)
param alwaysReadyHttp int = 1

@description('How many instances of the app there may be.')
param maximumInstances int = 40

@description('`Consumption` or `Dedicated`.')
@allowed([
  'Consumption'
  'Dedicated'
])
param schedulerSku string = 'Consumption'

@description('From which addresses the scheduler may be reached. An identity with a role is needed from each.')
param schedulerAddresses array = [
  '0.0.0.0/0'
]

@description('Stops all creation of HSMs at once.')
param stopCreation bool = false

@description('Stops all destruction, exports and full backups at once.')
param stopDestructionAndExport bool = false

@description('Seconds of the first pause between two looks at long work of Azure.')
param pollSeconds int = 15

@description('HSMs that Azure allows for each subscription and region.')
param hsmQuota int = 5

@description('Minutes that an operation may take.')
param deadlineMinutes int = 180

@description('Minutes that an operation waits for a private endpoint and a way to the HSM.')
param connectionMinutes int = 10

@description('Days that a restore waits for its custodians.')
param restoreBlobDays int = 14

@description('When all stored security domains are verified: NCRONTAB, six fields, UTC.')
param verificationSchedule string = '0 0 3 * * *'

@description('When what costs money for nothing is cleaned up.')
param cleanupSchedule string = '0 0 4 * * *'

@description('When records are held against Azure.')
param reconciliationSchedule string = '0 37 * * * *'

@description('When HSMs are looked at whose next full backup may be due.')
param backupSchedule string = '0 17 * * * *'

@description('Days for which the engine keeps what ended.')
param historyDays int = 30

@description('Days for which the answer of a custodian to a share check counts.')
param shareCheckValidDays int = 180

@description('Days that a custodian may take for it.')
param shareCheckAnswerDays int = 14

@description('Tags of everything.')
param tags object = {}

var name = 'hsm-${environmentName}'
var unique = take(uniqueString(subscription().id, environmentName, location), 8)
var allTags = union(tags, {
  'azd-env-name': environmentName
})
var publicNetworkAccess = privateNetwork ? 'Disabled' : 'Enabled'
var defaultNetworkAction = privateNetwork ? 'Deny' : 'Allow'
var appName = '${name}-${unique}'

resource group 'Microsoft.Resources/resourceGroups@2024-03-01' = {
  name: 'rg-${name}'
  location: location
  tags: allTags
}

module roles 'modules/roles.bicep' = {
  name: 'roles'
  params: {
    subscriptionIds: union(subscriptionIds, [
      subscription().subscriptionId
    ])
    suffix: environmentName
  }
}

module identity 'modules/identity.bicep' = {
  name: 'identity'
  scope: group
  params: {
    location: location
    name: name
    tags: allTags
  }
}

module access 'modules/subscription-access.bicep' = [for id in subscriptionIds: {
  name: 'access-${id}'
  scope: subscription(id)
  params: {
    principalId: identity.outputs.principalId
    provisionerRoleId: roles.outputs.provisionerRoleId
    destroyerRoleId: roles.outputs.destroyerRoleId
    allowDeletion: allowDeletion
  }
}]

module registration 'modules/registration.bicep' = {
  name: 'registration'
  scope: group
  params: {
    name: name
    appUrl: 'https://${appName}.azurewebsites.net'
  }
}

module observability 'modules/observability.bicep' = {
  name: 'observability'
  scope: group
  params: {
    location: location
    name: name
    logRetentionDays: logRetentionDays
    principalId: identity.outputs.principalId
    alertEmail: alertEmail
    tags: allTags
  }
}

module network 'modules/network.bicep' = if (privateNetwork) {
  name: 'network'
  scope: group
  params: {
    location: location
    name: name
    addressPrefix: addressPrefix
    appAddressPrefix: appAddressPrefix
    endpointAddressPrefix: endpointAddressPrefix
    tags: allTags
  }
}

module hostStorage 'modules/host-storage.bicep' = {
  name: 'host-storage'
  scope: group
  params: {
    location: location
    name: 'hsmhost${unique}'
    principalId: identity.outputs.principalId
    publicNetworkAccess: publicNetworkAccess
    defaultNetworkAction: defaultNetworkAction
    tags: allTags
  }
}

module storage 'modules/storage.bicep' = {
  name: 'storage'
  scope: group
  params: {
    location: location
    name: 'hsmarchive${unique}'
    geoRedundant: geoRedundant
    retentionDays: retentionDays
    principalId: identity.outputs.principalId
    identityId: identity.outputs.id
    encryptionKeyUri: encryptionKeyUri
    archivistRoleId: roles.outputs.archivistRoleId
    recordKeeperRoleId: roles.outputs.recordKeeperRoleId
    custodiansGroupId: custodiansGroupId
    publicNetworkAccess: publicNetworkAccess
    defaultNetworkAction: defaultNetworkAction
    workspaceId: observability.outputs.workspaceId
    tags: allTags
  }
}

module wrappingKeys 'modules/wrapping-keys.bicep' = if (wrappingVault) {
  name: 'wrapping-keys'
  scope: group
  params: {
    location: location
    name: 'hsmwrap${unique}'
    principalId: identity.outputs.principalId
    wrappingKeyReaderRoleId: roles.outputs.wrappingKeyReaderRoleId
    publicNetworkAccess: publicNetworkAccess
    defaultNetworkAction: defaultNetworkAction
    workspaceId: observability.outputs.workspaceId
    tags: allTags
  }
}

module durable 'modules/durable.bicep' = {
  name: 'durable'
  scope: group
  params: {
    location: location
    name: name
    taskHubName: 'hsmprovisioner'
    skuName: schedulerSku
    ipAllowlist: schedulerAddresses
    principalId: identity.outputs.principalId
    tags: allTags
  }
}

module events 'modules/events.bicep' = {
  name: 'events'
  scope: group
  params: {
    location: location
    name: '${name}-${unique}'
    principalId: identity.outputs.principalId
    subscriptionPublisherId: subscriptionPublisherId
    hostStorageName: hostStorage.outputs.name
    publicNetworkAccess: publicNetworkAccess
    tags: allTags
  }
}

module hostStorageEndpoint 'modules/private-endpoint.bicep' = if (privateNetwork) {
  name: 'host-storage-endpoint'
  scope: group
  params: {
    location: location
    name: '${name}-host'
    subnetId: network.outputs.endpointSubnetId
    targetId: hostStorage.outputs.id
    groupId: 'blob'
    zoneId: network.outputs.blobZoneId
    tags: allTags
  }
}

module storageEndpoint 'modules/private-endpoint.bicep' = if (privateNetwork) {
  name: 'storage-endpoint'
  scope: group
  params: {
    location: location
    name: '${name}-archive'
    subnetId: network.outputs.endpointSubnetId
    targetId: storage.outputs.id
    groupId: 'blob'
    zoneId: network.outputs.blobZoneId
    tags: allTags
  }
}

module eventsEndpoint 'modules/private-endpoint.bicep' = if (privateNetwork) {
  name: 'events-endpoint'
  scope: group
  params: {
    location: location
    name: '${name}-events'
    subnetId: network.outputs.endpointSubnetId
    targetId: events.outputs.toldId
    groupId: 'topic'
    zoneId: network.outputs.eventGridZoneId
    tags: allTags
  }
}

module subscriptionsEndpoint 'modules/private-endpoint.bicep' = if (privateNetwork) {
  name: 'subscriptions-endpoint'
  scope: group
  params: {
    location: location
    name: '${name}-subscriptions'
    subnetId: network.outputs.endpointSubnetId
    targetId: events.outputs.subscriptionsId
    groupId: 'topic'
    zoneId: network.outputs.eventGridZoneId
    tags: allTags
  }
}

module vaultEndpoint 'modules/private-endpoint.bicep' = if (privateNetwork && wrappingVault) {
  name: 'vault-endpoint'
  scope: group
  params: {
    location: location
    name: '${name}-vault'
    subnetId: network.outputs.endpointSubnetId
    targetId: wrappingKeys.outputs.id
    groupId: 'vault'
    zoneId: network.outputs.vaultZoneId
    tags: allTags
  }
}

module alerts 'modules/alerts.bicep' = {
  name: 'alerts'
  scope: group
  params: {
    location: location
    name: name
    workspaceId: observability.outputs.workspaceId
    actionGroupId: observability.outputs.actionGroupId
    subscriptionsTopicId: events.outputs.subscriptionsId
    archiveName: storage.outputs.name
    principalId: identity.outputs.principalId
    monthlyBudget: monthlyBudget
    budgetStart: budgetStart
    alertEmail: alertEmail
    tags: allTags
  }
}

module app 'modules/app.bicep' = {
  name: 'app'
  scope: group
  dependsOn: [
    hostStorageEndpoint
    storageEndpoint
  ]
  params: {
    location: location
    name: appName
    identityId: identity.outputs.id
    identityClientId: identity.outputs.clientId
    hostStorageName: hostStorage.outputs.name
    packagesUrl: hostStorage.outputs.packagesUrl
    subnetId: privateNetwork ? network.outputs.appSubnetId : ''
    alwaysReadyDurable: alwaysReadyDurable
    alwaysReadyHttp: alwaysReadyHttp
    maximumInstances: maximumInstances
    schedulerEndpoint: durable.outputs.endpoint
    taskHubName: durable.outputs.taskHubName
    telemetryConnectionString: observability.outputs.connectionString
    serviceSettings: {
      HSM_PROVISIONER_TENANT_ID: tenant().tenantId
      HSM_PROVISIONER_API_AUDIENCE: 'api://${registration.outputs.apiClientId}'
      HSM_PROVISIONER_STORAGE_ACCOUNT_URL: storage.outputs.url
      HSM_PROVISIONER_IDENTITY_CLIENT_ID: identity.outputs.clientId
      HSM_PROVISIONER_POLL_SECONDS: string(pollSeconds)
      HSM_PROVISIONER_HSM_QUOTA: string(hsmQuota)
      HSM_PROVISIONER_DEADLINE_MINUTES: string(deadlineMinutes)
      HSM_PROVISIONER_CONNECTION_MINUTES: string(connectionMinutes)
      HSM_PROVISIONER_RESTORE_BLOB_DAYS: string(restoreBlobDays)
      HSM_PROVISIONER_POLICY: policy
      HSM_PROVISIONER_STOP_CREATION: string(stopCreation)
      HSM_PROVISIONER_STOP_DESTRUCTION_AND_EXPORT: string(stopDestructionAndExport)
      HSM_PROVISIONER_CONSOLE_CLIENT_ID: registration.outputs.consoleClientId
      HSM_PROVISIONER_VERIFICATION_SCHEDULE: verificationSchedule
      HSM_PROVISIONER_CLEANUP_SCHEDULE: cleanupSchedule
      HSM_PROVISIONER_RECONCILIATION_SCHEDULE: reconciliationSchedule
      HSM_PROVISIONER_BACKUP_SCHEDULE: backupSchedule
      HSM_PROVISIONER_HISTORY_DAYS: string(historyDays)
      HSM_PROVISIONER_SHARE_CHECK_VALID_DAYS: string(shareCheckValidDays)
      HSM_PROVISIONER_SHARE_CHECK_ANSWER_DAYS: string(shareCheckAnswerDays)
      HSM_PROVISIONER_EVENTS_TOPIC: events.outputs.toldEndpoint
    }
    tags: allTags
  }
}

@description('Resource group of the service.')
output AZURE_RESOURCE_GROUP string = group.name

@description('Resource id of the app.')
output APP_ID string = app.outputs.id

@description('Name of the security domain account, for the hook that locks it.')
output ARCHIVE_ACCOUNT string = storage.outputs.name

@description('Name of the topic of new subscriptions, for the hook that subscribes to it.')
output SUBSCRIPTIONS_TOPIC string = events.outputs.subscriptionsName

@description('Resource id of the account with dead letters.')
output DEAD_LETTERS_ACCOUNT_ID string = hostStorage.outputs.id

@description('Name of the container with dead letters.')
output DEAD_LETTERS_CONTAINER string = hostStorage.outputs.deadLettersName
