// Sends new subscriptions to the function. Deployed after the app: Event Grid looks whether the function is there.
@description('Name of the topic of new subscriptions.')
param topicName string

@description('Resource id of the app.')
param appId string

@description('Resource id of the account with dead letters.')
param hostStorageId string

@description('Name of the container with dead letters.')
param deadLettersName string

resource topic 'Microsoft.EventGrid/topics@2022-06-15' existing = {
  name: topicName
}

resource toTheService 'Microsoft.EventGrid/topics/eventSubscriptions@2022-06-15' = {
  parent: topic
  name: 'hsm-provisioner'
  properties: {
    eventDeliverySchema: 'CloudEventSchemaV1_0'
    destination: {
      endpointType: 'AzureFunction'
      properties: {
        resourceId: '${appId}/functions/subscription_events'
      }
    }
    deadLetterWithResourceIdentity: {
      identity: {
        type: 'SystemAssigned'
      }
      deadLetterDestination: {
        endpointType: 'StorageBlob'
        properties: {
          resourceId: hostStorageId
          blobContainerName: deadLettersName
        }
      }
    }
    retryPolicy: {
      eventTimeToLiveInMinutes: 1440
      maxDeliveryAttempts: 30
    }
  }
}
