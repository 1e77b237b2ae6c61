"""What we keep: the claim on a name, the pinned plan, the receipt of a security domain, the record of an HSM."""

import hashlib
from datetime import datetime
from typing import Any, Literal

from pydantic import AwareDatetime, Field

from domain.adoption import FoundHsm
from domain.backups import BackupTarget, ContainerUrl, FullBackup, PinnedBackup, RestoredBackup
from domain.caller import Principal
from domain.changes import InPlaceChange
from domain.decommissioning import Decommissioned, PlannedDeletion, PlannedRecovery
from domain.fields import OperationKind, Origin
from domain.handover.administration import GivenUp
from domain.handover.request import Handover
from domain.model import Model
from domain.names import hsm_of_operation, resource_id
from domain.requests import HsmRequest, HsmSpecification
from domain.trace import Trace


class Notice(Model):
    """Something accepted that a person may want to change."""

    code: str
    """What it is: a stable code."""
    message: str
    """What it is, in words for people."""


class Cancellation(Model):
    """Who asked for an operation to be canceled, and when."""

    by: Principal
    """Who asked."""
    at: AwareDatetime
    """When."""


class Claim(Model):
    """The right of one operation to change one HSM, from its acceptance until it ended.

    The claim, not the engine, decides which of two starts is real. `requested_by` is the person for whom an
    application says that it asks, by object id: it is asserted, not proved. Of what this service began of itself
    (`origin`) the `requester` is its own identity, and the policy says what it may. `grant_ids` are the entries of
    the policy that allowed the request; `by_operator` says that it came from somebody who may act for every team.
    `request` is what the HSM is to be: of an adoption what it was found to be, of an update all of it, with `change`,
    which Azure makes in place; of a restore `source` is the HSM whose security domain it is to be given,
    `source_operation_id` the operation that made that one, which tells it from others of its name, and `backup` what it
    restores then; a decommission that `purges` ends in a purge, and the HSM is backed up into the container `backup_to`
    before. `replaced` is the record, as JSON, of the operation
    that gave way to this one before it could be recorded: whoever wins the claim writes it then, and where they die
    before that it is known from here, as is the HSM that it was of (`replaced_resource_id`). `committed_at` is when the
    operation came to what cannot be left alone: it is written under the claim's ETag, as `cancel` is, and never both.
    """

    hsm: str
    operation_id: str
    kind: OperationKind = "provision"
    origin: Origin = "request"
    team: str
    requester: Principal
    requested_by: str | None = None
    grant_ids: list[str]
    by_operator: bool = False
    request: HsmRequest | HsmSpecification
    change: InPlaceChange | None = None
    source: str | None = None
    backup: FullBackup | None = None
    source_operation_id: str | None = None
    purges: bool = False
    backup_to: ContainerUrl | None = None
    digest: str
    claimed_at: AwareDatetime
    state: Literal["running", "ended"] = "running"
    succeeded: bool | None = None
    cancel: Cancellation | None = None
    committed_at: AwareDatetime | None = None
    replaced: dict[str, Any] | None = None
    replaced_resource_id: str | None = None
    trace: Trace = Trace()

    @property
    def resource_id(self) -> str:
        """The ARM id of the HSM."""
        return resource_id(self.request.subscription_id, self.request.resource_group, self.hsm)

    @property
    def whole_request(self) -> HsmRequest:
        """The request of a provision; raises TypeError for an HSM that was taken over."""
        return whole(self.request)

    @property
    def running(self) -> bool:
        """Whether the operation may still change the HSM."""
        return self.state == "running"


class PinnedKey(Model):
    """A wrapping key as preflight found it: the exact certificate that will wrap a share."""

    custodian: str
    certificate_id: str | None = None
    thumbprint: str
    modulus_sha256: str
    pem: str


class Replaced(Model):
    """The security domain whose place another one takes: what is stored of it stays, and its keys still open it."""

    operation_id: str
    """The operation that stored it."""
    sha256: str
    """The SHA-256 of its bytes, in hex."""


