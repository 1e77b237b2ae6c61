"""What the API shows, as models: the OpenAPI document is made of them."""

from typing import Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from domain.adoption import FoundHsm
from domain.approvals import Verdict
from domain.backup_history import KeptBackup
from domain.backups import PinnedBackup, RestoredBackup
from domain.caller import Principal
from domain.changes import InPlaceChange
from domain.decommissioning import Decommissioned, PlannedDeletion, PlannedRecovery
from domain.errors import ErrorDetail, FieldError
from domain.fields import OperationKind, Origin
from domain.handover.request import Handover
from domain.holds import Hold
from domain.model import Model
from domain.operations import CurrentStep, Existing, OperationResult, OperationStatus
from domain.records import Cancellation, Download, Notice, PinnedSource, Receipt, Replaced, RestoredFrom
from domain.requests import NetworkRequest
from domain.restores import RecordedTransferKey, RestoreBlobState
from domain.steps import StepStatus
from domain.verifications import QuorumHealth


class Problem(Model):
    """An error, as RFC 9457 has it."""

    type: str
    """The code as a URN."""
    title: str
    """The words of the HTTP status."""
    status: int
    """The HTTP status."""
    detail: str
    """What went wrong, in words for people."""
    code: str
    """What went wrong: a stable code; docs/error-codes.md lists all."""
    retryable: bool
    """Whether the same request may help later; `Retry-After` says when."""
    advice: str
    """What a person can do about it."""
    errors: list[FieldError] = Field(default_factory=list)
    """The parts of the request that cannot be accepted; empty where it is about none."""
    azure_request_id: str | None = None
    """The id of Azure's answer, which Azure's support asks for. Absent where Azure was not asked."""
    operation: "OperationView | None" = None
    """The operation that is in the way. Absent where none is."""


class StepView(Model):
    """One step of an operation."""

    name: str
    """Its stable name."""
    title: str
    """What it does, in words for people."""
    status: StepStatus
    """How far it is."""
    attempts: int
    """How often it was tried, or asked; 0 before it has begun."""
    started_at: AwareDatetime | None = None
    """When it began. Absent before."""
    finished_at: AwareDatetime | None = None
    """When it ended. Absent before."""
    waits_until: AwareDatetime | None = None
    """Until when a step that waits for people does. Absent for others; an approval says so itself."""
    round: int | None = None
    """Which wait this is, counted from 1; a restore blob that the HSM refuses begins another. Absent elsewhere."""


class PlannedKey(Model):
    """A wrapping key that was pinned."""

    custodian: str
    """Who holds the private key: text for people."""
    thumbprint: str
    """The SHA-256 thumbprint of the certificate."""
    certificate_id: str | None = None
    """The address of the certificate in its Key Vault, with its version. Absent for one that came in PEM."""


class PlanView(Model):
    """What an operation is going to do, with everything pinned: all that an approval is of, but the keys themselves."""

    resource_id: str
    """The Azure resource id of the HSM."""
    location: str
    """The Azure region."""
    sku: str
    """The kind of HSM, which decides what it costs."""
    environment: str
    """The environment of the deployment's policy whose rules the HSM follows."""
    expires_at: AwareDatetime | None = None
    """Until when the HSM is needed. Absent: no end is known."""
    monthly_cost_usd: float | None = None
    """What the HSM costs in a month, in US dollars. Absent where nobody knows."""
    administrators: list[str]
    """The Entra object ids of the HSM's first administrators."""
    purge_protection: bool
    """Whether nobody can purge the HSM before its retention has passed."""
    soft_delete_retention_days: int
    """How many days the HSM is kept after it was deleted."""
    public_network_access: Literal["Enabled", "Disabled"]
    """Whether the HSM can be reached from the internet, within its network rules."""
    network: NetworkRequest
    """From where the HSM can be reached."""
    identities: list[str]
    """The resource ids of the user-assigned identities that are attached to it, besides those that others attached."""
    additional_regions: list[str]
    """The regions to which it is extended once it is active; empty where it is in its own only."""
    tags: dict[str, str]
    """Labels for people, on the Azure resource."""
    quorum: int | None = None
    """How many wrapping keys together open the security domain. Absent where the operation exports none."""
    wrapping_keys: list[PlannedKey]
    """The keys to which the shares are encrypted; empty where the operation exports no security domain."""
    change: InPlaceChange | None = None
    """What an update changes. Absent for other operations."""
    found: FoundHsm | None = None
    """The HSM that an adoption takes over. Absent for other operations."""
    replaces: Replaced | None = None
    """The security domain in whose place the operation puts another one. Absent where it replaces none."""
    source: PinnedSource | None = None
    """The stored security domain that a restore brings into the HSM. Absent for other operations."""
    backup: PinnedBackup | None = None
    """The full backup that a restore brings back then. Absent where it brings back none, and for other operations."""
    handover: Handover | None = None
    """What the HSM is to have around it then, by the request and the policy. Absent for other operations."""
    confirmed_administrators: list[str] = Field(default_factory=list)
    """The administrators by whom somebody can act as an approval says, because the service may not look that up."""
    deletion: PlannedDeletion | None = None
    """What a decommission does to the HSM, and whether anybody used it lately. Absent for other operations."""
    recovery: PlannedRecovery | None = None
    """Which deleted HSM is recovered. Absent for other operations."""


