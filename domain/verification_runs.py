"""A run over all stored security domains: how far it is, and what it found."""

from collections import Counter
from typing import Final, Literal

from pydantic import AwareDatetime, Field

from domain.model import Model

VERIFICATION_INSTANCE: Final = "security-domain-verification"
"""The one orchestration instance that goes over all of them."""
LONGEST_LIST: Final = 100
"""So many names of HSMs are told."""

Finding = Literal[
    "Healthy", "Warning", "Critical", "Unknown", "Failed", "WithoutSecurityDomain", "BeingMade", "NotActive", "Gone"
]
"""How the look at one HSM ended.

The health of its security domain; `Failed`, where it could not be verified; `WithoutSecurityDomain`, where the HSM is
active and none is stored. The others have none either, and need none: an operation makes the HSM, or it is not active,
or not there.
"""


class VerificationCounts(Model):
    """How many security domains were found how."""

    verified: int = Field(default=0, ge=0)
    """How many were verified, whatever was found."""
    failed: int = Field(default=0, ge=0)
    """How many could not be verified; at the end of a run also how many it did not look at."""
    critical: int = Field(default=0, ge=0)
    """How many of those that were verified are `Critical`."""
    warning: int = Field(default=0, ge=0)
    """How many of those that were verified are `Warning`."""
    unknown: int = Field(default=0, ge=0)
    """How many of those that were verified are `Unknown`."""
    without_security_domain: int = Field(default=0, ge=0)
    """How many HSMs are active, but no security domain of them is stored: this service cannot restore them."""


class VerificationRun(Model):
    """A run that has ended."""

    started_at: AwareDatetime
    """When it began."""
    finished_at: AwareDatetime
    """When it ended."""
    seconds: float
    """How long it took."""
    complete: bool
    """Whether it looked at all. What it did not look at counts as failed, and is looked at the next time."""
    counts: VerificationCounts
    """How many were found how."""
    critical: list[str]
    """The names of HSMs whose security domain is `Critical`, the first hundred of them.

    One whose name another HSM took is named with the operation that made it: `{name}/{operation}`.
    """
    failed: list[str]
    """The names, in the same way, of HSMs whose security domain was not verified, the first hundred of them."""
    without_security_domain: list[str] = Field(default_factory=list)
    """The names of active HSMs of which no security domain is stored, the first hundred of them."""


class VerificationRuns(Model):
    """The verification of all stored security domains by schedule."""

    running: bool
    """Whether a run is under way."""
    progress: VerificationCounts | None = None
    """What the run that is under way has found so far. Absent where none is."""
    last_run: VerificationRun | None = None
    """The last run that ended. Absent before the first."""


class Tally:
    """Counts what was found, HSM by HSM, and keeps the first names of those that people must look at."""

    def __init__(self) -> None:
        self._found: Counter[Finding] = Counter()
        self.critical: list[str] = []
        self.failed: list[str] = []
        self.without_security_domain: list[str] = []

    def add(self, hsm: str, finding: Finding) -> None:
        """Count one."""
        self._found[finding] += 1
        named = {
            "Critical": self.critical,
            "Failed": self.failed,
            "WithoutSecurityDomain": self.without_security_domain,
        }.get(finding)
        if named is not None and len(named) < LONGEST_LIST:
            named.append(hsm)

    @property
    def counts(self) -> VerificationCounts:
        """How many were found how."""
        found = self._found
        return VerificationCounts(
            verified=found["Healthy"] + found["Warning"] + found["Critical"] + found["Unknown"],
            failed=found["Failed"],
            critical=found["Critical"],
            warning=found["Warning"],
            unknown=found["Unknown"],
            without_security_domain=found["WithoutSecurityDomain"],
        )
