"""The lock that the service puts on an HSM, and takes away before it deletes it itself."""

from typing import Final

from clients import upkeep
from domain.handover.locks import Lock
from domain.model import Model

_NAME: Final = "hsm-provisioner"
_NOTES: Final = "Set by the HSM provisioner at the hand-over. A decommission by it takes it away."


class _Properties(Model):
    """The properties of a lock."""

    level: str
    notes: str = _NOTES


class _Body(Model):
    """The body of a lock."""

    properties: _Properties


def lock_id(hsm_id: str) -> str:
    """Give the resource id of our lock on an HSM."""
    return f"{hsm_id}/providers/Microsoft.Authorization/locks/{_NAME}"


def keep_lock(hsm_id: str, lock: Lock) -> None:
    """Have an HSM be locked."""
    upkeep.keep(lock_id(hsm_id), _Body(properties=_Properties(level=lock.level)))
