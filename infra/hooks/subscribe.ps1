# Sends new subscriptions to the function, which must be deployed by then.
$ErrorActionPreference = 'Stop'
$PSNativeCommandUseErrorActionPreference = $true
az deployment group create --resource-group $env:AZURE_RESOURCE_GROUP --name event-subscription --output none `
  --template-file infra/event-subscription.bicep --parameters topicName=$env:SUBSCRIPTIONS_TOPIC appId=$env:APP_ID `
  hostStorageId=$env:DEAD_LETTERS_ACCOUNT_ID deadLettersName=$env:DEAD_LETTERS_CONTAINER