class RestoreBlobView(Model):
    """Where the custodians' restore blob is to be stored, and what became of the last one that was found there."""

    url: str
    """The address of the blob: custodians write it with their own identity."""
    seen: RestoreBlobState | None = None
    """The blob that was looked at last. Absent before there was any."""


class ApprovalView(Model):
    """Whether an operation needs approval and why, what is to be approved, and how it was decided."""

    required: bool
    """Whether it needs approval."""
    reasons: list[str]
    """Why, a sentence for each reason; empty where it needs none."""
    plan_sha256: str
    """The SHA-256 of the plan in hex: a decision names it."""
    expires_at: AwareDatetime | None = None
    """When it is refused if nobody has decided. Absent where it needs no approval."""
    decision: Verdict | None = None
    """How it was decided. Absent before."""
    decided_by: Principal | None = None
    """Who decided. Absent before, and where it expired."""
    decided_at: AwareDatetime | None = None
    """When it was decided. Absent before."""
    comment: str | None = None
    """What the approver wrote. Absent where that was nothing."""


class OperationSummary(Model):
    """An operation in a list."""

    id: str
    """Its id."""
    kind: OperationKind
    """What it does: make an HSM, change one, or take one over."""
    hsm: str
    """The name of the HSM."""
    team: str
    """The team that the HSM belongs to."""
    requester: Principal
    """Who sent the request."""
    requested_by: str | None = None
    """The Entra object id of the person for whom an application asked. Absent where it named none."""
    status: OperationStatus
    """How far it is; the last three are ends. While it waits for approval it is `Running`."""
    current_step: CurrentStep | None = None
    """The step that runs or waits now. Absent before the first and after the last, and for moments between two."""
    awaiting_approval: bool
    """Whether it waits for somebody's approval."""
    percent_complete: int
    """How much of it is done, by its steps: 100 where it succeeded. It says nothing of the time that is left."""
    created_at: AwareDatetime
    """When it was accepted."""
    finished_at: AwareDatetime | None = None
    """When it ended. Absent before."""


class OperationView(OperationSummary):
    """An operation: a status monitor with all its steps from the first moment."""

    steps: list[StepView]
    """All its steps in their order, those to come too."""
    origin: Origin
    """How it began: by a request, because a subscription appeared, or because a schedule found it due."""
    warnings: list[Notice]
    """What was accepted that a person may want to change."""
    downloads: list[Download]
    """The attempts to download the security domain, the oldest first."""
    plan: PlanView | None = None
    """What it is going to do. Absent until that is pinned."""
    approval: ApprovalView | None = None
    """Whether it needs approval, and how it was decided. Absent until the plan is pinned."""
    transfer_key: RecordedTransferKey | None = None
    """The key to which a restore blob must be encrypted. Absent before it is known, and for other kinds."""
    restore_blob: RestoreBlobView | None = None
    """What a restore waits for. Absent before its transfer key is known, and for other kinds."""
    cancel: Cancellation | None = None
    """Who asked to cancel it. Absent where nobody did."""
    error: ErrorDetail | None = None
    """Why it did not succeed. Absent before its end, and where it succeeded."""
    exists: Existing | None = None
    """What exists after it did not succeed, and how to go on. Absent before its end, and where it succeeded."""
    result: OperationResult | None = None
    """What it has made. Absent before its end, and where it did not succeed."""


class LastOperation(Model):
    """The last operation on an HSM."""

    id: str
    """Its id."""
    kind: OperationKind
    """What it does: make an HSM, change one, or take one over."""
    status: OperationStatus
    """How far it is; the last three are ends."""


