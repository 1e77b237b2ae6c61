"""Make the HSM's first keys."""

from activities.context import approved_plan_of, find_own_hsm
from activities.firewall import require_still_open
from activities.handing_over import note, pinned_handover_of
from clients import hsm_keys, key_access
from domain.errors import RefusedByAzure, service_error
from domain.handover.keys import FirstKey
from domain.names import hsm_uri
from domain.outcomes import Outcome, Work, done, wait
from domain.settings import settings


def create_keys(work: Work) -> Outcome:
    """Make the keys that are not there; one that is there must be as asked, and is left as it is.

    Waits while the HSM has not heard of the role that makes keys.
    """
    plan = approved_plan_of(work, "provision")
    find_own_hsm(plan.hsm, plan.team)
    # Recorded before it is taken: whatever comes of this, an operation after it knows of the role.
    note(plan.hsm, makes_keys=True)
    key_access.take(plan.hsm)
    keys = pinned_handover_of(plan).keys or []
    for asked in keys:
        try:
            _make(plan.hsm, asked, hsm_keys.find_key(plan.hsm, asked.name))
        except RefusedByAzure as refusal:
            if refusal.detail.code != "azure_forbidden":
                raise
            require_still_open(plan)
            return wait(settings().poll_seconds)
    return done(keys=[f"{hsm_uri(plan.hsm)}/keys/{asked.name}" for asked in keys])


def _make(hsm: str, asked: FirstKey, found: hsm_keys.HsmKey | None) -> None:
    # Idempotent: to make a key that is there would make another version of it.
    if found is None:
        hsm_keys.create_key(hsm, asked)
    elif (difference := found.find_difference(asked)) is not None:
        raise service_error(
            "key_differs",
            f"The HSM has a key of the name {asked.name} whose {difference} is not as asked for. It was left as it is.",
            advice="Ask for a key of another name, or for what is there; then send the request again.",
        )
    duration = f"P{asked.rotate_after_days}D" if asked.rotate_after_days else None
    if duration is not None and hsm_keys.rotates_after(hsm, asked.name) != duration:
        hsm_keys.rotate_after(hsm, asked.name, duration)
