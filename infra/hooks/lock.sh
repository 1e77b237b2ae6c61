#!/bin/sh
# Locks what keeps the archive and the audit log from being changed, where LOCK_ARCHIVE is `true`. It cannot be undone.
set -eu
[ "${LOCK_ARCHIVE:-false}" = true ] || exit 0
for container in security-domains audit; do
  policy="--account-name $ARCHIVE_ACCOUNT --resource-group $AZURE_RESOURCE_GROUP --container-name $container"
  # shellcheck disable=SC2086 # several arguments, none with a blank in it
  etag=$(az storage container immutability-policy show $policy --query etag --output tsv)
  # shellcheck disable=SC2086
  az storage container immutability-policy lock $policy --if-match "$etag" --output none
done
