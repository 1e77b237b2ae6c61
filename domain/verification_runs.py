"""A run over all stored security domains: how far it is, and what it found."""

from typing import Final

from pydantic import AwareDatetime, Field

from domain.model import Model

VERIFICATION_INSTANCE: Final = "security-domain-verification"
"""The one orchestration instance that goes over all of them."""


class VerificationCounts(Model):
    """How many security domains were found how."""

    verified: int = Field(default=0, ge=0)
    """How many were verified, whatever was found."""
    failed: int = Field(default=0, ge=0)
    """How many could not be verified."""
    critical: int = Field(default=0, ge=0)
    """How many of those that were verified are `Critical`."""
    warning: int = Field(default=0, ge=0)
    """How many of those that were verified are `Warning`."""
    unknown: int = Field(default=0, ge=0)
    """How many of those that were verified are `Unknown`."""


class VerificationRun(Model):
    """A run that has ended."""

    started_at: AwareDatetime
    """When it began."""
    finished_at: AwareDatetime
    """When it ended."""
    seconds: float
    """How long it took."""
    complete: bool
    """Whether it came to the end of the list. One that did not looks at the rest the next time."""
    counts: VerificationCounts
    """How many were found how."""
    critical: list[str]
    """The names of HSMs whose security domain is `Critical`, the first hundred of them.

    One whose name another HSM took is named with the operation that made it: `{name}/{operation}`.
    """
    failed: list[str]
    """The names, in the same way, of HSMs whose security domain could not be verified, the first hundred of them."""


class VerificationRuns(Model):
    """The verification of all stored security domains by schedule."""

    running: bool
    """Whether a run is under way."""
    progress: VerificationCounts | None = None
    """What the run that is under way has found so far. Absent where none is."""
    last_run: VerificationRun | None = None
    """The last run that ended. Absent before the first."""
