"""The hand-over sheet of an HSM: what it was given, and what its team must now do."""

from pydantic import Field

from clients import archive, handover_record
from domain.errors import service_error
from domain.handover.duties import Duty, duties_of
from domain.handover.record import HandoverRecord
from triggers.door.calls import Answer, Call
from triggers.hsms.resource import hsm_name
from triggers.hsms.views import hsm_not_found


class HandoverSheet(HandoverRecord):
    """How an HSM was handed over, and what its team must now do."""

    to_do: list[Duty] = Field(default_factory=list)
    """What the team must now do, the most urgent first."""


def get_handover(call: Call) -> Answer:
    """Show what was recorded when the HSM was handed over; raises ServiceError `hsm_not_found`, `handover_not_found`.

    Azure is not asked: it may have been changed since.
    """
    name = hsm_name(call)
    held = archive.find_claim(name)
    if held is None or not call.sees(held.claim.team):
        raise hsm_not_found()
    hsm = archive.find_hsm_record(name)
    ours = hsm is not None and hsm.team == held.claim.team
    record = handover_record.find_handover(name, hsm.created_by) if hsm is not None and ours else None
    if record is None:
        raise service_error(
            "handover_not_found",
            "No hand-over of this HSM is recorded.",
            advice="It is once an operation that makes it has ended. An HSM that was taken over has none.",
        )
    return Answer(200, HandoverSheet(**dict(record), to_do=duties_of(record)))
