"""What roles of an HSM can allow.

Source: azure-keyvault-administration 4.7.2, `_enums.py`; Microsoft's "Local RBAC built-in roles for Managed HSM" for
what is newer than that.
"""

from typing import Final

_PREFIX: Final = "Microsoft.KeyVault/managedHsm/"
_KEYS: Final = tuple(
    f"keys/{verb}/action"
    for verb in (
        *("read", "write", "rotate", "import", "release", "backup", "restore", "export"),
        *("encrypt", "decrypt", "wrap", "unwrap", "sign", "verify", "derive"),
    )
)
_DELETED_KEYS: Final = ("keys/deletedKeys/read/action", "keys/deletedKeys/recover/action", "keys/deletedKeys/delete")
_BACKUPS: Final = tuple(f"{job}/{verb}/action" for job in ("backup", "restore") for verb in ("start", "status"))
_READING: Final = ("roleAssignments/read/action", "roleDefinitions/read/action", "settings/read/action")
_GOVERNING: Final = (
    *(f"role{what}/{verb}/action" for what in ("Assignments", "Definitions") for verb in ("write", "delete")),
    *("securitydomain/download/action", "securitydomain/download/read"),
    *("securitydomain/upload/action", "securitydomain/upload/read", "securitydomain/transferkey/read"),
    *("settings/write/action", "keys/export/action", "keys/deletedKeys/delete", "restore/start/action"),
)


def _full(*actions: str) -> frozenset[str]:
    return frozenset(f"{_PREFIX}{action}" for action in actions)


GOVERNING: Final = _full(*_GOVERNING)
"""With what somebody takes more than they were given, takes keys out of the HSM, or destroys them for good.

A full restore does: it replaces all keys and all role assignments by those of a backup that whoever begins it names.
"""
DATA_ACTIONS: Final = GOVERNING | _full(
    *("keys/create", "keys/delete", "rng/action", *_KEYS, *_DELETED_KEYS, *_BACKUPS, *_READING)
)
"""All that there are."""
