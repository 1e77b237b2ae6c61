"""What clients ask of the engine; each call is one transaction."""

import asyncio
from collections.abc import Sequence
from typing import Final

from durabletask.entities import EntityInstanceId
from durabletask.internal import orchestrator_service_pb2 as pb

from local.host.engine import entities, events
from local.host.engine.change import Change, descendants
from local.host.engine.errors import InstanceExists, InstanceNotFound, InvalidRequest, WrongState
from local.host.engine.hub import TaskHub
from local.host.engine.queries import (
    describe_entity,
    describe_instance,
    select_ended,
    select_entities,
    select_instances,
    to_purge,
)
from local.host.engine.records import Instance, make_id
from local.host.engine.rewind import ask_for_rewind, has_open_section

MAXIMUM_ID_LENGTH: Final = 100


class Engine:
    """The engine as its clients see it."""

    def __init__(self, hub: TaskHub) -> None:
        self._hub = hub

    def _get(self, instance_id: str) -> Instance:
        instance = self._hub.store.find_instance(instance_id)
        if instance is None:
            message = f"there is no orchestration instance {instance_id!r}"
            raise InstanceNotFound(message)
        return instance

    # --- what clients ask for

    def start(self, request: pb.CreateInstanceRequest) -> str:
        """Start an instance and give its id; raises InstanceExists, InvalidRequest.

        An ended instance of the id is replaced; where the request's reuse policy names states, exactly those are.
        Source: the extension's overridableExistingInstanceStates, by default NonRunningStates.
        """
        instance_id = request.instanceId or make_id()
        _check_id(instance_id)
        with self._hub.change() as change:
            existing = self._hub.store.find_instance(instance_id)
            if existing is not None and not self._may_replace(existing, request):
                status = pb.OrchestrationStatus.Name(existing.status).removeprefix("ORCHESTRATION_STATUS_").title()
                message = f"An Orchestration instance with the status {status} already exists."
                raise InstanceExists(message)
            if existing is not None and not existing.ended:
                entities.release_all_locks(change, instance_id)
            instance = Instance.begin(
                instance_id,
                request.name,
                change.now,
                version=events.optional(request, "version") or self._hub.limits.default_version,
                input=events.optional(request, "input"),
                tags=dict(request.tags),
                begins=_moment(request, "scheduledStartTimestamp"),
            )
            change.begin_instance(
                instance, request.parentTraceContext if request.HasField("parentTraceContext") else None
            )
        return instance_id

    def _may_replace(self, existing: Instance, request: pb.CreateInstanceRequest) -> bool:
        named = request.orchestrationIdReusePolicy.replaceableStatus
        return existing.status in named if named else existing.ended or self._hub.limits.replace_running

    def get(self, instance_id: str, *, payloads: bool = True) -> pb.OrchestrationState | None:
        """Describe an instance; None where there is none."""
        instance = self._hub.store.find_instance(instance_id)
        return describe_instance(instance, payloads=payloads) if instance else None

    async def wait(
        self, instance_id: str, *, until_completed: bool, seconds: float | None, payloads: bool = True
    ) -> pb.OrchestrationState | None:
        """Wait until an instance has begun, or ended, and describe it; None where there is none.

        `seconds` are the machine's. Raises TimeoutError.
        """
        async with asyncio.timeout(seconds):
            while True:
                instance = self._hub.store.find_instance(instance_id)
                if instance is None:
                    return None
                if instance.ended or not (until_completed or instance.status == pb.ORCHESTRATION_STATUS_PENDING):
                    return describe_instance(instance, payloads=payloads)
                await self._hub.next_change_of(instance_id)

    def raise_event(self, instance_id: str, name: str, data: str | None) -> None:
        """Hand an event to an instance, if it has not ended; raises InstanceNotFound."""
        event = pb.HistoryEvent(eventId=-1, eventRaised=pb.EventRaisedEvent(name=name, input=events.text(data)))
        self._send(instance_id, event)

    def suspend(self, instance_id: str, reason: str | None) -> None:
        """Have an instance take nothing until it is resumed; raises InstanceNotFound."""
        suspended = pb.ExecutionSuspendedEvent(input=events.text(reason))
        self._send(instance_id, pb.HistoryEvent(eventId=-1, executionSuspended=suspended))

    def resume(self, instance_id: str, reason: str | None) -> None:
        """Have a suspended instance go on; raises InstanceNotFound."""
        resumed = pb.ExecutionResumedEvent(input=events.text(reason))
        self._send(instance_id, pb.HistoryEvent(eventId=-1, executionResumed=resumed))

    def _send(self, instance_id: str, event: pb.HistoryEvent) -> None:
        with self._hub.change() as change:
            change.send(self._get(instance_id), event)

    def terminate(self, instance_id: str, output: str | None, *, recursive: bool) -> None:
        """Have an instance end, and with `recursive` its children; unknown and ended ones are left alone."""
        with self._hub.change() as change:
            instance = self._hub.store.find_instance(instance_id)
            if instance is not None:
                change.terminate(instance, output, recursive=recursive)

    def rewind(self, instance_id: str, reason: str | None) -> None:
        """Have a failed instance go on from before its failures; raises InstanceNotFound, WrongState."""
        with self._hub.change() as change:
            instance = self._get(instance_id)
            if instance.status != pb.ORCHESTRATION_STATUS_FAILED:
                message = f"the orchestration instance {instance_id!r} has not failed"
                raise WrongState(message)
            if has_open_section(self._hub.store.history_of(instance_id)):
                message = f"the orchestration instance {instance_id!r} failed within a critical section"
                raise WrongState(message)
            ask_for_rewind(change, instance, reason)

    def restart(self, instance_id: str, *, new_id: bool) -> str:
        """Start an ended instance's orchestrator again with its input, and give the id.

        Raises InstanceNotFound, WrongState.
        """
        with self._hub.change() as change:
            old = self._get(instance_id)
            if not old.ended:
                message = f"the orchestration instance {instance_id!r} has not ended"
                raise WrongState(message)
            instance = Instance.begin(
                make_id() if new_id else old.id,
                old.name,
                change.now,
                version=old.version,
                input=old.input,
                tags=old.tags,
            )
            change.begin_instance(instance)
        return instance.id

    def purge(self, instance_id: str, *, recursive: bool = False) -> int:
        """Forget an ended instance, and with `recursive` its ended children; gives how many."""
        with self._hub.change() as change:
            instances = [self._hub.store.find_instance(instance_id)]
            if recursive:
                instances += descendants(self._hub.store, instance_id)
            return _purge(change, instances)

    def purge_by(self, query: pb.PurgeInstanceFilter) -> int:
        """Forget the ended instances that a filter names; gives how many."""
        with self._hub.change() as change:
            return _purge(change, to_purge(self._hub.store, query))

    def query(self, query: pb.InstanceQuery) -> tuple[list[pb.OrchestrationState], str | None]:
        """Describe a page of the instances that a filter names, oldest first, with a token; raises InvalidRequest."""
        return select_instances(self._hub.store, query)

    def history(self, instance_id: str) -> list[pb.HistoryEvent]:
        """Read an instance's history; raises InstanceNotFound."""
        self._get(instance_id)
        return self._hub.store.history_of(instance_id)

    def ended_instances(self, request: pb.ListInstanceIdsRequest) -> tuple[list[str], str | None]:
        """Name ended instances in the order of their ends, with a key to go on from."""
        return select_ended(self._hub.store, request)

    # --- entities

    def signal_entity(self, request: pb.SignalEntityRequest) -> None:
        """Have an entity do something, now or at a time; raises InvalidRequest."""
        signaled = pb.EntityOperationSignaledEvent(
            requestId=request.requestId,
            operation=request.name,
            input=request.input if request.HasField("input") else None,
            targetInstanceId=events.text(request.instanceId),
        )
        _check_entity_id(request.instanceId)
        event = pb.HistoryEvent(eventId=-1, entityOperationSignaled=signaled)
        with self._hub.change() as change:
            entities.signal(change, request.instanceId, event, _moment(request, "scheduledTime"))

    def get_entity(self, entity_id: str, *, state: bool) -> pb.EntityMetadata | None:
        """Describe an entity; None where there is none, which one without a state is."""
        entity = self._hub.store.find_entity(entity_id)
        if entity is None or entity.state is None:
            return None
        return describe_entity(self._hub.store, entity, state=state)

    def query_entities(self, query: pb.EntityQuery) -> tuple[list[pb.EntityMetadata], str | None]:
        """Describe the entities that a filter names, in order of their ids, with a token to go on from."""
        return select_entities(self._hub.store, query)

    def release_orphaned_locks(self) -> int:
        """Give back the locks whose holders have ended or are gone; gives how many."""
        released = 0
        with self._hub.change() as change:
            for entity in self._hub.store.locked_entities():
                owner = self._hub.store.find_instance(entity.owner or "")
                if owner is None or owner.ended:
                    entities.release_lock(change, entity.id, entity.section or "")
                    released += 1
        return released


def _purge(change: Change, instances: Sequence[Instance | None]) -> int:
    ended = [instance for instance in instances if instance is not None and instance.ended]
    for instance in ended:
        change.store.delete_instance(instance.id)
        change.touched.append(instance.id)
    return len(ended)


def _check_id(instance_id: str) -> None:
    """Refuse an id that Azure refuses; raises InvalidRequest."""
    wrong = [character for character in instance_id if character in "/\\#?" or not character.isprintable()]
    if len(instance_id) > MAXIMUM_ID_LENGTH or instance_id.startswith("@") or wrong:
        message = (
            f"An instance id has at most {MAXIMUM_ID_LENGTH} characters, none of / \\ # ? and no control character, "
            "and does not begin with @."
        )
        raise InvalidRequest(message)


def _check_entity_id(entity_id: str) -> None:
    try:
        EntityInstanceId.parse(entity_id)
    except ValueError as wrong:
        raise InvalidRequest(str(wrong)) from None


def _moment(message: object, field: str) -> float | None:
    return events.seconds(getattr(message, field)) if message.HasField(field) else None  # type: ignore[attr-defined]
