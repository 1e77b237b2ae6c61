#!/bin/sh
# Sends new subscriptions to the function, which must be deployed by then.
set -eu
az deployment group create --resource-group "$AZURE_RESOURCE_GROUP" --name event-subscription --output none \
  --template-file infra/event-subscription.bicep --parameters topicName="$SUBSCRIPTIONS_TOPIC" appId="$APP_ID" \
  hostStorageId="$DEAD_LETTERS_ACCOUNT_ID" deadLettersName="$DEAD_LETTERS_CONTAINER"
