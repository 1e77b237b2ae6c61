"""Ask once whether custodians have stored a restore blob that can be uploaded; the orchestrator waits."""

import logging
from datetime import timedelta
from typing import Final

from pydantic import AwareDatetime, BaseModel

from activities.context import approved_plan_of
from activities.restoring import find_restoring_hsm, read_restore_blob, recorded_key_of
from activities.uploads import find_holder, settle_uploads
from domain.errors import ServiceError, service_error
from domain.outcomes import Outcome, Work, done, wait
from domain.records import Plan, utc_text
from domain.restore_rules import BLOB_REFUSALS
from domain.restores import RecordedTransferKey

# So long after its time is up the HSM is asked what it has, where it does not say.
ASKED_WITHIN: Final = timedelta(days=1)
_log = logging.getLogger("hsm_provisioner.restores")


class Moment(BaseModel):
    """What the orchestrator hands on: its time, which its timers go by, and whether another day has passed."""

    now: AwareDatetime
    remind: bool = False


def await_restore_blob(work: Work) -> Outcome:
    """Look for a restore blob: done when there is one for the recorded key, failed when none came in time.

    One that cannot be uploaded is refused, which is recorded for its custodians, and another one waited for. What an
    execution of the upload that was killed left behind is settled: a cancel is accepted again.
    """
    moment = Moment.model_validate(work.progress)
    plan = approved_plan_of(work, "restore", cancelable=True)
    key = recorded_key_of(plan)
    left = key.blob_awaited_until - moment.now
    try:
        _settle(work, plan)
        blob = read_restore_blob(plan, key)
    except ServiceError as refusal:
        awaited = refusal.detail.code in BLOB_REFUSALS
        if not awaited and not refusal.detail.retryable:
            raise
        if moment.remind:
            _remind(work.operation_id, key, refusal.detail.code)
        if left <= timedelta():
            return _end_late(plan, left)
        if not awaited:
            raise
        return wait(left.total_seconds())
    return done(etag=blob.etag)


def _settle(work: Work, plan: Plan) -> None:
    try:
        settle_uploads(work, plan)
    except ServiceError as error:
        if not _is_closed(plan, error):
            raise


def _is_closed(plan: Plan, error: ServiceError) -> bool:
    """Say whether an HSM does not answer because it is opened to the service only once there is a blob."""
    opens = plan.handover is not None and plan.handover.temporary_opening is not None
    return opens and error.detail.code == "azure_forbidden"


def _end_late(plan: Plan, left: timedelta) -> Outcome:
    """Say that no blob came, unless the HSM was given a security domain by other means, or by an earlier execution.

    Raises ServiceError `restore_blob_late`, `restored_by_others`. What it has of ours, or may have, is gone on with.
    """
    try:
        holder = find_holder(plan, find_restoring_hsm(plan))
    except ServiceError as error:
        if _is_closed(plan, error):
            # The next operation asks what it has, once it has opened it.
            raise _late() from None
        detail = error.detail
        raise ServiceError(detail.model_copy(update={"retryable": detail.retryable and -left < ASKED_WITHIN})) from None
    if holder == "nobody":
        raise _late()
    return done()


def _late() -> ServiceError:
    return service_error(
        "restore_blob_late",
        "No restore blob that can be uploaded came in time.",
        advice="The HSM exists and is billed. Send the request again once custodians can make one.",
    )


def _remind(operation_id: str, key: RecordedTransferKey, why: str) -> None:
    since, until = utc_text(key.fetched_at), utc_text(key.blob_awaited_until)
    _log.warning("%s has waited for its restore blob since %s, until %s: %s", operation_id, since, until, why)
