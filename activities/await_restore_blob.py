"""Ask once whether custodians have stored a restore blob that can be uploaded; the orchestrator waits."""

import logging

from pydantic import AwareDatetime, BaseModel

from activities.context import approved_plan_of
from activities.restoring import read_restore_blob, recorded_key_of
from domain.errors import ServiceError, service_error
from domain.outcomes import Outcome, Work, done, wait
from domain.records import utc_text
from domain.restore_rules import BLOB_REFUSALS
from domain.restores import RecordedTransferKey

_log = logging.getLogger("hsm_provisioner.restores")


class Moment(BaseModel):
    """What the orchestrator hands on: its time, which its timers go by, and whether another day has passed."""

    now: AwareDatetime
    remind: bool = False


def await_restore_blob(work: Work) -> Outcome:
    """Look for a restore blob: done when there is one for the recorded key, failed when none came in time.

    One that cannot be uploaded is refused, which is recorded for its custodians, and another one waited for.
    """
    moment = Moment.model_validate(work.progress)
    plan = approved_plan_of(work, "restore", cancelable=True)
    key = recorded_key_of(plan)
    try:
        blob = read_restore_blob(plan, key)
    except ServiceError as refusal:
        late = _seconds_left(key, moment) <= 0
        if refusal.detail.code not in BLOB_REFUSALS and not (late and refusal.detail.retryable):
            raise
        return _wait(work.operation_id, key, moment, refusal.detail.code)
    return done(etag=blob.etag)


def _wait(operation_id: str, key: RecordedTransferKey, moment: Moment, why: str) -> Outcome:
    left = _seconds_left(key, moment)
    if left <= 0:
        raise service_error(
            "restore_blob_late",
            "No restore blob that can be uploaded came in time.",
            advice="The HSM exists and is billed. Send the request again once custodians can make one. Before anybody "
            "deletes it, make sure that nobody uploaded a security domain by other means.",
        )
    if moment.remind:
        since, until = utc_text(key.fetched_at), utc_text(key.blob_awaited_until)
        _log.warning("%s has waited for its restore blob since %s, until %s: %s", operation_id, since, until, why)
    return wait(left)


def _seconds_left(key: RecordedTransferKey, moment: Moment) -> float:
    return (key.blob_awaited_until - moment.now).total_seconds()
