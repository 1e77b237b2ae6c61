"""What a reconciliation can find: HSMs that are not as recorded, lost starts, operations that never began."""

from typing import Final, Literal

from pydantic import AwareDatetime, Field

from domain.errors import ErrorDetail
from domain.model import Model

Drift = Literal[
    "hsm_gone",
    "replaced_by_others",
    "lives_again",
    "deletion_unfinished",
    "not_activated",
    "activation_failed",
    "public_access_opened",
    "network_differs",
    "network_tighter",
    "purge_protection_off",
    "regions_differ",
    "identities_missing",
    "administrators_changed",
    "service_still_administrator",
    "tags_differ",
    "domain_not_verified_lately",
    "quorum_critical",
    "quorum_warning",
    "backup_too_old",
    "record_disagrees",
    "diagnostics_gone",
    "lock_gone",
    "alerts_gone",
    "private_endpoints_gone",
    "unrecorded",
]
"""What differs; docs/operators.md says of each what it means and what to do."""

Severity = Literal["critical", "warning", "information"]
Healing = Literal[
    "none",
    "not_allowed",
    "report_only",
    "started",
    "running",
    "on_hold",
    "operation_running",
    "tried_lately",
    "gave_up",
    "over_limit",
    "failed",
]
"""What is done about it: `none` where only people can; the rest says why it was begun or was not."""

SEVERITIES: Final[dict[Drift, Severity]] = {
    "hsm_gone": "critical",
    "replaced_by_others": "critical",
    "lives_again": "warning",
    "deletion_unfinished": "warning",
    "not_activated": "warning",
    "activation_failed": "critical",
    "public_access_opened": "critical",
    "network_differs": "warning",
    "network_tighter": "information",
    "purge_protection_off": "critical",
    "regions_differ": "warning",
    "identities_missing": "warning",
    "administrators_changed": "critical",
    "service_still_administrator": "warning",
    "tags_differ": "information",
    "domain_not_verified_lately": "warning",
    "quorum_critical": "critical",
    "quorum_warning": "warning",
    "backup_too_old": "warning",
    "record_disagrees": "critical",
    "diagnostics_gone": "critical",
    "lock_gone": "warning",
    "alerts_gone": "warning",
    "private_endpoints_gone": "warning",
    "unrecorded": "warning",
}


class DriftFinding(Model):
    """One way in which an HSM is not as it should be."""

    hsm: str
    """The name of the HSM."""
    resource_id: str
    """Its Azure resource id."""
    team: str | None = None
    """The team that it belongs to. Absent for one that nobody recorded."""
    code: Drift
    """What differs."""
    severity: Severity
    """How bad that is."""
    expected: str | None = None
    """What our record has, in a few words. Absent where it has nothing to compare."""
    found: str | None = None
    """What Azure has, in a few words. Absent where it has nothing."""
    since: AwareDatetime
    """The first run that found it, of those that found it without a break."""
    healing: Healing
    """What is done about it."""
    operation_id: str | None = None
    """The operation that was begun to heal it. Absent where none was."""


AbandonedOutcome = Literal["started", "report_only", "over_limit", "failed"]


class AbandonedOperation(Model):
    """An operation that was accepted, and that the engine never began, forgot, or left without an end."""

    hsm: str
    """The HSM that it is of."""
    operation_id: str
    """The operation."""
    claimed_at: AwareDatetime
    """When it was accepted."""
    outcome: AbandonedOutcome
    """What became of it."""
    error: ErrorDetail | None = None
    """Why it could not be started. Absent where it could, or was not tried."""


MissingOutcome = Literal["started", "report_only", "over_limit", "tombstone", "not_wanted", "failed"]


class MissingHsm(Model):
    """A subscription that opted in and has no HSM of ours: the event that should have begun one was lost."""

    subscription_id: str
    """The subscription."""
    hsm: str
    """What its HSM is named, or would be."""
    outcome: MissingOutcome
    """What became of it.

    A `tombstone` had one that was decommissioned, and gets none again. What is `started` was looked at closer, and one
    was begun, or it is still being looked at; of others that look said no.
    """
    operation_id: str | None = None
    """The operation that was begun. Absent where none was."""
    error: ErrorDetail | None = None
    """Why it could not be begun. Absent where it could, or was not tried."""


class ReconciliationReport(Model):
    """What a run of the reconciliation found and did."""

    run: str
    """The run."""
    started_at: AwareDatetime
    """When it began."""
    finished_at: AwareDatetime
    """When it ended."""
    first: bool
    """Whether it is the first run of all: it reports only."""
    checked: int
    """How many HSMs that we have a record of, and that were not purged, were held against Azure."""
    unchecked: list[str]
    """The names of HSMs that could not be: the next run does."""
    busy: list[str] = Field(default_factory=list)
    """The names of HSMs that an operation was changing, so that nobody looked: a run after it does."""
    unlisted_subscriptions: list[str] = Field(default_factory=list)
    """Subscriptions in which nobody could look for HSMs that nobody recorded: the next run does."""
    drift: list[DriftFinding]
    """What differs, the worst first."""
    drift_left_out: int = 0
    """How many findings there are besides: a report has at most 2,000."""
    abandoned: list[AbandonedOperation] = Field(default_factory=list)
    """Operations that were accepted and never began."""
    missing: list[MissingHsm] = Field(default_factory=list)
    """Subscriptions that opted in and have no HSM."""
    subscriptions_checked: int | None = None
    """How many subscriptions that opted in were seen. Absent where they could not be listed, or none can opt in."""


class ReconciliationProgress(Model):
    """How far a run is."""

    checked: int = Field(default=0, ge=0)
    """How many HSMs were held against Azure."""
    failed: int = Field(default=0, ge=0)
    """How many could not be."""
    started: int = Field(default=0, ge=0)
    """How many operations were begun."""


class ReconciliationReports(Model):
    """The reconciliation by schedule."""

    running: bool
    """Whether a run is under way."""
    progress: ReconciliationProgress | None = None
    """How far the run that is under way is. Absent where none is."""
    report: ReconciliationReport | None = None
    """The report of the last run that ended. Absent before the first."""
