"""What the steps of a decommission have in common: the record, and the one HSM that it is of."""

from activities.context import now, record_missing
from clients import archive, resource_manager
from clients.deletion import DeletedHsm, find_deleted_hsm
from clients.ownership import is_ours
from domain.decommissioning import PlannedDeletion
from domain.errors import ServiceError, service_error
from domain.hsm import Hsm
from domain.records import HsmRecord, Plan


def record_of(plan: Plan) -> HsmRecord:
    """Read our record of the HSM; raises ServiceError `record_missing`, `hsm_exists` where it is another's by now."""
    record = archive.find_hsm_record(plan.hsm)
    if record is None or record.resource_id.lower() != plan.resource_id.lower() or record.team != plan.team:
        raise record_missing()
    return record


def deletion_of(plan: Plan) -> PlannedDeletion:
    """Give what a plan deletes; raises ServiceError `not_planned`."""
    if plan.deletion is None:
        raise service_error("not_planned", "The plan deletes nothing.", advice="Send the request again.")
    return plan.deletion


def find_live_hsm(record: HsmRecord) -> Hsm | None:
    """Find the HSM of a record; None where there is none, or another of its name, which is not touched."""
    hsm = resource_manager.find_hsm(record.subscription_id, record.resource_group, record.hsm)
    return hsm if hsm is not None and is_ours(hsm, record, record.team) else None


def find_our_deleted_hsm(record: HsmRecord) -> DeletedHsm | None:
    """Find the soft-deleted HSM whose deletion our record shows; one of its name that others deleted is none.

    An HSM that was made anew by others, at the same place, and deleted would have another date.
    """
    ended, deleted = record.decommissioned, find_deleted_hsm(record)
    if ended is None or ended.deleted_at is None or deleted is None:
        return None
    return deleted if deleted.deleted_at == ended.deleted_at else None


def note_purged(record: HsmRecord) -> HsmRecord:
    """Record that the HSM is gone for good; when that was seen first is recorded once."""
    if record.decommissioned is None:
        raise not_deleted()
    purged_at = record.decommissioned.purged_at or now()
    ended = record.decommissioned.model_copy(update={"purged_at": purged_at})
    gone = record.model_copy(update={"decommissioned": ended})
    archive.write_hsm_record(gone)
    return gone


def not_deleted() -> ServiceError:
    """Make the error of an HSM that our record does not show as deleted."""
    return service_error(
        "hsm_not_deleted",
        "Our record does not show that this HSM was deleted, so that it is not purged.",
        advice="Somebody else may have deleted it. Recover it if it is needed; its owner can purge it in Azure.",
    )
