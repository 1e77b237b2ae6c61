"""Choose which HSMs a run deletes and purges, within its limits."""

from activities.begin_cleanup import Nothing
from clients.cleanup import is_enforced, list_judged, require_run, write_judged
from domain.cleanup_reports import JudgedHsm
from domain.outcomes import Outcome, done
from domain.policy import CleanupRules
from domain.settings import deployment_policy


def choose_due_hsms(asked: Nothing) -> Outcome:  # noqa: ARG001
    """Mark them, before anything is begun, and name all that are marked; none where nothing is enforced.

    Those whose operation an earlier run claimed are named, too: it may have died before it was started. Idempotent:
    those that are marked count, so that a run never marks more than its limits.
    """
    if not is_enforced():
        return done(hsms=[])
    judged = list_judged(require_run().id)
    chosen = [item for item in judged if item.chosen]
    for item in judged:
        if item.action in ("delete", "purge") and not item.chosen and _has_room(item, chosen):
            marked = item.model_copy(update={"chosen": True})
            write_judged(marked)
            chosen.append(marked)
    return done(hsms=[item.hsm for item in (*chosen, *(one for one in judged if one.operation_id and not one.chosen))])


def _has_room(item: JudgedHsm, chosen: list[JudgedHsm]) -> bool:
    limits: CleanupRules = deployment_policy().cleanup
    deletions = sum(one.action == "delete" for one in chosen)
    purges = sum(one.purges for one in chosen)
    return (item.action != "delete" or deletions < limits.maximum_deletions) and (
        not item.purges or purges < limits.maximum_purges
    )
