"""Delete the resource group of an HSM that is gone, if this service made it and nothing is in it."""

import logging

from activities.context import approved_plan_of
from activities.decommissioning import record_of
from clients import archive
from clients.deletion import delete_resource_group as ask_for_deletion
from clients.deletion import resource_group_is_empty
from clients.needed_groups import Group, find_needed_groups, group_of
from clients.resource_manager import resource_group_exists
from domain.errors import RefusedByAzure
from domain.outcomes import Outcome, Work, done
from domain.records import HsmRecord

_log = logging.getLogger("hsm_provisioner.activities")


def delete_resource_group(work: Work) -> Outcome:
    """Ask ARM to delete an empty resource group of ours; any other is left as it is, and so is one with a lock.

    Idempotent: whose group it was is forgotten before ARM is asked, so that one that others make of its name is not
    touched; killed between the two it stays.
    """
    record = record_of(approved_plan_of(work, "decommission"))
    group = group_of(record.resource_id)
    deletable = _is_deletable(record, group)
    if deletable:
        archive.forget_resource_group(*group)
        deletable = _delete(group)
    return done(resourceGroupDeleted=deletable)


def _delete(group: Group) -> bool:
    try:
        ask_for_deletion(*group)
    except RefusedByAzure as refusal:
        # The HSM is purged all the same, and an empty group costs nothing.
        _log.warning("%s was not deleted: %s", group, refusal)
        return False
    return True


def _is_deletable(record: HsmRecord, group: Group) -> bool:
    if not record.purged or not archive.made_resource_group(*group) or not resource_group_exists(*group):
        return False
    # Looked at last: what is about to be made in it is claimed before it is looked whether the group is there.
    return resource_group_is_empty(*group) and group not in find_needed_groups(but_for=record.hsm)
