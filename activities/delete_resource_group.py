"""Delete the resource group of an HSM that is gone, if this service made it and nothing is in it."""

from activities.context import approved_plan_of
from activities.decommissioning import record_of
from clients import archive
from clients.deletion import delete_resource_group as ask_for_deletion
from clients.deletion import resource_group_is_empty
from clients.resource_manager import resource_group_exists
from domain.outcomes import Outcome, Work, done
from domain.records import HsmRecord


def delete_resource_group(work: Work) -> Outcome:
    """Ask ARM to delete an empty resource group of ours; any other is left as it is."""
    record = record_of(approved_plan_of(work, "decommission"))
    deletable = _is_deletable(record)
    if deletable:
        ask_for_deletion(record.subscription_id, record.resource_group)
    return done(resourceGroupDeleted=deletable)


def _is_deletable(record: HsmRecord) -> bool:
    place = record.subscription_id, record.resource_group
    gone = record.decommissioned is not None and record.decommissioned.purged_at is not None
    # Idempotent: a group that is gone is left so.
    return (
        gone
        and archive.made_resource_group(*place)
        and resource_group_exists(*place)
        and resource_group_is_empty(*place)
    )
