"""Ask once whether the HSM is in all its regions; the orchestrator waits."""

from activities.context import MAKING, approved_plan_of, find_own_hsm
from activities.extending import wait_for_regions
from domain.outcomes import Outcome, Work


def await_regions(work: Work) -> Outcome:
    """Read the HSM: done when it is in all the regions that were asked for."""
    plan = approved_plan_of(work, MAKING, cancelable=True)
    return wait_for_regions(find_own_hsm(plan.hsm, plan.team), plan.request.additional_regions)
