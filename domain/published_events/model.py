"""What each event says: ids, times, codes, and sentences of ours; nothing of any of it is secret."""

import json
import re
from typing import Annotated, Final, Literal, Self

from pydantic import AwareDatetime, ConfigDict, Field, SerializeAsAny, model_validator
from pydantic.config import JsonDict

from domain.fields import OperationKind
from domain.model import Model
from domain.share_checks import Sha256

TYPE_PREFIX: Final = "HsmProvisioner."
VERSION: Final = 1

Thumbprint = Annotated[str, Field(pattern=r"^[0-9A-Za-z_-]{43}$")]
Code = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*$")]


def _leave_open(schema: JsonDict) -> None:
    """Let whoever checks an event by its schema take members that are added later."""
    del schema["additionalProperties"]


class _Part(Model):
    model_config = ConfigDict(json_schema_extra=_leave_open)


class EventData(_Part):
    """What every event says of its HSM."""

    hsm: str
    """The name of the HSM."""
    resource_id: str
    """Its Azure resource id, also where it is not made yet, or not there any more."""
    team: str
    """The team that it belongs to."""
    operation_id: str
    """The operation that this is of; of what was found in between, the last one on the HSM."""


class HsmProvisioned(EventData):
    """An HSM is active, and its security domain is stored and verified.

    Told again where a later PUT handed it over anew.
    """

    uri: str
    """The address at which the HSM is used."""
    security_domain_sha256: Sha256
    """The SHA-256 of its stored security domain, in hex."""


class Failure(_Part):
    """Why an operation did not succeed."""

    code: Code
    """What went wrong: a stable code, as the API has it."""
    message: str
    """What went wrong, in words for people."""
    advice: str
    """What a person can do about it."""
    retryable: bool
    """Whether the same request may help later."""


class HsmProvisionFailed(EventData):
    """A provision failed, was canceled, or was ended from outside.

    The HSM may exist and be billed. Where `securityDomainSafe`, it is active, and what failed came after that. One that
    was ended from outside (`operation_interrupted`), so that it could not be recorded, is told once another request
    takes its place, or after a day.
    """

    error: Failure
    """Why."""
    security_domain_safe: bool = False
    """Whether the operation stored and verified the HSM's security domain: its hand-over failed then, and nothing else.

    `false` says only that this operation did not: of an HSM that was finished before, ask the API. Absent in events of
    an earlier version: it did not.
    """


class ApprovalRequested(EventData):
    """An operation waits for somebody's approval; nothing was made or changed for it yet."""

    kind: OperationKind
    """What the operation does."""
    reasons: Annotated[list[str], Field(min_length=1)]
    """Why it needs approval, a sentence for each reason."""
    plan_sha256: Sha256
    """The SHA-256 of the plan in hex: a decision names it."""
    expires_at: AwareDatetime
    """When it is refused if nobody has decided."""


class RestoreBlobAwaited(EventData):
    """A restore waits for its custodians: they make the restore blob offline and store it."""

    source_hsm: str
    """The HSM whose security domain is restored."""
    transfer_key_thumbprint: Thumbprint
    """The SHA-256 of the certificate of the key that the blob must be encrypted to, as base64url without padding.

    Compare it with what the operation shows before you trust it.
    """
    store_at: str
    """The address at which custodians store the blob, with their own identity."""
    blob_awaited_until: AwareDatetime
    """Until when the blob is waited for."""


class SecurityDomainUnverified(EventData):
    """A stored security domain was looked at, and a restore from it might not succeed, now or one day."""

    quorum_health: Literal["Warning", "Critical", "Unknown"]
    """How far it is from being lost.

    `Critical`: it is damaged, or one key more that is lost may lose it. `Warning`: a key is lost, or its vault has no
    purge protection. `Unknown`: of a key nobody can say how it is.
    """
    security_domain_sha256: Sha256
    """The SHA-256 that its receipt has, in hex."""
    verified_at: AwareDatetime
    """When it was looked at."""


class HsmExpiring(EventData):
    """The time until which somebody needs an HSM ends soon; it is billed until it is purged."""

    expires_at: AwareDatetime
    """Until when it is needed."""


class HsmDecommissioned(EventData):
    """An HSM was deleted."""

    purged: bool
    """Whether it was purged too. One that was only deleted can be recovered, keeps its name, and is billed."""
    billed_until: AwareDatetime | None = None
    """When Azure purges it, until when it is billed. Absent where it was purged."""

    @model_validator(mode="after")
    def _is_billed_or_purged(self) -> Self:
        if self.purged == (self.billed_until is not None):
            message = "what is only deleted is billed until some time, what is purged is not"
            raise ValueError(message)
        return self


class DriftFound(EventData):
    """An HSM is not as our records have it, in a way that was not told of before."""

    codes: Annotated[list[Code], Field(min_length=1)]
    """What differs, a stable code for each difference: docs/operators.md has a table."""


EVENTS: Final[tuple[type[EventData], ...]] = (
    HsmProvisioned,
    HsmProvisionFailed,
    ApprovalRequested,
    RestoreBlobAwaited,
    SecurityDomainUnverified,
    HsmExpiring,
    HsmDecommissioned,
    DriftFound,
)


class PublishedEvent(Model):
    """An event as it is sent: a CloudEvent 1.0."""

    specversion: Literal["1.0"] = "1.0"
    """The version of CloudEvents."""
    id: Annotated[str, Field(min_length=1)]
    """What tells it from every other event of its source: what comes twice has the same."""
    source: Annotated[str, Field(min_length=1)]
    """The deployment that sent it: what its API is called in tokens."""
    type: Annotated[str, Field(pattern=rf"^{re.escape(TYPE_PREFIX)}[A-Za-z]+\.v[0-9]+$")]
    """What happened."""
    subject: str
    """What it happened to: `hsms/` and the name of the HSM."""
    time: AwareDatetime
    """When it happened."""
    datacontenttype: Literal["application/json"] = "application/json"
    """That the data is JSON."""
    data: SerializeAsAny[EventData]
    """What is to be said of it, by its type."""


def type_of(event: type[EventData]) -> str:
    """Give the type of an event by what it says, such as `HsmProvisioner.HsmProvisioned.v1`."""
    return f"{TYPE_PREFIX}{event.__name__}.v{VERSION}"


def read_event(content: bytes) -> PublishedEvent:
    """Read an event as it was written; raises ValueError where it is none of these."""
    document = json.loads(content)
    data = next((event for event in EVENTS if type_of(event) == document["type"]), EventData)
    return PublishedEvent.model_validate({**document, "data": data.model_validate(document["data"])})


def wrap(data: EventData, *, event_id: str, source: str, time: AwareDatetime) -> PublishedEvent:
    """Make the event that says this."""
    return PublishedEvent(
        id=event_id, source=source, type=type_of(type(data)), subject=f"hsms/{data.hsm}", time=time, data=data
    )
