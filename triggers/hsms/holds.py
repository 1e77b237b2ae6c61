"""Putting an HSM on hold, and lifting the hold."""

from datetime import UTC, datetime

from clients import archive
from domain.errors import service_error
from domain.holds import Hold, HoldRequest
from domain.records import Claim
from domain.requests import parse_body
from triggers.door.auditing import record_hold
from triggers.door.calls import Answer, Call
from triggers.hsms.resource import hsm_name
from triggers.hsms.views import describe_hsm, hsm_not_found


def put_hold(call: Call) -> Answer:
    """Have an HSM kept; one that is kept for this reason already stays so.

    Raises ServiceError `hsm_not_found`; `hold_too_late` where an operation may have asked Azure for its end before
    it saw the hold, which stands all the same.
    """
    name, asked = hsm_name(call), parse_body(HoldRequest, call.body)
    claim = _claim_of(call, name)
    held = archive.find_hold(name)
    if held is None or held.reason != asked.reason:
        record_hold(claim, call, "asked_held")
        now = datetime.now(UTC).replace(microsecond=0)
        archive.write_hold(name, Hold(by=call.caller.principal, at=now, reason=asked.reason))
        record_hold(claim, call, "held")
    _require_in_time(name)
    return _answer(call, name)


def delete_hold(call: Call) -> Answer:
    """Lift the hold on an HSM; one without is answered so. Raises ServiceError `hsm_not_found`."""
    name = hsm_name(call)
    claim = _claim_of(call, name)
    if archive.find_hold(name) is not None:
        record_hold(claim, call, "asked_lifted")
        archive.lift_hold(name)
        record_hold(claim, call, "lifted")
    return _answer(call, name)


def _claim_of(call: Call, name: str) -> Claim:
    held, record = archive.find_claim(name), archive.find_hsm_record(name)
    if held is None or record is None or not call.sees(record.team) or not call.sees(held.claim.team):
        raise hsm_not_found()
    call.conditions.require(held.etag)
    return held.claim


def _require_in_time(name: str) -> None:
    """Look once the hold is written: an operation commits first and looks for a hold then, so one sees the other."""
    held = archive.find_claim(name)
    claim = held.claim if held else None
    if claim is not None and claim.running and claim.kind == "decommission" and claim.committed_at is not None:
        raise service_error(
            "hold_too_late",
            "The HSM is on hold, but its decommission may have asked Azure to delete or purge it already.",
            advice="See the operation. If the HSM is deleted, recover it: while it is on hold, nothing more is asked.",
        )


def _answer(call: Call, name: str) -> Answer:
    described = describe_hsm(call, name)
    return Answer(200, described.view, {"ETag": described.etag})
