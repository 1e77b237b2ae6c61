"""The one place where somebody is warned that an HSM expires."""

import logging
from datetime import UTC, datetime

from clients.announcements import announce_expiring
from domain.cleanup import Warned
from domain.records import HsmRecord

_log = logging.getLogger("hsm_provisioner.cleanup")


def warn_of_expiry(record: HsmRecord, warned: Warned | None) -> Warned | None:
    """Warn that an HSM expires, once for each expiry; gives the warning that counts, None for one without expiry."""
    expires_at = record.request.expires_at
    if expires_at is None or (warned is not None and warned.expires_at == expires_at):
        return warned
    announce_expiring(record, expires_at, expires_at.isoformat())
    _log.warning("the HSM %s of %s expires at %s", record.hsm, record.team, expires_at.isoformat())
    return Warned(expires_at=expires_at, at=datetime.now(UTC).replace(microsecond=0))
