// The app: one Function App on Flex Consumption, without any secret in its settings.
@description('Region of the app.')
param location string

@description('Name of the app and its plan.')
param name string

@description('Resource id of the identity of the service.')
param identityId string

@description('Client id of that identity.')
param identityClientId string

@description('Name of the account of the Functions host.')
param hostStorageName string

@description('Address of the container with the deployed package.')
param packagesUrl string

@description('The subnet that the app goes out by. Empty: the internet.')
param subnetId string

@description('Instances that are always there for orchestrations and activities. Each costs, used or not.')
param alwaysReadyDurable int

@description('Instances that are always there for requests. Each costs, used or not.')
param alwaysReadyHttp int

@description('How many instances there may be of each kind.')
param maximumInstances int

@description('Address of the Durable Task Scheduler.')
param schedulerEndpoint string

@description('Name of the task hub.')
param taskHubName string

@description('Where telemetry goes. It is an address, not a secret: whoever sends needs a role.')
param telemetryConnectionString string

@description('The settings HSM_PROVISIONER_*.')
param serviceSettings object

@description('Tags of the app.')
param tags object

var platformSettings = {
  APPLICATIONINSIGHTS_AUTHENTICATION_STRING: 'ClientId=${identityClientId};Authorization=AAD'
  APPLICATIONINSIGHTS_CONNECTION_STRING: telemetryConnectionString
  AzureWebJobsStorage__accountName: hostStorageName
  AzureWebJobsStorage__clientId: identityClientId
  AzureWebJobsStorage__credential: 'managedidentity'
  DURABLE_TASK_SCHEDULER_CONNECTION_STRING: 'Endpoint=${schedulerEndpoint};Authentication=ManagedIdentity;ClientID=${identityClientId}'
  TASKHUB_NAME: taskHubName
}

resource plan 'Microsoft.Web/serverfarms@2024-04-01' = {
  // checkov:skip=CKV_AZURE_225: Flex Consumption is made zone redundant where a region offers it, which we leave open.
  name: name
  location: location
  tags: tags
  kind: 'functionapp'
  sku: {
    name: 'FC1'
    tier: 'FlexConsumption'
  }
  properties: {
    reserved: true
  }
}

resource app 'Microsoft.Web/sites@2024-04-01' = {
  // checkov:skip=CKV_AZURE_222: Callers reach the API from outside; each request needs a token of Entra.
  // checkov:skip=CKV_AZURE_17: Callers show a token of Entra, and no client certificate.
  // checkov:skip=CKV_AZURE_212: Flex Consumption scales by itself; alwaysReady says how many are always there.
  // checkov:skip=CKV_AZURE_213: Flex Consumption replaces instances by itself, and has no health check of App Service.
  name: name
  location: location
  tags: union(tags, {
    'azd-service-name': 'app'
  })
  kind: 'functionapp,linux'
  identity: {
    type: 'UserAssigned'
    userAssignedIdentities: {
      '${identityId}': {}
    }
  }
  properties: {
    serverFarmId: plan.id
    httpsOnly: true
    virtualNetworkSubnetId: empty(subnetId) ? null : subnetId
    functionAppConfig: {
      deployment: {
        storage: {
          type: 'blobContainer'
          value: packagesUrl
          authentication: {
            type: 'UserAssignedIdentity'
            userAssignedIdentityResourceId: identityId
          }
        }
      }
      runtime: {
        name: 'python'
        version: '3.13'
      }
      scaleAndConcurrency: {
        instanceMemoryMB: 2048
        maximumInstanceCount: maximumInstances
        alwaysReady: [
          {
            name: 'durable'
            instanceCount: alwaysReadyDurable
          }
          {
            name: 'http'
            instanceCount: alwaysReadyHttp
          }
        ]
      }
    }
    siteConfig: {
      minTlsVersion: '1.2'
      scmMinTlsVersion: '1.2'
      ftpsState: 'Disabled'
      http20Enabled: true
    }
  }
}

resource settings 'Microsoft.Web/sites/config@2024-04-01' = {
  // checkov:skip=CKV_AZURE_13: The app validates tokens itself: docs/decisions/0004-the-token-is-the-one-door.md.
  // checkov:skip=CKV_AZURE_222: This is the list of app settings, which has no network; the rule is about the app.
  // checkov:skip=CKV_AZURE_63: This is the list of app settings; Application Insights has every request.
  // checkov:skip=CKV_AZURE_65: This is the list of app settings; Application Insights has every error.
  // checkov:skip=CKV_AZURE_66: This is the list of app settings; Application Insights has every failed request.
  // checkov:skip=CKV_AZURE_80: There is no .NET here.
  // checkov:skip=CKV_AZURE_88: Flex Consumption takes the package from a blob container; a file share needs a key.
  parent: app
  name: 'appsettings'
  properties: union(platformSettings, serviceSettings)
}

resource noFtp 'Microsoft.Web/sites/basicPublishingCredentialsPolicies@2024-04-01' = {
  parent: app
  name: 'ftp'
  properties: {
    allow: false
  }
}

resource noPublishingPassword 'Microsoft.Web/sites/basicPublishingCredentialsPolicies@2024-04-01' = {
  parent: app
  name: 'scm'
  properties: {
    allow: false
  }
}

@description('Resource id of the app.')
output id string = app.id
