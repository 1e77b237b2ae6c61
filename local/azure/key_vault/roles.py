"""The built-in roles of Key Vault's data plane (source: Microsoft Learn, Azure built-in roles for Security)."""

from typing import Final

from local.azure.core.data_access import Roles

VAULTS: Final = "Microsoft.KeyVault/vaults"
ROLES: Final[Roles] = {
    "Key Vault Administrator": [f"{VAULTS}/*"],
    "Key Vault Certificates Officer": [
        f"{VAULTS}/certificatecas/*",
        f"{VAULTS}/certificates/*",
        f"{VAULTS}/certificatecontacts/write",
    ],
    "Key Vault Certificate User": [
        f"{VAULTS}/certificates/read",
        f"{VAULTS}/secrets/getSecret/action",
        f"{VAULTS}/secrets/readMetadata/action",
        f"{VAULTS}/keys/read",
    ],
    "Key Vault Crypto Officer": [f"{VAULTS}/keys/*", f"{VAULTS}/keyrotationpolicies/*"],
    "Key Vault Crypto Service Encryption User": [
        f"{VAULTS}/keys/read",
        f"{VAULTS}/keys/wrap/action",
        f"{VAULTS}/keys/unwrap/action",
    ],
    "Key Vault Crypto User": [
        f"{VAULTS}/keys/read",
        f"{VAULTS}/keys/update/action",
        f"{VAULTS}/keys/backup/action",
        f"{VAULTS}/keys/encrypt/action",
        f"{VAULTS}/keys/decrypt/action",
        f"{VAULTS}/keys/wrap/action",
        f"{VAULTS}/keys/unwrap/action",
        f"{VAULTS}/keys/sign/action",
        f"{VAULTS}/keys/verify/action",
    ],
    "Key Vault Reader": [f"{VAULTS}/*/read", f"{VAULTS}/secrets/readMetadata/action"],
    "Key Vault Secrets Officer": [f"{VAULTS}/secrets/*"],
    "Key Vault Secrets User": [f"{VAULTS}/secrets/getSecret/action", f"{VAULTS}/secrets/readMetadata/action"],
}
