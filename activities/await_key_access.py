"""Ask once whether the HSM lets the service read keys; the orchestrator waits."""

from activities.context import approved_plan_of
from activities.firewall import require_still_open
from activities.handing_over import pinned_handover_of
from clients.hsm_keys import find_key
from domain.errors import RefusedByAzure
from domain.outcomes import Outcome, Work, done, wait
from domain.settings import settings


def await_key_access(work: Work) -> Outcome:
    """Read one of the keys that are to be made: done when that is not refused. Changes nothing."""
    plan = approved_plan_of(work, "provision")
    try:
        for asked in pinned_handover_of(plan).keys or []:
            find_key(plan.hsm, asked.name)
    except RefusedByAzure as refusal:
        if refusal.detail.code != "azure_forbidden":
            raise
        require_still_open(plan)
        return wait(settings().poll_seconds)
    return done()
