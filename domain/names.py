"""Names and ids: which are valid, and how they are normalised before anything compares them."""

import re
from typing import Final, NamedTuple
from urllib.parse import SplitResult, urlsplit

from domain.cloud import BLOB_SUFFIX, MANAGED_HSM_SUFFIX, VAULT_SUFFIX

HSM_NAME: Final = re.compile(r"[a-z](?!.*--)[a-z0-9-]{1,22}[a-z0-9]")
_HOST_LABEL: Final = re.compile(r"[a-z0-9-]{3,24}")
_CERTIFICATE_PATH: Final = re.compile(r"/certificates/([0-9A-Za-z-]{1,127})(?:/([0-9A-Za-z]{32}))?/?")
_CONTAINER_PATH: Final = re.compile(r"/([a-z0-9](?:-?[a-z0-9]){2,62})/?")
_LONGEST_CONTAINER: Final = 63
_STORAGE_ACCOUNT: Final = re.compile(r"[a-z0-9]{3,24}")
# The event that wakes whoever waits for an approval; it decides nothing.
DECIDED: Final = "decided"
# The event that wakes whoever waits for a restore blob; what counts is the blob.
RESTORE_BLOB_THERE: Final = "restore-blob-there"
_ONBOARDING: Final = "subscription-"
# Without look-around, which JSON schema and pydantic do not have; how long the name may be is checked besides.
OPERATION_ID: Final = re.compile(r"([a-z][a-z0-9]*(?:-[a-z0-9]+)*)-([0-9A-HJKMNP-TV-Z]{26})")


class CertificateId(NamedTuple):
    """A Key Vault certificate, with a version where one was named."""

    vault: str
    name: str
    version: str | None

    @property
    def vault_url(self) -> str:
        """The vault's data plane."""
        return f"https://{self.vault}.{VAULT_SUFFIX}"

    def __str__(self) -> str:
        version = f"/{self.version}" if self.version else ""
        return f"{self.vault_url}/certificates/{self.name}{version}"


def normalise_hsm_name(name: str) -> str:
    """Lower-case an HSM's name, which is a DNS label.

    Raises ValueError where Azure would refuse it: 3 to 24 letters, digits and single hyphens, a letter first and no
    hyphen last.
    """
    lowered = name.lower()
    if not HSM_NAME.fullmatch(lowered):
        message = (
            "An HSM's name has 3 to 24 letters, digits and single hyphens, begins with a letter and "
            "does not end with a hyphen."
        )
        raise ValueError(message)
    return lowered


def hsm_uri(name: str) -> str:
    """Give the data plane's address of an HSM."""
    return f"https://{name}.{MANAGED_HSM_SUFFIX}"


def resource_id(subscription_id: str, resource_group: str, name: str) -> str:
    """Give the ARM id of an HSM."""
    return (
        f"/subscriptions/{subscription_id}/resourceGroups/{resource_group}"
        f"/providers/Microsoft.KeyVault/managedHSMs/{name}"
    )


def parse_certificate_id(text: str) -> CertificateId:
    """Take a certificate id apart; raises ValueError unless it is one of this cloud's Key Vaults, to the letter.

    A URL from a caller decides where our token goes: it is parsed, never matched by its ending.
    """
    url = _split_plain_url(text, "A certificate id")
    label, _, suffix = url.netloc.lower().partition(".")
    if suffix != VAULT_SUFFIX or not _HOST_LABEL.fullmatch(label):
        message = f"A certificate id names a vault of this cloud: https://VAULT.{VAULT_SUFFIX}/certificates/NAME."
        raise ValueError(message)
    path = _CERTIFICATE_PATH.fullmatch(url.path)
    if path is None:
        message = "A certificate id's path is /certificates/NAME or /certificates/NAME/VERSION."
        raise ValueError(message)
    return CertificateId(label, path[1], path[2])


def parse_container_url(text: str) -> str:
    """Give the address of a container of Blob storage in its normal form.

    Raises ValueError unless it is one of this cloud's, to the letter.
    """
    url = _split_plain_url(text, "The address of a container")
    label, _, suffix = url.netloc.lower().partition(".")
    path = _CONTAINER_PATH.fullmatch(url.path)
    known = suffix == BLOB_SUFFIX and _STORAGE_ACCOUNT.fullmatch(label)
    if not known or path is None or len(path[1]) > _LONGEST_CONTAINER:
        message = f"This is the address of a container: https://ACCOUNT.{BLOB_SUFFIX}/CONTAINER."
        raise ValueError(message)
    return f"https://{label}.{suffix}/{path[1]}"


def _split_plain_url(text: str, what: str) -> SplitResult:
    """Take a URL apart that names a resource and nothing else; raises ValueError."""
    try:
        url = urlsplit(text)
        port = url.port
    except ValueError:
        message = "This is not a URL."
        raise ValueError(message) from None
    if (
        url.scheme != "https"
        or "@" in url.netloc
        or port is not None
        or ":" in url.netloc
        or "?" in text
        or "#" in text
    ):
        message = f"{what} is an https URL without user, port, query or fragment."
        raise ValueError(message)
    return url


def hsm_of_operation(operation_id: str) -> str | None:
    """Read the HSM's name from an operation id, `{name}-{ULID}`; None if it is not one."""
    matched = OPERATION_ID.fullmatch(operation_id)
    return matched[1] if matched and HSM_NAME.fullmatch(matched[1]) else None


BACKUP_INSTANCE: Final = "fleet-backup"
"""The one orchestration instance that has HSMs back themselves up by schedule."""
CLEANUP_INSTANCE: Final = "fleet-cleanup"
"""The one orchestration instance that cleans up."""
RECONCILIATION_INSTANCE: Final = "fleet-reconciliation"
"""The one orchestration instance that holds records against Azure."""


def instance_id(name: str) -> str:
    """Give the orchestration instance that changes this HSM; there is one for each HSM, so one change at a time."""
    return f"hsm-{name}"


def approval_instance_id(operation_id: str) -> str:
    """Give the orchestration instance that waits for the approval of this operation, and hears of the event."""
    return f"{operation_id}:approval"


def restore_blob_instance_id(operation_id: str, round_number: int) -> str:
    """Give the orchestration instance that waits for a restore blob of this operation; each round is another one."""
    return f"{operation_id}:restore-blob:{round_number}"


def onboarding_instance_id(subscription_id: str) -> str:
    """Give the orchestration instance that looks at a subscription which appeared; there is one for each."""
    return f"{_ONBOARDING}{subscription_id}"


def onboarded_subscription(instance: str) -> str:
    """Read which subscription an instance looks at; what is none of these is given as it is, and is none."""
    return instance.removeprefix(_ONBOARDING)