class HsmSummary(Model):
    """An HSM in a list."""

    name: str
    """Its name, in lower case."""
    team: str
    """The team that it belongs to."""
    environment: str
    """The environment of the deployment's policy whose rules it follows."""
    location: str
    """The Azure region."""
    sku: str
    """The kind of HSM, which decides what it costs."""
    state: str
    """What Azure says of it, such as `Provisioning`, `NotActivated` or `Active`.

    Or, of ours: `NotCreated` (not yet), `SoftDeleted` and `Purged` (by an operation of this service), `NotFound` (not
    any more, by somebody else), `Unknown` (Azure did not answer).
    """
    uri: str | None = None
    """The address at which it is used. Absent where Azure has none."""
    resource_id: str
    """Its Azure resource id, which it is to have where it is not made yet."""
    created_at: AwareDatetime
    """When this service was about to make it, or when Azure says that it was made."""
    expires_at: AwareDatetime | None = None
    """Until when it is needed. Absent: no end is known."""
    monthly_cost_usd: float | None = None
    """What it costs in a month, in US dollars, until it is purged. Absent where nothing is billed, or nobody knows."""
    quorum_health: QuorumHealth = "Unknown"
    """How far its security domain is from being lost, as it was last verified; `Unknown` where it never was."""
    verified_at: AwareDatetime | None = None
    """When its security domain was last verified. Absent where it never was."""
    last_operation: LastOperation
    """The last operation on it, which may still run."""


class FullBackups(Model):
    """How the full backups of an HSM stand."""

    last: KeptBackup | None = None
    """The last good one; a restore names its `container` and `folder`. Absent where there is none."""
    earlier: list[KeptBackup]
    """The good ones before it, the newest first, as far as they are remembered."""
    running: bool
    """Whether the HSM makes one by schedule now."""
    too_old: bool
    """Whether the last good one is older than it may be, or there is none, and should be."""
    failure: ErrorDetail | None = None
    """Why the last attempt by schedule failed. Absent where it did not."""


class HsmView(HsmSummary):
    """An HSM: what Azure says of it now, and what we keep."""

    requester: Principal
    """Who asked for it."""
    administrators: list[str]
    """The Entra object ids of its first administrators."""
    purge_protection: bool
    """Whether nobody can purge it before its retention has passed."""
    soft_delete_retention_days: int
    """How many days it is kept after it was deleted."""
    public_network_access: Literal["Enabled", "Disabled"]
    """Whether it can be reached from the internet, within its network rules."""
    network: NetworkRequest
    """From where it can be reached."""
    identities: list[str]
    """The resource ids of the user-assigned identities that are attached to it, whoever did that."""
    additional_regions: list[str]
    """The regions in which it is, or is to be, besides its own; it is billed in each."""
    tags: dict[str, str]
    """Labels for people, on the Azure resource."""
    security_domain: Receipt | None = None
    """Where its security domain is stored. Absent where none is."""
    restored_from: RestoredFrom | None = None
    """Whose security domain it was given by a restore. Absent for one that has its own."""
    restored_backup: RestoredBackup | None = None
    """The full backup that it was asked to restore last. Absent where it never was."""
    earlier_hsms: list[str] = Field(default_factory=list)
    """The operations that made the HSMs which had its name before it, the oldest first; empty where none had.

    What is stored of their security domains is kept: a restore names one as `source.operationId`.
    """
    backup: FullBackups | None = None
    """How its full backups stand. Absent where it has none, and is to have none."""
    decommissioned: Decommissioned | None = None
    """When it was deleted, and until when it is kept and billed. Absent for one that nobody asked to delete."""
    hold: Hold | None = None
    """That it must be kept, and why. Absent where it is not on hold."""


class HsmPage(Model):
    """A page of HSMs."""

    value: list[HsmSummary]
    """The HSMs of this page, in the order asked for."""
    next_link: str | None = None
    """The address of the next page. Absent on the last."""


class OperationPage(Model):
    """A page of operations."""

    value: list[OperationSummary]
    """The operations of this page, in the order asked for."""
    next_link: str | None = None
    """The address of the next page. Absent on the last."""


class Health(Model):
    """That the app runs."""

    status: Literal["Healthy"] = "Healthy"
    """That the app answers; `health/ready` says whether it can do its work."""


class ApiDescription(BaseModel):
    """An OpenAPI document."""

    model_config = ConfigDict(extra="allow", use_attribute_docstrings=True)

    openapi: str
    """The version of OpenAPI that it is written in."""
