"""Delete the empty resource groups that this service made and nobody needs any more."""

import logging
from typing import Final

from activities.context import now
from activities.list_hsm_page import PAGE, AskedPage
from clients import archive
from clients.archive import RECORDS
from clients.audit_log import append
from clients.blob_lists import ListedBlob, list_page
from clients.cleanup import is_enforced, require_run, write_run
from clients.deletion import delete_resource_group, resource_group_is_empty
from clients.needed_groups import YOUNG, Group, find_needed_groups
from clients.resource_manager import resource_group_exists
from domain.audit import AuditEvent
from domain.errors import ServiceError
from domain.names import hsm_of_operation
from domain.outcomes import Outcome, done

_PREFIX: Final = "resource-groups/"
_log = logging.getLogger("hsm_provisioner.cleanup")


def tidy_resource_groups(asked: AskedPage) -> Outcome:
    """Look at a page of those that we made; where nothing is enforced they are only named in the report."""
    page = list_page(RECORDS, _PREFIX, asked.marker, PAGE)
    groups = [_read(blob) for blob in page.blobs if now() - blob.modified_at >= YOUNG]
    needed = find_needed_groups() if groups else frozenset()
    for group in groups:
        try:
            _tidy(group, needed)
        except ServiceError as error:
            _log.warning("%s could not be looked at: %s", group, error)
    return done(marker=page.marker)


def _read(blob: ListedBlob) -> Group:
    subscription_id, _, name = blob.path.removeprefix(_PREFIX).partition("/")
    return Group(subscription_id, name)


def _tidy(group: Group, needed: frozenset[Group]) -> None:
    if group in needed:
        return
    if not resource_group_exists(*group):
        # Whoever makes one of this name from now on makes their own.
        archive.forget_resource_group(*group)
        return
    if not resource_group_is_empty(*group):
        return
    run = require_run()
    if str(group) not in run.resource_groups:
        write_run(run.model_copy(update={"resource_groups": [*run.resource_groups, str(group)]}))
    maker = archive.find_maker_of_group(*group)
    if maker is not None and is_enforced():
        _record(maker, group, "asked_deleted")
        archive.forget_resource_group(*group)
        delete_resource_group(*group)
        _record(maker, group, "deleted")


def _record(operation_id: str, group: Group, outcome: str) -> None:
    """Record it in the chain of the operation that made the group; what cannot be recorded is not done."""
    append(
        AuditEvent(
            operation_id=operation_id,
            at=now(),
            kind="group_deletion",
            hsm=hsm_of_operation(operation_id),
            outcome=outcome,
            detail={"subscriptionId": group.subscription_id, "resourceGroup": group.name},
        )
    )
