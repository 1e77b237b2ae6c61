"""Delete the empty resource groups that this service made and nobody needs any more."""

import logging
from datetime import timedelta
from typing import Final, NamedTuple

from activities.context import now
from activities.list_hsm_page import PAGE, AskedPage
from clients import archive, summaries
from clients.archive import RECORDS
from clients.audit_log import append
from clients.blob_lists import ListedBlob, list_page
from clients.cleanup import is_enforced, require_run, write_run
from clients.deletion import delete_resource_group, resource_group_is_empty
from clients.resource_manager import resource_group_exists
from domain.audit import AuditEvent
from domain.errors import ServiceError
from domain.names import hsm_of_operation
from domain.outcomes import Outcome, done

_PREFIX: Final = "resource-groups/"
_YOUNG: Final = timedelta(days=1)
_log = logging.getLogger("hsm_provisioner.cleanup")


class _Group(NamedTuple):
    """A resource group by its subscription and its name, both in lower case."""

    subscription_id: str
    name: str

    def __str__(self) -> str:
        return f"/subscriptions/{self.subscription_id}/resourceGroups/{self.name}"


def tidy_resource_groups(asked: AskedPage) -> Outcome:
    """Look at a page of those that we made; where nothing is enforced they are only named in the report."""
    page = list_page(RECORDS, _PREFIX, asked.marker, PAGE)
    groups = [_read(blob) for blob in page.blobs if now() - blob.modified_at >= _YOUNG]
    needed = _find_needed() if groups else frozenset()
    for group in groups:
        try:
            _tidy(group, needed)
        except ServiceError as error:
            _log.warning("%s could not be looked at: %s", group, error)
    return done(marker=page.marker)


def _read(blob: ListedBlob) -> _Group:
    subscription_id, _, name = blob.path.removeprefix(_PREFIX).partition("/")
    return _Group(subscription_id, name)


def _find_needed() -> frozenset[_Group]:
    """Find the groups of what is being made or changed; what is there is seen by a group's not being empty."""
    running = [claim.resource_id for claim in summaries.list_claims() if claim.running]
    records = summaries.list_hsm_records().values()
    new = [record.resource_id for record in records if now() - record.created_at < _YOUNG]
    parts = [resource_id.lower().split("/") for resource_id in (*running, *new)]
    return frozenset(_Group(part[2], part[4]) for part in parts)


def _tidy(group: _Group, needed: frozenset[_Group]) -> None:
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


def _record(operation_id: str, group: _Group, outcome: str) -> None:
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
