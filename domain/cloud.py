"""The host names and token audiences of the Azure public cloud."""

from typing import Final

ARM_SCOPE: Final = "https://management.azure.com/.default"
AUTHORITY: Final = "https://login.microsoftonline.com"
BLOB_SUFFIX: Final = "blob.core.windows.net"
EVENT_GRID_SUFFIX: Final = "eventgrid.azure.net"
GRAPH: Final = "https://graph.microsoft.com"
MANAGED_HSM_SUFFIX: Final = "managedhsm.azure.net"
STORAGE_SCOPE: Final = "https://storage.azure.com/.default"
EVENT_GRID_SCOPE: Final = "https://eventgrid.azure.net/.default"
VAULT_SUFFIX: Final = "vault.azure.net"
