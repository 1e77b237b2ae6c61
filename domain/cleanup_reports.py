"""What a clean-up found, did and saved: kept for each HSM while it runs, and as a report of the whole run."""

from collections.abc import Iterable
from datetime import datetime
from typing import Literal

from pydantic import AwareDatetime, Field

from domain.cleanup import PLAIN, Action, Due, Reason, Warned
from domain.model import Model
from domain.summaries import Summary

Burning = Literal["never_activated", "expired", "soft_deleted"]
"""Why an HSM costs money for nothing."""


class JudgedHsm(Summary):
    """What a run decided on one HSM, and what came of it."""

    hsm: str
    """Its name."""
    run: str
    """The run."""
    at: AwareDatetime
    """When it was looked at."""
    team: str | None = None
    """The team that it belongs to. Absent where our record could not be read."""
    action: Action
    """What is to become of it: `keep`, `warn`, `delete` or `purge`."""
    reason: Reason
    """Why, in one word: docs/operators.md has a table."""
    due: Due | None = None
    """What is due by the rules; of one that is kept, what it was kept from. Absent where nothing is."""
    purges: bool = False
    """Whether it is to be purged."""
    expires_at: AwareDatetime | None = None
    """Until when it is needed, by our record. Absent: no end is known."""
    monthly_cost_usd: float | None = None
    """What it costs in a month, in US dollars, until it is purged. Absent where nobody knows."""
    burning: Burning | None = None
    """Why it costs money for nothing. Absent where it does not."""
    chosen: bool = False
    """Whether the run chose it, within its limits, to be deleted or purged."""
    operation_id: str | None = None
    """The operation that was begun for that, by this run or one before it. Absent where none was, or none runs."""
    error: str | None = None
    """The error code of what could not be looked at. Absent where all could."""
    warned: Warned | None = None
    """That somebody was warned that it expires. Absent where nobody was."""
    saved_run: str | None = None
    """The run that first saw it purged by a clean-up. Absent where none did."""


class CleanupRun(Model):
    """The run that is under way, or was last: what it counts and is limited by is kept, and asked of nobody."""

    id: str
    started_at: AwareDatetime
    finished: bool = False
    resource_groups: list[str] = Field(default_factory=list)
    forgotten_instances: int = 0
    forgotten_events: int = 0
    forgotten_answers: int = 0
    forgotten_onboardings: int = 0


class MoneyBurnt(Model):
    """What HSMs cost for nothing."""

    hsms: int = 0
    """How many there are."""
    monthly_usd: float = 0
    """What they cost in a month, in US dollars, as far as it is known."""


class CleanupReport(Model):
    """What a run of the clean-up found and did."""

    run: str
    """The run."""
    started_at: AwareDatetime
    """When it began."""
    finished_at: AwareDatetime
    """When it ended."""
    enforced: bool
    """Whether HSMs were deleted and purged; otherwise this says what would be."""
    judged: int
    """How many HSMs were looked at."""
    unjudged: list[str]
    """The names of HSMs of which we have a record and which could not be looked at: the next run does."""
    counts: dict[Reason, int]
    """How many HSMs were kept, or were not, for which reason."""
    verdicts: list[JudgedHsm]
    """Every HSM but those that are in use, or gone."""
    operations: list[str]
    """The operations that were begun, or run since an earlier run: each checks again, and some wait for approval."""
    resource_groups: list[str]
    """The empty resource groups of ours that were deleted, or would be, by their ids."""
    saved: MoneyBurnt
    """What is not paid any more: HSMs that clean-ups had purged, first seen by this run."""
    burning: dict[Burning, MoneyBurnt]
    """What is paid for nothing, by the reason."""
    forgotten_instances: int
    """How many ended orchestration instances were forgotten."""
    forgotten_events: int
    """How many records of old events were deleted."""
    forgotten_answers: int = 0
    """How many answers were deleted that were kept under old Idempotency-Keys."""
    forgotten_onboardings: int = 0
    """How many records of old looks at new subscriptions were deleted."""


class CleanupProgress(Model):
    """How far a run is."""

    judged: int = Field(default=0, ge=0)
    """How many HSMs were looked at."""
    failed: int = Field(default=0, ge=0)
    """How many could not be."""
    started: int = Field(default=0, ge=0)
    """How many operations were begun."""


class CleanupReports(Model):
    """The clean-up by schedule."""

    running: bool
    """Whether a run is under way."""
    progress: CleanupProgress | None = None
    """How far the run that is under way is. Absent where none is."""
    report: CleanupReport | None = None
    """The report of the last run that ended. Absent before the first."""


def make_report(
    run: CleanupRun, fleet: Iterable[str], judged: Iterable[JudgedHsm], finished_at: datetime, *, enforced: bool
) -> CleanupReport:
    """Make the report of a run of what it left about each HSM; what other runs left says nothing."""
    own = {item.hsm: item for item in judged if item.run == run.id}
    counts: dict[Reason, int] = {}
    for item in own.values():
        counts[item.reason] = counts.get(item.reason, 0) + 1
    return CleanupReport(
        run=run.id,
        started_at=run.started_at,
        finished_at=finished_at,
        enforced=enforced,
        judged=len(own),
        unjudged=sorted({*(set(fleet) - own.keys()), *(item.hsm for item in own.values() if item.error)}),
        counts=dict(sorted(counts.items())),
        verdicts=sorted(
            (item for item in own.values() if item.reason not in PLAIN), key=lambda item: (item.action, item.hsm)
        ),
        operations=sorted(item.operation_id for item in own.values() if item.operation_id),
        resource_groups=run.resource_groups,
        saved=_sum(item for item in own.values() if item.saved_run == run.id),
        burning=_sum_burning(own.values()),
        forgotten_instances=run.forgotten_instances,
        forgotten_events=run.forgotten_events,
        forgotten_answers=run.forgotten_answers,
        forgotten_onboardings=run.forgotten_onboardings,
    )


def _sum_burning(judged: Iterable[JudgedHsm]) -> dict[Burning, MoneyBurnt]:
    items = list(judged)
    reasons: tuple[Burning, ...] = ("never_activated", "expired", "soft_deleted")
    return {reason: _sum(item for item in items if item.burning == reason) for reason in reasons}


def _sum(judged: Iterable[JudgedHsm]) -> MoneyBurnt:
    items = list(judged)
    return MoneyBurnt(hsms=len(items), monthly_usd=round(sum(item.monthly_cost_usd or 0 for item in items), 2))
