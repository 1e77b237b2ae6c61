"""What a list shows of a record: it is written beside the record, as the blob's metadata, and read without it."""

import json
from typing import Final

from pydantic import AwareDatetime, Field

from domain.caller import Principal
from domain.decommissioning import Decommissioned
from domain.fields import OperationKind
from domain.model import Model
from domain.names import resource_id
from domain.operations import CurrentStep, Operation, OperationStatus, is_approval
from domain.records import Claim, HsmRecord

METADATA: Final = "summary"


class Summary(Model):
    """A few short values of a record.

    Each is bounded where it enters, so that a summary stays far below the 8 KB that a blob's metadata may have.
    """

    def to_metadata(self) -> dict[str, str]:
        """Write it as metadata: a header's value, so JSON in ASCII."""
        document = self.model_dump(mode="json", by_alias=True, exclude_none=True)
        return {METADATA: json.dumps(document, separators=(",", ":"))}


class ClaimSummary(Summary):
    """What a list shows of a claim: the operation that holds it or held it last, and the HSM that it asked for."""

    hsm: str
    operation_id: str
    kind: OperationKind
    team: str
    requester: Principal
    requested_by: str | None = None
    claimed_at: AwareDatetime
    running: bool
    succeeded: bool | None = None
    cancel_asked: bool = False
    environment: str
    location: str
    sku: str
    resource_id: str
    expires_at: AwareDatetime | None = None


class HsmRecordSummary(Summary):
    """What a list shows of the record of an HSM, and what tells it from another of its name."""

    hsm: str
    team: str
    environment: str
    location: str
    sku: str
    resource_id: str
    created_at: AwareDatetime
    made_at: AwareDatetime | None = None
    expires_at: AwareDatetime | None = None
    additional_regions: list[str] = Field(default_factory=list)
    decommissioned: Decommissioned | None = None

    @property
    def subscription_id(self) -> str:
        """The subscription that it is in."""
        return self.resource_id.split("/")[2]

    @property
    def billed(self) -> bool:
        """Whether it costs something, for all that we know: until it is purged it does."""
        return self.decommissioned is None or self.decommissioned.purged_at is None


class OperationRecordSummary(Summary):
    """What a list shows of an operation. `current_step` comes from the engine: what has a record has ended."""

    id: str
    kind: OperationKind
    hsm: str
    team: str
    requester: Principal
    requested_by: str | None = None
    status: OperationStatus
    percent_complete: int
    created_at: AwareDatetime
    finished_at: AwareDatetime | None = None
    current_step: CurrentStep | None = None

    @property
    def awaiting_approval(self) -> bool:
        """Whether it waits for somebody's approval."""
        return is_approval(self.current_step)


def summarise_claim(claim: Claim) -> ClaimSummary:
    """Summarise a claim."""
    request = claim.request
    return ClaimSummary(
        hsm=claim.hsm,
        operation_id=claim.operation_id,
        kind=claim.kind,
        team=claim.team,
        requester=claim.requester,
        requested_by=claim.requested_by,
        claimed_at=claim.claimed_at,
        running=claim.running,
        succeeded=claim.succeeded,
        cancel_asked=claim.cancel is not None,
        environment=request.environment,
        location=request.location,
        sku=request.sku,
        resource_id=resource_id(request.subscription_id, request.resource_group, claim.hsm),
        expires_at=request.expires_at,
    )


def summarise_hsm(record: HsmRecord) -> HsmRecordSummary:
    """Summarise the record of an HSM."""
    request = record.request
    return HsmRecordSummary(
        hsm=record.hsm,
        team=record.team,
        environment=request.environment,
        location=request.location,
        sku=request.sku,
        resource_id=record.resource_id,
        created_at=record.created_at,
        made_at=record.made_at,
        expires_at=request.expires_at,
        # One that was deleted was taken out of its other region before.
        additional_regions=request.additional_regions if record.decommissioned is None else [],
        decommissioned=record.decommissioned,
    )


def summarise_operation(operation: Operation) -> OperationRecordSummary:
    """Summarise an operation."""
    return OperationRecordSummary(
        id=operation.id,
        kind=operation.kind,
        hsm=operation.hsm,
        team=operation.team,
        requester=operation.requester,
        requested_by=operation.requested_by,
        status=operation.status,
        percent_complete=operation.percent_complete,
        created_at=operation.created_at,
        finished_at=operation.finished_at,
        current_step=operation.current_step,
    )


def begun_operation(claim: ClaimSummary) -> OperationRecordSummary:
    """Summarise an operation that was accepted, before anybody looked how far it is."""
    return OperationRecordSummary(
        id=claim.operation_id,
        kind=claim.kind,
        hsm=claim.hsm,
        team=claim.team,
        requester=claim.requester,
        requested_by=claim.requested_by,
        status="NotStarted",
        percent_complete=0,
        created_at=claim.claimed_at,
    )
