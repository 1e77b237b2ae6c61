"""What a run of the reconciliation leaves behind: how it is, what it found of each HSM, and its report."""

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Final, get_args

from pydantic import AwareDatetime, Field

from domain.drift import RANK
from domain.drift_findings import Drift, DriftFinding, Healing, ReconciliationReport
from domain.fields import Healable
from domain.model import Model
from domain.policy import ReconciliationRules
from domain.summaries import Summary

HEALABLE: Final[frozenset[Drift]] = frozenset(get_args(Healable))
HEAL_AGAIN_AFTER: Final = timedelta(days=1)
"""For how long a kind of drift of an HSM is left alone that was healed: somebody may want it otherwise."""
GIVES_UP_AFTER: Final = timedelta(days=1)
"""A run that has not come to its end by then never may: another one is begun in its place."""
MOST_HEALS: Final = 3
FORGETS_HEALS_AFTER: Final = timedelta(days=30)
"""What was healed so often, no two times so far apart, is given up: something puts it back each time."""
MOST_FINDINGS: Final = 2000


class ReconciliationRun(Model):
    """The run that is under way, or was last; the `first` one of all reports only.

    `previous` is the one before it, which may not have come to its end.
    """

    id: str
    started_at: AwareDatetime
    first: bool
    previous: str | None = None
    finished: bool = False
    unlisted: list[str] = Field(default_factory=list)
    """The subscriptions whose HSMs could not be listed."""


def goes_on(run: ReconciliationRun, now: datetime) -> bool:
    """Say whether a run is under way, and not for so long that it may never come to its end."""
    return not run.finished and now - run.started_at < GIVES_UP_AFTER


class CheckedSummary(Summary):
    """What a list shows of what was found of an HSM."""

    hsm: str
    run: str
    codes: list[Drift] = Field(default_factory=list)
    error: str | None = None
    busy: bool = False
    chosen: bool = False


class CheckedHsm(Model):
    """What was found last of an HSM, by which run, and what was done about it.

    `seen` says since when each kind of drift is found, `tried` when it was last begun to be healed, and `heals` how
    often; `told` are the kinds that the topic was told of. `chosen` are those that the run heals. What could not be
    looked at, or is `busy`, being changed, keeps `seen`, `tried`, `heals` and `told` as they were.
    """

    hsm: str
    run: str
    resource_id: str | None = None
    findings: list[DriftFinding] = Field(default_factory=list)
    seen: dict[Drift, AwareDatetime] = Field(default_factory=dict)
    told: list[Drift] = Field(default_factory=list)
    tried: dict[Drift, AwareDatetime] = Field(default_factory=dict)
    heals: dict[Drift, int] = Field(default_factory=dict)
    chosen: list[Drift] = Field(default_factory=list)
    operation_id: str | None = None
    error: str | None = None
    busy: bool = False

    def summarise(self) -> CheckedSummary:
        """Give what is written beside it."""
        codes = [finding.code for finding in self.findings]
        return CheckedSummary(
            hsm=self.hsm, run=self.run, codes=codes, error=self.error, busy=self.busy, chosen=bool(self.chosen)
        )


class Obstacles(Model):
    """What keeps an HSM from being healed, besides the policy; what is `abandoned` still holds its claim."""

    abandoned: bool = False
    first: bool = False
    held: bool = False
    own_operation: str | None = None
    failed_lately: bool = False


def is_given_up(code: Drift, checked: CheckedHsm, now: datetime) -> bool:
    """Say whether a kind of drift comes back whatever is done, so that no more is."""
    return count_heals(code, checked, now) >= MOST_HEALS


def count_heals(code: Drift, checked: CheckedHsm, now: datetime) -> int:
    """Count how often a kind of drift was begun to be healed, but for what was long ago."""
    tried = checked.tried.get(code)
    return checked.heals.get(code, 0) if tried is not None and now - tried < FORGETS_HEALS_AFTER else 0


def note_heals(checked: CheckedHsm, now: datetime) -> CheckedHsm:
    """Note that what was chosen is begun to be healed."""
    heals = {code: count_heals(code, checked, now) + 1 for code in checked.chosen}
    tried = dict.fromkeys(checked.chosen, now)
    return checked.model_copy(update={"tried": {**checked.tried, **tried}, "heals": {**checked.heals, **heals}})


def judge_healing(
    code: Drift, rules: ReconciliationRules, obstacles: Obstacles, checked: CheckedHsm, now: datetime
) -> Healing:
    """Say what is done about a kind of drift; `over_limit` until the run chooses to heal it."""
    if code not in HEALABLE:
        return "none"
    if obstacles.own_operation is not None:
        return "running"
    if code not in rules.heal:
        return "not_allowed"
    if obstacles.first:
        return "report_only"
    if obstacles.held:
        return "on_hold"
    if obstacles.abandoned:
        return "operation_running"
    if is_given_up(code, checked, now):
        return "gave_up"
    tried = checked.tried.get(code)
    if obstacles.failed_lately or (tried is not None and now - tried < HEAL_AGAIN_AFTER):
        return "tried_lately"
    return "over_limit"


def mark(checked: CheckedHsm, healing: Healing, operation_id: str | None = None) -> CheckedHsm:
    """Say what became of the healing of what was chosen."""
    findings = [
        finding.model_copy(update={"healing": healing, "operation_id": operation_id})
        if finding.code in checked.chosen
        else finding
        for finding in checked.findings
    ]
    return checked.model_copy(update={"findings": findings, "operation_id": operation_id})


def is_news(codes: Iterable[Drift], told: Iterable[Drift]) -> bool:
    """Say whether there is a kind of drift that nobody was told of."""
    return bool(set(codes) - set(told))


def make_report(
    run: ReconciliationRun, fleet: Iterable[str], checked: Iterable[CheckedHsm], finished_at: datetime
) -> ReconciliationReport:
    """Make the report of a run of what it left about each HSM; `fleet` are those of which a record says they exist."""
    own = [item for item in checked if item.run == run.id]
    recorded = set(fleet)
    busy = {item.hsm for item in own if item.busy} & recorded
    looked_at = {item.hsm for item in own if item.error is None and not item.busy} & recorded
    findings = sorted(
        (finding for item in own for finding in item.findings),
        key=lambda finding: (RANK[finding.severity], finding.hsm, finding.code),
    )
    return ReconciliationReport(
        run=run.id,
        started_at=run.started_at,
        finished_at=finished_at,
        first=run.first,
        checked=len(looked_at),
        unchecked=sorted(recorded - looked_at - busy),
        busy=sorted(busy),
        unlisted_subscriptions=sorted(run.unlisted),
        drift=findings[:MOST_FINDINGS],
        drift_left_out=max(0, len(findings) - MOST_FINDINGS),
    )
