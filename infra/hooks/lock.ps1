# Locks what keeps the archive and the audit log from being changed, where LOCK_ARCHIVE is `true`. It cannot be undone.
$ErrorActionPreference = 'Stop'
$PSNativeCommandUseErrorActionPreference = $true
if ($env:LOCK_ARCHIVE -ne 'true') { exit 0 }
foreach ($container in 'security-domains', 'audit') {
  $policy = '--account-name', $env:ARCHIVE_ACCOUNT, '--resource-group', $env:AZURE_RESOURCE_GROUP, '--container-name', $container
  $etag = az storage container immutability-policy show @policy --query etag --output tsv
  az storage container immutability-policy lock @policy --if-match $etag --output none
}
