"""What clients read of instances and entities: views, filters, pages."""

import base64
import json
from collections.abc import Sequence
from typing import Any, Final

from durabletask.internal import orchestrator_service_pb2 as pb

from local.host.engine import events
from local.host.engine.errors import InvalidRequest
from local.host.engine.records import Instance
from local.host.engine.store import Entity, Store, is_ended

_NO_LIMIT: Final = -1
_DEFAULT_PAGE: Final = 100


class _Where:
    """The conditions of a query, all of which hold, and their values."""

    def __init__(self, *conditions: str) -> None:
        self._conditions = list(conditions)
        self.values: list[Any] = []

    @property
    def text(self) -> str:
        return " AND ".join(self._conditions) or "1"

    def add(self, condition: str, *values: Any) -> None:
        self._conditions.append(condition)
        self.values += values

    def between(self, column: str, message: Any, earliest: str, end: str) -> None:
        """Have a time lie between those of two fields, as far as they are there; the second is excluded."""
        for field, sign in ((earliest, ">="), (end, "<")):
            if message.HasField(field):
                self.add(f"{column} {sign} ?", events.seconds(getattr(message, field)))

    def has_status(self, statuses: Sequence[int]) -> None:
        if statuses:
            self.add(f"status IN ({', '.join('?' * len(statuses))})", *statuses)

    def begins_with(self, prefix: str) -> None:
        if prefix:
            self.add("substr(id, 1, ?) = ?", len(prefix), prefix)

    def goes_on_after(self, columns: str, token: str, *types: type) -> None:
        """Have rows come after the one that a token names; raises InvalidRequest."""
        if token:
            marks = ", ".join("?" * len(types))
            self.add(f"({columns}) > ({marks})", *_read_token(token, *types))


def describe_instance(instance: Instance, *, payloads: bool) -> pb.OrchestrationState:
    """Describe an instance, with its input and output where they are wanted."""
    state = pb.OrchestrationState(
        instanceId=instance.id,
        executionId=events.text(instance.execution_id),
        name=instance.name,
        version=events.text(instance.version),
        orchestrationStatus=instance.status,
        createdTimestamp=events.timestamp(instance.created),
        lastUpdatedTimestamp=events.timestamp(instance.updated),
        customStatus=events.text(instance.custom_status),
        failureDetails=instance.failure,
        tags=instance.tags,
    )
    if instance.completed is not None:
        state.completedTimestamp.CopyFrom(events.timestamp(instance.completed))
    if instance.begins is not None:
        state.scheduledStartTimestamp.CopyFrom(events.timestamp(instance.begins))
    if instance.parent is not None:
        state.parentInstanceId.value = instance.parent.execution.instance
    if payloads and instance.input is not None:
        state.input.value = instance.input
    if payloads and instance.output is not None:
        state.output.value = instance.output
    return state


def select_instances(store: Store, query: pb.InstanceQuery) -> tuple[list[pb.OrchestrationState], str | None]:
    """Give a page of the instances that a filter names, oldest first; raises InvalidRequest."""
    where = _Where()
    where.between("created", query, "createdTimeFrom", "createdTimeTo")
    where.has_status(query.runtimeStatus)
    where.begins_with(query.instanceIdPrefix.value)
    where.goes_on_after("created, id", query.continuationToken.value, float, str)
    size = query.maxInstanceCount if query.maxInstanceCount > 0 else _NO_LIMIT
    limit = size + 1 if size > 0 else _NO_LIMIT
    found = store.select_instances(where.text, where.values, "created, id", limit)
    page = found[:size] if size > 0 else found
    token = _write_token([page[-1].created, page[-1].id]) if len(found) > len(page) else None
    return [describe_instance(each, payloads=query.fetchInputsAndOutputs) for each in page], token


def to_purge(store: Store, query: pb.PurgeInstanceFilter) -> list[Instance]:
    """Give the ended instances that a filter names."""
    where = _Where(is_ended("status"))
    where.between("created", query, "createdTimeFrom", "createdTimeTo")
    where.has_status(query.runtimeStatus)
    return store.select_instances(where.text, where.values, "created, id", _NO_LIMIT)


def select_ended(store: Store, request: pb.ListInstanceIdsRequest) -> tuple[list[str], str | None]:
    """Give a page of the ids of ended instances in the order of their ends; raises InvalidRequest."""
    where = _Where(is_ended("status"), "completed IS NOT NULL")
    where.between("completed", request, "completedTimeFrom", "completedTimeTo")
    where.has_status(request.runtimeStatus)
    where.goes_on_after("completed, id", request.lastInstanceKey.value, float, str)
    size = request.pageSize if request.pageSize > 0 else _DEFAULT_PAGE
    found = store.select_instances(where.text, where.values, "completed, id", size + 1)
    page = found[:size]
    return [each.id for each in page], _write_token([page[-1].completed, page[-1].id]) if len(found) > size else None


def describe_entity(store: Store, entity: Entity, *, state: bool) -> pb.EntityMetadata:
    """Describe an entity, with its state where it is wanted."""
    return pb.EntityMetadata(
        instanceId=entity.id,
        lastModifiedTime=events.timestamp(entity.updated),
        backlogQueueSize=store.count_operations(entity.id),
        lockedBy=events.text(entity.owner),
        serializedState=events.text(entity.state) if state else None,
    )


def select_entities(store: Store, query: pb.EntityQuery) -> tuple[list[pb.EntityMetadata], str | None]:
    """Give a page of the entities that a filter names, in order of their ids; raises InvalidRequest."""
    where = _Where() if query.includeTransient else _Where("state IS NOT NULL")
    where.begins_with(query.instanceIdStartsWith.value)
    where.between("updated", query, "lastModifiedFrom", "lastModifiedTo")
    where.goes_on_after("id", query.continuationToken.value, str)
    size = query.pageSize.value if query.pageSize.value > 0 else _DEFAULT_PAGE
    found = store.select_entities(where.text, where.values, size + 1)
    page = found[:size]
    token = _write_token([page[-1].id]) if len(found) > size else None
    return [describe_entity(store, each, state=query.includeState) for each in page], token


def _write_token(key: list[Any]) -> str:
    return base64.urlsafe_b64encode(json.dumps(key).encode()).decode()


def _read_token(token: str, *types: type) -> list[Any]:
    try:
        key = json.loads(base64.urlsafe_b64decode(token))
    except ValueError:
        key = None
    if not isinstance(key, list) or [type(part) for part in key] != list(types):
        message = "the continuation token is not one of ours"
        raise InvalidRequest(message)
    return key
