"""Fetch the key to which a security domain must be encrypted for the HSM, once, and record it for everybody to see."""

import json
from datetime import timedelta

from activities.context import approved_plan_of, now
from activities.restoring import find_restoring_hsm, is_taken_in, require_ours, require_same_key, unreadable_key
from clients import archive, managed_hsm
from clients.announcements import announce_transfer_key
from domain.outcomes import Outcome, Work, done
from domain.records import Plan, utc_text
from domain.restores import RecordedTransferKey
from domain.security_domain.errors import SecurityDomainError
from domain.security_domain.restoring import read_transfer_key
from domain.settings import settings


def fetch_transfer_key(work: Work) -> Outcome:
    """Record the HSM's transfer key; one that is recorded is held against the HSM's once more.

    Nothing is fetched for an HSM that an operation before this one gave the same security domain: `uploaded`.
    """
    plan = approved_plan_of(work, "restore", cancelable=True)
    restoring = find_restoring_hsm(plan)
    if is_taken_in(plan.hsm):
        require_ours(restoring)
        return done(uploaded=True)
    text = managed_hsm.fetch_transfer_key(plan.hsm)
    # Idempotent: what is recorded holds. The HSM gives the same key as long as it waits.
    recorded = archive.find_transfer_key(plan.hsm, plan.operation_id) or _record(plan, text)
    require_same_key(recorded, text)
    announce_transfer_key(plan, recorded)
    return done(uploaded=False, blobAwaitedUntil=utc_text(recorded.blob_awaited_until))


def _record(plan: Plan, text: str) -> RecordedTransferKey:
    try:
        key = read_transfer_key(text)
    except SecurityDomainError as error:
        raise unreadable_key(error) from None
    fetched_at = now()
    return archive.create_transfer_key(
        plan,
        RecordedTransferKey(
            thumbprint=key.thumbprint,
            sha256=key.sha256,
            jwk=json.loads(text),
            fetched_at=fetched_at,
            blob_awaited_until=fetched_at + timedelta(days=settings().restore_blob_days),
        ),
    )
