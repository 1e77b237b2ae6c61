"""What the steps of a hand-over have in common: what is wanted, of which HSM, and what is recorded of it."""

from collections.abc import Callable
from typing import Any, NamedTuple

from activities.context import MAKING, approved_plan_of, find_own_hsm, record_missing
from clients import archive
from domain.errors import service_error
from domain.handover.request import Handover
from domain.hsm import Hsm
from domain.outcomes import Work
from domain.records import HsmRecord, Plan


class HandedOver(NamedTuple):
    """An HSM that is handed over, and what it is to have."""

    hsm: Hsm
    wanted: Handover


def pinned_handover_of(plan: Plan) -> Handover:
    """Give what a plan hands over; a plan of before there was that hands nothing over."""
    return plan.handover or Handover()


def handed_over(work: Work, *, cancelable: bool = False) -> HandedOver:
    """Find the HSM that an operation hands over.

    Raises ServiceError `not_planned`, and as `approved_plan_of` and `find_own_hsm` do.
    """
    plan = approved_plan_of(work, MAKING, cancelable=cancelable)
    if plan.handover is None:
        raise service_error("not_planned", "The plan hands nothing over.", advice="Send the request again.")
    return HandedOver(find_own_hsm(plan.hsm, plan.team), plan.handover)


def note(hsm: str, **changes: Any) -> HsmRecord:
    """Change what is recorded of an HSM, and give the record; raises ServiceError `record_changed`, `record_missing`.

    Idempotent: a record that says it already is not written.
    """
    return note_by(hsm, lambda _: changes)


def note_by(hsm: str, find_changes: Callable[[HsmRecord], dict[str, Any]]) -> HsmRecord:
    """Change what is recorded of an HSM by what is recorded of it, and give the record; raises as `note` does."""
    held = archive.find_held_hsm_record(hsm)
    if held is None:
        raise record_missing()
    record = held.record.model_copy(update=find_changes(held.record))
    if record != held.record and not archive.replace_hsm_record(record, held.etag):
        raise service_error(
            "record_changed", "The HSM's record was changed meanwhile.", advice="It is tried again.", retryable=True
        )
    return record
