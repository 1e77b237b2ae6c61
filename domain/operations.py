"""An operation as a person sees it: all its steps from the first moment, and how it ended."""

from typing import Literal

from pydantic import AwareDatetime, Field

from domain.caller import Owner
from domain.errors import ErrorDetail
from domain.model import Model
from domain.records import Claim, Download, Notice, Receipt
from domain.steps import StepStatus, steps_to_come

OperationStatus = Literal["NotStarted", "Running", "Succeeded", "Failed"]


class Step(Model):
    """One step of an operation."""

    name: str
    status: StepStatus
    attempts: int = 0
    started_at: AwareDatetime | None = None
    finished_at: AwareDatetime | None = None


class Operation(Model):
    """A provision from its acceptance to its end. What exists after a failure is in `hsm` and `error.advice`."""

    id: str
    hsm: str
    owner: Owner
    status: OperationStatus
    created_at: AwareDatetime
    finished_at: AwareDatetime | None = None
    steps: list[Step]
    warnings: list[Notice] = Field(default_factory=list)
    error: ErrorDetail | None = None
    downloads: list[Download] = Field(default_factory=list)
    security_domain: Receipt | None = None

    @property
    def ended(self) -> bool:
        """Whether it is over, well or badly."""
        return self.status in ("Succeeded", "Failed")


def accepted_operation(claim: Claim) -> Operation:
    """Describe an operation that was accepted and has not begun."""
    return Operation(
        id=claim.operation_id,
        hsm=claim.hsm,
        owner=claim.owner,
        status="NotStarted",
        created_at=claim.claimed_at,
        steps=[Step.model_validate(step) for step in steps_to_come()],
    )
