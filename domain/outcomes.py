"""What an activity tells the orchestrator: done, wait, or failed. Expected failures are told, never raised."""

from typing import Any, Literal

from pydantic import Field

from domain.errors import ErrorDetail
from domain.model import Model


class Outcome(Model):
    """The result of one look-then-act.

    `done`: `result` holds what later steps need (never bytes of a security domain). `wait`: ask again after `seconds`.
    `failed`: `error` says why, and whether trying again helps.
    """

    status: Literal["done", "wait", "failed"]
    seconds: float = 0
    result: dict[str, Any] = Field(default_factory=dict)
    error: ErrorDetail | None = None


class Work(Model):
    """What the orchestrator asks an activity for: an operation, and for downloads which attempt.

    `instance_id` is the orchestration's, which only one can have.
    """

    operation_id: str
    instance_id: str = ""
    attempt: int = 0
    progress: dict[str, Any] = Field(default_factory=dict)


class Nothing(Model):
    """What the orchestrator tells an activity that finds all it needs in what we recorded."""


class AskedHsm(Model):
    """Which HSM the orchestrator asks an activity about."""

    hsm: str


def done(**result: Any) -> Outcome:
    """Say that the step's effect exists."""
    return Outcome(status="done", result=result)


def wait(seconds: float) -> Outcome:
    """Say that Azure is still at it."""
    return Outcome(status="wait", seconds=seconds)


def failed(error: ErrorDetail) -> Outcome:
    """Say that the step could not be done."""
    return Outcome(status="failed", error=error)
