"""Ask once whether the HSM is in its own region only; the orchestrator waits."""

from activities.context import approved_plan_of
from activities.decommissioning import find_live_hsm, held_record_of, write_regions
from activities.extending import wait_for_regions
from domain.outcomes import Outcome, Work, done


def await_regions_removed(work: Work) -> Outcome:
    """Read the HSM: done when it is in no other region any more, which is recorded, or gone altogether."""
    plan = approved_plan_of(work, "decommission")
    held = held_record_of(plan)
    hsm = find_live_hsm(held.record)
    if hsm is None or hsm.provisioning_state == "Deleting":
        return done()
    outcome = wait_for_regions(hsm, [])
    if outcome.status == "done":
        # Idempotent: the record becomes what it already is. The deletion may yet be refused.
        write_regions(held, [])
    return outcome
