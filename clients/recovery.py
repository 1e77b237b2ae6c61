"""Whether the deleted HSM of our record can be brought back."""

from datetime import UTC, datetime

from clients.deletion import DeletedHsm, find_deleted_hsm
from domain.decommissioning import is_being_purged, is_same_moment
from domain.errors import ServiceError, service_error
from domain.records import HsmRecord


def require_recoverable(record: HsmRecord) -> DeletedHsm:
    """Find the deleted HSM of a record that shows its deletion.

    Raises ServiceError `hsm_not_deleted`, also where others deleted it, or another one of its name; `hsm_being_purged`;
    `hsm_purged`.
    """
    ended = record.decommissioned
    if ended is None:
        raise _not_deleted_by_us()
    if ended.purged_at is not None:
        raise _purged()
    deleted = find_deleted_hsm(record)
    if is_being_purged(ended, datetime.now(UTC)):
        raise hsm_being_purged()
    if deleted is None:
        raise _purged()
    if ended.deleted_at is None or not is_same_moment(deleted.deleted_at, ended.deleted_at):
        raise _not_deleted_by_us()
    return deleted


def hsm_being_purged() -> ServiceError:
    """Make the error of an HSM that Azure is about to destroy."""
    return service_error(
        "hsm_being_purged",
        "Azure is purging the HSM, or is changing it otherwise, and does not bring it back.",
        advice="Look at the HSM in a quarter of an hour, and send the request again if it is still SoftDeleted then.",
    )


def _purged() -> ServiceError:
    return service_error(
        "hsm_purged",
        "The HSM was purged: it is gone for good.",
        advice="Ask for another HSM, and restore the stored security domain and a backup into it.",
    )


def _not_deleted_by_us() -> ServiceError:
    return service_error(
        "hsm_not_deleted",
        "Our record does not show that this HSM was deleted, so that it is not recovered.",
        advice="If somebody else deleted it, its owner can recover it in Azure.",
    )
