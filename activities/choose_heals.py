"""Choose which HSMs a run puts right, within its limit."""

from clients.reconciliation import list_healable, require_run, rules, write_checked
from domain.drift import RANK
from domain.drift_findings import DriftFinding
from domain.outcomes import Nothing, Outcome, done
from domain.reconciliation import CheckedHsm


def choose_heals(_: Nothing) -> Outcome:
    """Mark them, the worst first, before anything is begun, and name all that are marked.

    Idempotent: those that are marked count, so that a run never marks more than its limit.
    """
    found = list_healable(require_run().id)
    chosen = [item for item in found if item.chosen]
    room = rules().maximum_heals - len(chosen)
    pending = sorted((item for item in found if not item.chosen and _pending(item)), key=_rank)
    for item in pending[: max(0, room)]:
        codes = [finding.code for finding in _pending(item)]
        marked = item.model_copy(update={"chosen": codes})
        write_checked(marked)
        chosen.append(marked)
    return done(hsms=[item.hsm for item in chosen])


def _pending(item: CheckedHsm) -> list[DriftFinding]:
    return [finding for finding in item.findings if finding.healing == "over_limit"]


def _rank(item: CheckedHsm) -> tuple[int, str]:
    return min(RANK[finding.severity] for finding in _pending(item)), item.hsm
