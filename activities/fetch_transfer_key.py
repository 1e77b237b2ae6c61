"""Fetch the key to which a security domain must be encrypted for the HSM, once, and record it for everybody to see."""

import json
from datetime import timedelta

from activities.context import approved_plan_of, now, record_missing
from activities.restoring import find_restoring_hsm, require_same_key, unreadable_key
from activities.uploads import find_holder, give_up_lost
from clients import archive, managed_hsm
from clients.announcements import announce_transfer_key
from domain.outcomes import Outcome, Work, done
from domain.records import Plan, utc_text
from domain.restores import RecordedTransferKey
from domain.security_domain.errors import SecurityDomainError
from domain.security_domain.restoring import read_transfer_key
from domain.settings import settings


def fetch_transfer_key(work: Work) -> Outcome:
    """Record the HSM's transfer key, once for each operation: nobody knows whether asking for it again changes it.

    Nothing is fetched for an HSM that has a security domain by now, as of an operation before this one: `uploaded`.
    """
    plan = approved_plan_of(work, "restore", cancelable=True)
    restoring = find_restoring_hsm(plan)
    if find_holder(plan, restoring) != "nobody":
        return done(uploaded=True)
    give_up_lost(plan, restoring)
    # Idempotent: what is recorded holds, and custodians may have seen it.
    recorded = archive.find_transfer_key(plan.hsm, plan.operation_id) or _record(plan)
    announce_transfer_key(plan, recorded)
    return done(uploaded=False, blobAwaitedUntil=utc_text(recorded.blob_awaited_until))


def _note_restore(plan: Plan) -> None:
    """Record, before anybody sees a key, that from now on the HSM can be given what this service did not upload."""
    record = archive.find_hsm_record(plan.hsm)
    if record is None:
        raise record_missing()
    archive.write_hsm_record(record.model_copy(update={"made_for_restore": True}))


def _record(plan: Plan) -> RecordedTransferKey:
    """Fetch the key and record it; killed in between, the next one fetches again, and records what it got last."""
    _note_restore(plan)
    text = managed_hsm.fetch_transfer_key(plan.hsm)
    try:
        key = read_transfer_key(text)
    except SecurityDomainError as error:
        raise unreadable_key(error) from None
    fetched_at = now()
    recorded = archive.create_transfer_key(
        plan,
        RecordedTransferKey(
            thumbprint=key.thumbprint,
            sha256=key.sha256,
            jwk=json.loads(text),
            fetched_at=fetched_at,
            blob_awaited_until=fetched_at + timedelta(days=settings().restore_blob_days),
        ),
    )
    # Another execution may have recorded what it got before: then the HSM may have another by now.
    require_same_key(recorded, text)
    return recorded