class Plan(Model):
    """An accepted request with everything pinned; written once, before anything is created.

    `approval_reasons` say why it needs approval; without any it needs none. Undecided, it is refused at
    `approval_expires_at`. `change` is what an update changes in Azure, `found` the HSM that an adoption takes over,
    `replaces` the security domain in whose place a re-wrap or a provision puts another one, `source` the one that a
    restore brings into the HSM, `backup` the full backup that it restores then, `backup_target` where a provision backs
    the HSM up to, `handover` what the HSM is to have around it when it is handed over, `confirmed_administrators` are
    those by whom somebody can act as its approver says, `deletion` what a decommission does to the HSM, `recovery`
    which deleted HSM is brought back. `confirmed_uploads` are the numbers of earlier uploads into it that were never
    answered: whoever approves the plan says that one of them is what it has.
    """

    hsm: str
    operation_id: str
    kind: OperationKind
    origin: Origin = "request"
    team: str
    requester: Principal
    requested_by: str | None = None
    resource_id: str
    request: HsmRequest | HsmSpecification
    change: InPlaceChange | None = None
    found: FoundHsm | None = None
    replaces: Replaced | None = None
    source: "PinnedSource | None" = None
    confirmed_uploads: list[int] = Field(default_factory=list)
    backup: PinnedBackup | None = None
    backup_target: BackupTarget | None = None
    handover: Handover | None = None
    confirmed_administrators: list[str] = Field(default_factory=list)
    deletion: PlannedDeletion | None = None
    recovery: PlannedRecovery | None = None
    monthly_cost_usd: float | None
    approval_reasons: list[str]
    approval_expires_at: AwareDatetime | None = None
    wrapping_keys: list[PinnedKey]
    warnings: list[Notice]
    pinned_at: AwareDatetime

    @property
    def identities(self) -> list[str]:
        """The user-assigned identities that the HSM is to have: those asked for, and the one that backups need."""
        reached = self.backup or self.backup_target
        backup = [reached.identity] if reached else []
        return list({name.lower(): name for name in [*self.request.identities, *backup]}.values())

    @property
    def wants(self) -> list[str]:
        """The steps that not every operation of its kind has, and this one has."""
        if self.deletion is not None:
            return ["remove_regions"] if self.deletion.removes_regions else []
        extends = self.request.additional_regions and self.kind in ("provision", "restore")
        return ["add_regions", "await_regions"] if extends else []

    @property
    def thumbprints(self) -> list[str]:
        """The thumbprints of the wrapping certificates, in the order of the request."""
        return [key.thumbprint for key in self.wrapping_keys]

    @property
    def whole_request(self) -> HsmRequest:
        """The request of a plan that provisions; raises TypeError for an HSM that was taken over."""
        return whole(self.request)

    @property
    def quorum(self) -> int | None:
        """How many wrapping keys open the security domain; None where the plan makes none."""
        return self.request.security_domain.quorum if isinstance(self.request, HsmRequest) else None


class Receipt(Model):
    """What is known of one stored download of a security domain, without a byte of it."""

    operation_id: str
    """The operation that downloaded it."""
    attempt: int
    """Which of that operation's downloads it was, counted from 1."""
    blob_url: str
    """The address of the blob that holds it."""
    etag: str
    """The ETag of that blob, which was written once."""
    sha256: str
    """The SHA-256 of the stored bytes, in hex."""
    size: int
    """How many bytes they are."""
    quorum: int
    """How many of the wrapping keys together open it."""
    thumbprints: list[str]
    """The SHA-256 thumbprints of the wrapping certificates, in the order of the request."""
    export: int
    """The number, among all exports of the HSM that this service asked for, of the one that these bytes answer."""
    alone: bool
    """Whether no earlier export could still take effect after this one."""
    stored_at: AwareDatetime
    """When it was stored."""

    @property
    def origin(self) -> str:
        """The HSM that it was downloaded from, under whose name it lies: of a restored HSM another one."""
        return hsm_of_operation(self.operation_id) or ""


class PinnedSource(Model):
    """The stored security domain that is restored into another HSM."""

    hsm: str
    """The HSM whose security domain it is."""
    operation_id: str | None = None
    """The operation that made that HSM, or took it over, which tells it from others of its name.

    Absent in a plan of an earlier version.
    """
    receipt: Receipt
    """Which of its downloads it is: by its SHA-256, with its quorum and the wrapping certificates."""


class RestoredFrom(Model):
    """Whose security domain an HSM was given, or, until it is active, may have been given."""

    hsm: str
    """The HSM whose security domain it is."""
    operation_id: str
    """The operation that uploaded it."""
    sha256: str
    """The SHA-256, in hex, of the stored security domain that the restore blob was to be made of."""


class Download(Model):
    """How one attempt to download the security domain ended; only a confirmed one counts."""

    attempt: int
    """Which of the operation's attempts it was, counted from 1."""
    outcome: Literal["Confirmed", "ExportFailed", "Ambiguous", "Superseded", "Unconfirmed"]
    """How it ended."""
    export: int | None = None
    """The number of the export that it asked for. Absent where it asked for none."""
    sha256: str | None = None
    """The SHA-256 of the stored bytes, in hex. Absent where none were stored."""


