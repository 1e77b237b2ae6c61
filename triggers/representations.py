"""What the API shows, as models: the OpenAPI document is made of them."""

from typing import Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from domain.adoption import FoundHsm
from domain.approvals import Verdict
from domain.caller import Principal
from domain.changes import InPlaceChange
from domain.errors import ErrorDetail, FieldError
from domain.fields import OperationKind
from domain.model import Model
from domain.operations import CurrentStep, Existing, OperationResult, OperationStatus
from domain.records import Cancellation, Download, Notice, PinnedSource, Receipt, RestoredFrom
from domain.requests import NetworkRequest
from domain.restores import RecordedTransferKey, RestoreBlobState
from domain.steps import StepStatus
from domain.verifications import QuorumHealth


class Problem(Model):
    """An error, as RFC 9457 has it; `code` is stable, and docs/error-codes.md lists all."""

    type: str
    title: str
    status: int
    detail: str
    code: str
    retryable: bool
    advice: str
    errors: list[FieldError] = Field(default_factory=list)
    azure_request_id: str | None = None
    operation: "OperationView | None" = None


class StepView(Model):
    """One step of an operation."""

    name: str
    title: str
    status: StepStatus
    attempts: int
    started_at: AwareDatetime | None = None
    finished_at: AwareDatetime | None = None
    waits_until: AwareDatetime | None = None
    """Until when a step that waits for people does. Absent for others; an approval says so itself."""
    round: int | None = None
    """Which wait this is, counted from 1; a restore blob that the HSM refuses begins another. Absent elsewhere."""


class PlannedKey(Model):
    """A wrapping key that was pinned."""

    custodian: str
    thumbprint: str
    certificate_id: str | None = None


class PlanView(Model):
    """What an operation is going to do, with everything pinned: all that an approval is of, but the keys themselves.

    `change` is what an update changes, and `found` the HSM that an adoption takes over.
    """

    resource_id: str
    location: str
    sku: str
    environment: str
    expires_at: AwareDatetime | None = None
    monthly_cost_usd: float | None = None
    administrators: list[str]
    purge_protection: bool
    soft_delete_retention_days: int
    public_network_access: Literal["Enabled", "Disabled"]
    network: NetworkRequest
    tags: dict[str, str]
    quorum: int | None = None
    wrapping_keys: list[PlannedKey]
    change: InPlaceChange | None = None
    found: FoundHsm | None = None
    source: PinnedSource | None = None
    """The stored security domain that a restore brings into the HSM. Absent for other operations."""


class RestoreBlobView(Model):
    """Where the custodians' restore blob is to be stored, and what became of the last one that was found there."""

    url: str
    """The address of the blob: custodians write it with their own identity."""
    seen: RestoreBlobState | None = None
    """The blob that was looked at last. Absent before there was any."""


class ApprovalView(Model):
    """Whether an operation needs approval and why, what is to be approved, and how it was decided."""

    required: bool
    reasons: list[str]
    plan_sha256: str
    expires_at: AwareDatetime | None = None
    decision: Verdict | None = None
    decided_by: Principal | None = None
    decided_at: AwareDatetime | None = None
    comment: str | None = None


class OperationSummary(Model):
    """An operation in a list.

    `current_step` is the step that runs or waits now. `awaiting_approval` says that it waits for somebody's approval.
    """

    id: str
    kind: OperationKind
    hsm: str
    team: str
    requester: Principal
    requested_by: str | None = None
    status: OperationStatus
    current_step: CurrentStep | None = None
    awaiting_approval: bool
    percent_complete: int
    created_at: AwareDatetime
    finished_at: AwareDatetime | None = None


class OperationView(OperationSummary):
    """An operation: a status monitor with all its steps from the first moment."""

    steps: list[StepView]
    warnings: list[Notice]
    downloads: list[Download]
    plan: PlanView | None = None
    approval: ApprovalView | None = None
    transfer_key: RecordedTransferKey | None = None
    """The key to which a restore blob must be encrypted. Absent before it is known, and for other kinds."""
    restore_blob: RestoreBlobView | None = None
    """What a restore waits for. Absent before its transfer key is known, and for other kinds."""
    cancel: Cancellation | None = None
    error: ErrorDetail | None = None
    exists: Existing | None = None
    result: OperationResult | None = None


class LastOperation(Model):
    """The last operation on an HSM."""

    id: str
    kind: OperationKind
    status: OperationStatus


class HsmSummary(Model):
    """An HSM in a list. `state` is Azure's, but NotCreated (not yet), NotFound (not any more), Unknown (no answer)."""

    name: str
    team: str
    environment: str
    location: str
    sku: str
    state: str
    uri: str | None = None
    resource_id: str
    created_at: AwareDatetime
    expires_at: AwareDatetime | None = None
    monthly_cost_usd: float | None = None
    quorum_health: QuorumHealth = "Unknown"
    verified_at: AwareDatetime | None = None
    last_operation: LastOperation


class HsmView(HsmSummary):
    """An HSM: what Azure says of it now, and what we keep."""

    requester: Principal
    administrators: list[str]
    purge_protection: bool
    soft_delete_retention_days: int
    network: NetworkRequest
    tags: dict[str, str]
    security_domain: Receipt | None = None
    restored_from: RestoredFrom | None = None
    """Whose security domain it was given by a restore. Absent for one that has its own."""


class HsmPage(Model):
    """A page of HSMs; `next_link` is the address of the next page, missing on the last."""

    value: list[HsmSummary]
    next_link: str | None = None


class OperationPage(Model):
    """A page of operations; `next_link` is the address of the next page, missing on the last."""

    value: list[OperationSummary]
    next_link: str | None = None


class Health(Model):
    """That the app runs."""

    status: Literal["Healthy"] = "Healthy"


class ApiDescription(BaseModel):
    """An OpenAPI document."""

    model_config = ConfigDict(extra="allow")

    openapi: str
