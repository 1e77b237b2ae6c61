"""An operation as a person sees it: all its steps from the first moment, and how it ended."""

from collections.abc import Iterable, Sequence
from typing import Final, Literal

from pydantic import AwareDatetime, Field

from domain.backups import RestoredBackup
from domain.caller import Principal
from domain.decommissioning import Decommissioned
from domain.errors import ErrorDetail
from domain.fields import OperationKind, Origin
from domain.model import Model
from domain.records import Cancellation, Claim, Download, Notice, Receipt
from domain.steps import StepStatus, steps_to_come

OperationStatus = Literal["NotStarted", "Running", "Succeeded", "Failed", "Canceled"]


ENDED: Final = ("Succeeded", "Failed", "Canceled")
# How an operation ends that is not to be carried out, or not any more.
WITHDRAWN: Final = ("approval_rejected", "approval_expired", "operation_canceled")


class Step(Model):
    """One step of an operation.

    Of a step that waits for people, `waits_until` is when it gives up. `round` says which wait this is, counted from 1,
    where there can be several.
    """

    name: str
    status: StepStatus
    attempts: int = 0
    started_at: AwareDatetime | None = None
    finished_at: AwareDatetime | None = None
    waits_until: AwareDatetime | None = None
    round: int | None = None


class CurrentStep(Model):
    """The step that an operation is at: it runs, or waits for Azure or for somebody."""

    name: str
    """Its stable name."""
    status: StepStatus
    """How it stands."""


class OperationResult(Model):
    """What a successful operation has made of the HSM."""

    resource_id: str
    """The Azure resource id of the HSM."""
    uri: str
    """The address at which the HSM is used."""
    security_domain: Receipt | None = None
    """The security domain that was stored. Absent where the operation stored none."""
    decommissioned: Decommissioned | None = None
    """When the HSM was deleted, and until when it is kept and billed. Absent for other operations."""
    restored_backup: RestoredBackup | None = None
    """The full backup that was restored. Absent where the operation restored none."""


class ExistingHsm(Model):
    """An HSM that an operation which did not succeed leaves behind."""

    resource_id: str
    """The Azure resource id of the HSM."""
    state: str
    """What Azure says of it, such as `Active`; `Unknown` where Azure did not answer."""


class Existing(Model):
    """What exists after an operation that did not succeed, what it costs in a month, and how to go on."""

    resource_group: str | None = None
    """The resource group that exists. Absent where there is none."""
    hsm: ExistingHsm | None = None
    """The HSM that exists. Absent where there is none."""
    monthly_cost_usd: float | None = None
    """What that costs in a month, in US dollars. Absent where nothing does, or nobody knows."""
    resume: str
    """How to go on, in words for people."""


class Operation(Model):
    """An operation from its acceptance to its end."""

    id: str
    kind: OperationKind
    origin: Origin = "request"
    hsm: str
    team: str
    requester: Principal
    requested_by: str | None = None
    status: OperationStatus
    created_at: AwareDatetime
    finished_at: AwareDatetime | None = None
    steps: list[Step]
    warnings: list[Notice] = Field(default_factory=list)
    error: ErrorDetail | None = None
    downloads: list[Download] = Field(default_factory=list)
    cancel: Cancellation | None = None
    exists: Existing | None = None
    result: OperationResult | None = None

    @property
    def ended(self) -> bool:
        """Whether it is over, well or badly."""
        return self.status in ENDED

    @property
    def withdrawn(self) -> bool:
        """Whether it ended because it was not, or not any more, to be carried out."""
        return self.error is not None and self.error.code in WITHDRAWN

    def has_begun(self, step: str) -> bool:
        """Say whether a step has begun; one that the operation does not have has not."""
        return any(mine.name == step and mine.status not in ("NotStarted", "Skipped") for mine in self.steps)

    @property
    def verified_domain(self) -> bool:
        """Whether it stored the HSM's security domain and verified it: what failed then came after that."""
        return any(step.name == "verify_security_domain" and step.status == "Succeeded" for step in self.steps)

    @property
    def current_step(self) -> CurrentStep | None:
        """The step that it is at; None where it has not begun, is over, or is between two tries."""
        return None if self.ended else find_current_step((step.name, step.status) for step in self.steps)

    @property
    def awaiting_approval(self) -> bool:
        """Whether it waits for somebody's approval."""
        return is_approval(self.current_step)

    @property
    def percent_complete(self) -> int:
        """How much of it is done: by steps, for nobody knows how long Azure takes."""
        return 100 if self.status == "Succeeded" else percent_done([step.status for step in self.steps])


def percent_done(steps: Sequence[str]) -> int:
    """Give how much of an operation that has not succeeded is done, by the statuses of its steps."""
    done = sum(status in ("Succeeded", "Skipped") for status in steps)
    return min(99, done * 100 // len(steps))


def find_current_step(steps: Iterable[tuple[str, str]]) -> CurrentStep | None:
    """Find the step, by the names and statuses of all, that an operation is at which has not ended."""
    running = (CurrentStep(name=name, status="Running") for name, status in steps if status == "Running")
    return next(running, None)


def is_approval(step: CurrentStep | None) -> bool:
    """Say whether an operation that is at this step waits for somebody's approval."""
    return step is not None and step.name == "await_approval"


def replaced_operation(claim: Claim) -> Operation | None:
    """Give the operation that gave way to that of a claim before it could be recorded."""
    return Operation.model_validate(claim.replaced) if claim.replaced is not None else None


def accepted_operation(claim: Claim) -> Operation:
    """Describe an operation that was accepted and has not begun."""
    return Operation(
        id=claim.operation_id,
        kind=claim.kind,
        origin=claim.origin,
        hsm=claim.hsm,
        team=claim.team,
        requester=claim.requester,
        requested_by=claim.requested_by,
        status="NotStarted",
        created_at=claim.claimed_at,
        cancel=claim.cancel,
        steps=[Step.model_validate(step) for step in steps_to_come(claim.kind)],
    )
