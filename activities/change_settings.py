"""Change the HSM's settings to what the plan says."""

from activities.context import approved_plan_of, find_own_hsm
from activities.handing_over import pinned_handover_of
from clients.hsm_settings import change_setting, read_setting
from domain.outcomes import Outcome, Work, done


def change_settings(work: Work) -> Outcome:
    """Change what is not as the plan says; what it does not name stays."""
    plan = approved_plan_of(work, "provision")
    find_own_hsm(plan.hsm, plan.team)
    asked = pinned_handover_of(plan).settings
    wanted = asked.model_dump(by_alias=True, exclude_none=True) if asked else {}
    for name, on in wanted.items():
        # Idempotent: what is as it should be is not changed.
        if read_setting(plan.hsm, _full_name(name)) != on:
            change_setting(plan.hsm, _full_name(name), on=on)
    return done(settings=[_full_name(name) for name in wanted])


def _full_name(member: str) -> str:
    """Give a setting's name, which is the member's with a capital."""
    return member[0].upper() + member[1:]