class ExportEntry(Model):
    """An entry of the journal of an HSM's exports: for which operation and attempt, and when it was written."""

    operation_id: str
    attempt: int
    at: AwareDatetime


class UploadEntry(Model):
    """An entry of the journal of what an HSM was asked to take in.

    For which operation, of whose security domain the restore blob was to be made, and when it was written.
    `hsm_made_at` is when Azure made the HSM: another one of its name has not what the first was given.
    """

    operation_id: str
    source: str
    sha256: str
    hsm_made_at: AwareDatetime | None
    at: AwareDatetime

    def is_of(self, source: PinnedSource) -> bool:
        """Whether it was to be this security domain."""
        return (self.source, self.sha256) == (source.hsm, source.receipt.sha256)


class HsmRecord(Model):
    """An HSM that this service made or took over, and whose it is.

    `request` is what it was last asked to be, with the keys that `security_domain` is for; of an HSM that was taken
    over (`adopted`) what that was then, and of a restored one what was asked for, both without any keys. `created_by`
    is the operation that made it or took it over, `created_at` when it was about to make it, or when Azure says that
    somebody did. `made_at` is when Azure says that it was made (`systemData.createdAt`), which tells it from another
    of the same name; None until it was seen ready. Of one that was `made_for_restore` its custodians could upload
    another HSM's security domain past this service. `restored_from` is written before one is uploaded; once it was
    verified, `security_domain` is the receipt of the other HSM's. `restored_backup` is written before the HSM is asked
    to restore a full backup, `decommissioned` before it is deleted, and it is gone once it was recovered. `earlier`
    are the operations that made the HSMs which had the name before it, the oldest first: the records of those are
    kept. `given_up` is written before the service gives its administration up, and again when it has none.
    `makes_keys` is written before the service takes the local role with which it makes keys, and gone once it gave
    that up. `diagnostics`, `lock`, `alerts` and `private_endpoints` are the Azure resource ids of the diagnostic
    setting, the lock, the alert rules and the private endpoints that the service made for it, written before these are
    made: what is not named there is somebody else's.
    """

    hsm: str
    resource_id: str
    team: str
    requester: Principal
    request: HsmRequest | HsmSpecification
    created_by: str
    created_at: AwareDatetime
    made_at: AwareDatetime | None = None
    adopted: bool = False
    made_for_restore: bool = False
    security_domain: Receipt | None = None
    restored_from: RestoredFrom | None = None
    restored_backup: RestoredBackup | None = None
    earlier: list[str] = Field(default_factory=list)
    decommissioned: Decommissioned | None = None
    given_up: GivenUp | None = None
    makes_keys: bool = False
    diagnostics: str | None = None
    lock: str | None = None
    alerts: list[str] = Field(default_factory=list)
    private_endpoints: list[str] = Field(default_factory=list)

    @property
    def subscription_id(self) -> str:
        """The subscription that it is in."""
        return self.resource_id.split("/")[2]

    @property
    def resource_group(self) -> str:
        """The resource group that it is in."""
        return self.resource_id.split("/")[4]

    @property
    def billed(self) -> bool:
        """Whether it costs something, for all that we know: until it is purged it does."""
        return self.decommissioned is None or self.decommissioned.purged_at is None

    @property
    def purged(self) -> bool:
        """Whether it was found to be gone for good."""
        return self.decommissioned is not None and self.decommissioned.purged_at is not None

    @property
    def may_hold_keys(self) -> bool:
        """Whether it was ever active by what we know of it, so that somebody may need what it holds."""
        deleted = self.decommissioned is not None and self.decommissioned.was_active
        return self.may_hold_others or deleted or self.security_domain is not None

    @property
    def may_hold_others(self) -> bool:
        """Whether it may hold what this service did not make it with."""
        return self.adopted or self.made_for_restore or self.restored_from is not None


def whole(request: HsmRequest | HsmSpecification) -> HsmRequest:
    """Give a request with its security domain; raises TypeError for one without."""
    if not isinstance(request, HsmRequest):
        message = "an HSM that was taken over has no request for a security domain"
        raise TypeError(message)
    return request


def sha256_of(data: bytes) -> str:
    """Give the hexadecimal SHA-256 by which we name bytes that we must not show."""
    return hashlib.sha256(data).hexdigest()


def utc_text(time: datetime) -> str:
    """Write a time as all our JSON does: UTC, seconds, Z."""
    return time.strftime("%Y-%m-%dT%H:%M:%SZ")
