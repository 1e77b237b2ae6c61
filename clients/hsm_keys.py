"""The keys of an HSM: made and read, never used."""

import json
from enum import Enum
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from clients.azure_errors import our_errors, unreadable
from clients.credential import RETRIES, credential
from clients.transport import make_transport
from domain.errors import ServiceError, service_error
from domain.handover.keys import FirstKey
from domain.names import hsm_uri

if TYPE_CHECKING:
    from azure.keyvault.keys import KeyClient, KeyRotationPolicy, KeyVaultKey

_READ: Final = "read a key"
_DELETED: Final = "deleted but recoverable"


class HsmKey(NamedTuple):
    """What anyone may know of a key; `size` is None where the HSM does not say, `release_policy` where there is none.

    `operations` are those of its newest version, as is all else.
    """

    type: str
    size: int | None
    curve: str | None
    operations: frozenset[str]
    exportable: bool
    release_policy: Any

    def find_difference(self, asked: FirstKey) -> str | None:
        """Name a member of what was asked for that it is not as; None where it is as asked."""
        differs = {
            "type": self.type != asked.type,
            "size": self.size is not None and self.size != asked.whole_size,
            "curve": self.curve != asked.whole_curve,
            "operations": asked.operations is not None and self.operations != frozenset(asked.operations),
            "exportable": self.exportable != asked.exportable,
            "releasePolicy": self.release_policy != asked.release_policy,
        }
        return next((member for member, different in differs.items() if different), None)


@lru_cache(maxsize=64)
def _client(hsm: str) -> "KeyClient":
    from azure.keyvault.keys import KeyClient

    return KeyClient(hsm_uri(hsm), credential(), transport=make_transport(), **RETRIES)


def find_key(hsm: str, name: str) -> HsmKey | None:
    """Read the newest version of a key; None where there is none.

    Raises RefusedByAzure `azure_forbidden` where we may not, or not yet.
    """
    from azure.core.exceptions import ResourceNotFoundError

    with our_errors(_READ):
        try:
            return _read(_client(hsm).get_key(name))
        except ResourceNotFoundError:
            return None
        except (AttributeError, ValueError):
            # The SDK takes any JSON for a key, and looks for its parts.
            raise unreadable(_READ) from None


def create_key(hsm: str, asked: FirstKey) -> None:
    """Make a key; of one that is there it would make another version.

    Raises ServiceError `key_deleted` where a deleted key has its name.
    """
    from azure.core.exceptions import ResourceExistsError
    from azure.keyvault.keys import KeyCurveName, KeyReleasePolicy

    policy = asked.release_policy
    with our_errors("make a key"):
        try:
            _client(hsm).create_key(
                asked.name,
                asked.type,
                size=asked.whole_size,
                curve=KeyCurveName(asked.whole_curve) if asked.whole_curve else None,
                key_operations=[*asked.operations] if asked.operations else None,
                exportable=asked.exportable or None,
                release_policy=KeyReleasePolicy(json.dumps(policy).encode()) if policy else None,
            )
        except ResourceExistsError as error:
            if _DELETED not in str(error.message):
                raise
            raise _deleted(asked.name) from None


def rotates_after(hsm: str, name: str) -> str | None:
    """Give after how long a key is rotated by itself, as an ISO 8601 duration; None where it is not."""
    from azure.core.exceptions import ResourceNotFoundError

    with our_errors("read a key's rotation policy"):
        try:
            policy = _client(hsm).get_key_rotation_policy(name)
        except ResourceNotFoundError:
            return None
    return next(iter(_rotations(policy)), None)


def rotate_after(hsm: str, name: str, duration: str) -> None:
    """Have a key rotated by itself, so long after each version was made."""
    from azure.keyvault.keys import KeyRotationLifetimeAction, KeyRotationPolicy, KeyRotationPolicyAction

    action = KeyRotationLifetimeAction(KeyRotationPolicyAction.rotate, time_after_create=duration)
    with our_errors("change a key's rotation policy"):
        _client(hsm).update_key_rotation_policy(name, KeyRotationPolicy(), lifetime_actions=[action])


def _rotations(policy: "KeyRotationPolicy") -> list[str]:
    actions = policy.lifetime_actions
    return [
        item.time_after_create for item in actions if _text(item.action).lower() == "rotate" and item.time_after_create
    ]


def _text(value: object) -> str:
    """Read what the SDK gives as an enum where it knows it."""
    return str(value.value if isinstance(value, Enum) else value)


def _read(key: "KeyVaultKey") -> HsmKey:
    material, policy = vars(key.key), key.properties.release_policy
    modulus: bytes | None = material.get("n")
    return HsmKey(
        type=_text(key.key_type),
        size=len(modulus) * 8 if modulus else None,
        curve=_text(curve) if (curve := material.get("crv")) else None,
        operations=frozenset(_text(operation) for operation in key.key_operations),
        exportable=bool(key.properties.exportable),
        release_policy=json.loads(policy.encoded_policy) if policy else None,
    )


def _deleted(name: str) -> ServiceError:
    return service_error(
        "key_deleted",
        f"The HSM has a deleted key of the name {name}, which nobody can use until it is purged or recovered.",
        advice="Have a Managed HSM Crypto Officer recover or purge it, or ask for a key of another name; then send the "
        "request again.",
    )
