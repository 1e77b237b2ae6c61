"""What the steps of a restore have in common: the pinned source, the recorded transfer key, the blob for it."""

from typing import NamedTuple

from activities.context import find_own_hsm, now, record_missing
from clients import archive, restores
from domain.errors import ErrorDetail, ServiceError, service_error
from domain.hsm import Hsm
from domain.records import HsmRecord, PinnedSource, Plan
from domain.restores import RecordedTransferKey, RestoreBlobState, judge_restore_blob, refuse_blob, same_refusal
from domain.security_domain.errors import SecurityDomainError
from domain.security_domain.restoring import read_transfer_key


class RestoringHsm(NamedTuple):
    """The HSM that is to be given a security domain, and our record of it."""

    hsm: Hsm
    record: HsmRecord
    source: PinnedSource


class GoodBlob(NamedTuple):
    """A restore blob that can be uploaded."""

    etag: str
    text: str


def find_restoring_hsm(plan: Plan) -> RestoringHsm:
    """Find the HSM of a restore; raises ServiceError as `find_own_hsm` does, and `not_planned`."""
    hsm = find_own_hsm(plan.hsm, plan.team)
    record = archive.find_hsm_record(plan.hsm)
    if record is None:
        raise record_missing()
    return RestoringHsm(hsm, record, source_of(plan))


def source_of(plan: Plan) -> PinnedSource:
    """Give what a plan restores; raises ServiceError `not_planned`."""
    if plan.source is None:
        raise service_error("not_planned", "The plan names nothing to restore.", advice="Send the request again.")
    return plan.source


def recorded_key_of(plan: Plan) -> RecordedTransferKey:
    """Read the transfer key of an operation; raises ServiceError `not_planned`."""
    key = archive.find_transfer_key(plan.hsm, plan.operation_id)
    if key is None:
        raise service_error("not_planned", "This operation has no transfer key.", advice="Send the request again.")
    return key


def require_same_key(recorded: RecordedTransferKey, text: str) -> None:
    """Hold a transfer key against the one that custodians were shown.

    Raises ServiceError `transfer_key_changed`, `transfer_key_unreadable`.
    """
    try:
        same = read_transfer_key(text).thumbprint == recorded.thumbprint
    except SecurityDomainError as error:
        raise unreadable_key(error) from None
    if not same:
        raise service_error(
            "transfer_key_changed",
            "The HSM has another transfer key than the one that was recorded.",
            advice="A restore blob for the recorded key cannot be uploaded any more, and one for the new key might be "
            "somebody else's. Find out who asked the HSM for a key; then send the request again, to begin with its new "
            "key.",
        )


def unreadable_key(error: SecurityDomainError) -> ServiceError:
    """Make the error of what is no transfer key."""
    return service_error(error.code, error.message, advice="Send the request again; tell the operators if it lasts.")


def read_restore_blob(plan: Plan, key: RecordedTransferKey) -> GoodBlob:
    """Read the restore blob and check all of it that can be checked; what becomes of it is recorded.

    Raises ServiceError: one of `domain.restore_rules.BLOB_REFUSALS` where it cannot be uploaded.
    """
    found = restores.find_restore_blob(plan.operation_id)
    if found is None:
        raise refuse_blob("restore_blob_missing", "There is no restore blob.")
    state = archive.find_restore_blob_state(plan.operation_id)
    if state is not None and (state.etag, state.code) == (found.etag, "restore_blob_refused"):
        raise refuse_blob("restore_blob_refused", state.message or "")
    try:
        if found.content is None:
            raise refuse_blob("restore_blob_too_large", f"This is no restore blob: it has {found.size:,} bytes.")
        text = judge_restore_blob(found.content, key.read())
    except ServiceError as error:
        note_refusal(plan, state, found.etag, error.detail)
        raise
    if state is None or state.etag != found.etag:
        accepted = RestoreBlobState(etag=found.etag, verdict="Accepted", seen_at=now())
        archive.write_restore_blob_state(plan.operation_id, accepted)
    return GoodBlob(found.etag, text)


def note_refusal(plan: Plan, state: RestoreBlobState | None, etag: str, error: ErrorDetail) -> None:
    """Record why a restore blob was refused; once, however often it is looked at."""
    if not same_refusal(state, etag, error):
        refused = RestoreBlobState(etag=etag, verdict="Refused", code=error.code, message=error.message, seen_at=now())
        archive.write_restore_blob_state(plan.operation_id, refused)
