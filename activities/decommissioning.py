"""What the steps of a decommission have in common: the record, and the one HSM that it is of."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Final

from activities.context import now, record_missing
from clients import archive, resource_manager
from clients.archive import HeldHsmRecord
from clients.deletion import DeletedHsm, find_deleted_hsm
from clients.ownership import is_ours
from domain.decommissioning import Decommissioned, PlannedDeletion, is_same_moment
from domain.errors import ServiceError, service_error
from domain.hsm import Hsm
from domain.records import HsmRecord, Plan

# How long an HSM that Azure shows nowhere is taken for one on its way from one list to the other.
MISSING_FOR: Final = timedelta(minutes=15)


def held_record_of(plan: Plan) -> HeldHsmRecord:
    """Read our record of the HSM, to be changed as it was read; raises ServiceError `record_missing`."""
    held = archive.find_held_hsm_record(plan.hsm)
    if held is None or held.record.resource_id.lower() != plan.resource_id.lower() or held.record.team != plan.team:
        raise record_missing()
    return held


def record_of(plan: Plan) -> HsmRecord:
    """Read our record of the HSM; raises ServiceError `record_missing`, also where it is another's by now."""
    return held_record_of(plan).record


def write_end(held: HeldHsmRecord, ended: Decommissioned | None) -> HsmRecord:
    """Record how far the end of an HSM is; raises ServiceError `record_changed` where that was not as it was read.

    Two executions of one activity may run at once: the later one must not write what the earlier one saw.
    """
    return _replace(held, held.record.model_copy(update={"decommissioned": ended}))


def write_regions(held: HeldHsmRecord, regions: Sequence[str]) -> HsmRecord:
    """Record in which regions an HSM is besides its own; raises ServiceError as `write_end` does."""
    request = held.record.request.model_copy(update={"additional_regions": list(regions)})
    return _replace(held, held.record.model_copy(update={"request": request}))


def _replace(held: HeldHsmRecord, record: HsmRecord) -> HsmRecord:
    if record != held.record and not archive.replace_hsm_record(record, held.etag):
        raise service_error(
            "record_changed", "The HSM's record was changed meanwhile.", advice="It is tried again.", retryable=True
        )
    return record


def deletion_of(plan: Plan) -> PlannedDeletion:
    """Give what a plan deletes; raises ServiceError `not_planned`."""
    if plan.deletion is None:
        raise service_error("not_planned", "The plan deletes nothing.", advice="Send the request again.")
    return plan.deletion


def purge_of(plan: Plan) -> PlannedDeletion:
    """Give what a plan purges; raises ServiceError `not_planned` where it purges nothing."""
    deletion = deletion_of(plan)
    if not deletion.purges:
        raise service_error("not_planned", "The plan purges nothing.", advice="Send the request again.")
    return deletion


def require_planned_use(deletion: PlannedDeletion, record: HsmRecord, hsm: Hsm | None) -> None:
    """Raise ServiceError `approval_needed` where an HSM may hold keys by now, and its purge was planned without."""
    if deletion.purges and not deletion.was_active and may_hold_keys(record, hsm):
        raise service_error(
            "approval_needed",
            "The HSM was active by now, and its purge was planned as of one that never was.",
            advice="Send the request again, with requestedBy: its plan then waits for approval.",
        )


def may_hold_keys(record: HsmRecord, hsm: Hsm | None) -> bool:
    """Say whether somebody may need what an HSM holds: in doubt, yes."""
    return record.may_hold_keys or (hsm is not None and hsm.activation != "NotActivated")


def find_live_hsm(record: HsmRecord) -> Hsm | None:
    """Find the HSM of a record; None where there is none, or another of its name, which is not touched."""
    hsm = find_any_hsm(record)
    return hsm if hsm is not None and is_ours(hsm, record, record.team) else None


def find_any_hsm(record: HsmRecord) -> Hsm | None:
    """Find the HSM that is where our record says, whosesoever."""
    return resource_manager.find_hsm(record.subscription_id, record.resource_group, record.hsm)


def find_our_deleted_hsm(record: HsmRecord) -> DeletedHsm | None:
    """Find the soft-deleted HSM whose deletion our record shows; None where there is none at all.

    Raises ServiceError `hsm_not_deleted` for one that others deleted: it was made anew at the same place, or recovered
    and deleted again, and has another date.
    """
    ended, deleted = record.decommissioned, find_deleted_hsm(record)
    if deleted is None:
        return None
    if ended is None or ended.deleted_at is None or not is_same_moment(deleted.deleted_at, ended.deleted_at):
        raise not_deleted()
    return deleted


def note_if_gone(held: HeldHsmRecord, *, asked: bool) -> HsmRecord:
    """Record that an HSM which is neither there nor among the deleted ones is gone for good, once that is sure.

    It is where its name is free again. Where the name is not, somebody else may have taken it: then only of a purge
    that was `asked` for, and after a while, for Azure's lists lag. Until then it is recorded since when it is missing.
    """
    ended = held.record.decommissioned
    if ended is None:
        raise not_deleted()
    since = ended.missing_since or now()
    free = resource_manager.is_name_available(held.record.subscription_id, held.record.hsm)
    if free or (asked and now() - since >= MISSING_FOR):
        return write_end(held, ended.model_copy(update={"missing_since": since, "purged_at": ended.purged_at or now()}))
    return write_end(held, ended.model_copy(update={"missing_since": since}))


def show(ended: Decommissioned | None) -> dict[str, object]:
    """Give how far the end of an HSM is as JSON, for the operation's result."""
    return ended.model_dump(mode="json", by_alias=True, exclude_none=True) if ended is not None else {}


def not_deleted() -> ServiceError:
    """Make the error of an HSM that our record does not show as deleted."""
    return service_error(
        "hsm_not_deleted",
        "Our record does not show that this HSM was deleted, so that it is not purged.",
        advice="Somebody else may have deleted it. Recover it if it is needed; its owner can purge it in Azure.",
    )


def lives_again() -> ServiceError:
    """Make the error of an HSM that somebody recovered, or made anew, while it was to be purged."""
    return service_error(
        "hsm_lives_again",
        "An HSM is there again: somebody recovered it, or made another of its name. It was not touched.",
        advice="Find out who needs it. If nobody does, send the request again: it is deleted first.",
    )
