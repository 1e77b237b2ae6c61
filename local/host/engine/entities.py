"""Entities: their queues, their batches and their locks.

What is queued at an entity is done in order of arrival. A request for locks stands in the queue of each entity that it
names and is granted when it is first in all of them and none of them is busy or locked; until the unlock, an entity
does only what the holder of its lock asks for. Requests stand in all queues in the same order, so none waits for
another that waits for it.
"""

from collections.abc import Sequence

from durabletask.internal import orchestrator_service_pb2 as pb

from local.host.engine import events
from local.host.engine.change import Change
from local.host.engine.records import Execution, Instance, make_id
from local.host.engine.store import Entity, Operation, Store


def find_or_make(store: Store, entity_id: str, now: float) -> Entity:
    """Read an entity, or begin one."""
    return store.find_entity(entity_id) or Entity(entity_id, None, now, None, None)


def select_operations(store: Store, entity: Entity, limit: int) -> list[Operation]:
    """Give what an entity may do now, at most so many."""
    queue = store.operations_of(entity.id)
    if entity.owner is not None:
        return [operation for operation in queue if _caller(operation.event) == entity.owner][:limit]
    requests = (index for index, operation in enumerate(queue) if operation.event.HasField("entityLockRequested"))
    return queue[: min(next(requests, len(queue)), limit)]


def call(change: Change, entity_id: str, event: pb.HistoryEvent, execution: str) -> None:
    """Have an entity do something for an execution that waits for the answer."""
    change.store.add_operation(entity_id, events.stamp(event, change.now), execution)
    change.entities.append(entity_id)


def signal(change: Change, entity_id: str, event: pb.HistoryEvent, due: float | None = None) -> None:
    """Have an entity do something, now or at a time; nobody waits for an answer."""
    if due is not None and due > change.now:
        change.add_alarm(due, "operation", Execution(entity_id, ""), event)
    else:
        call(change, entity_id, event, "")


def request_locks(change: Change, request: pb.HistoryEvent, execution: str) -> None:
    """Queue a request for the locks of some entities, and grant it where nothing stands before it."""
    for entity_id in request.entityLockRequested.lockSet:
        change.store.add_operation(entity_id, request, execution)
    grant_locks(change, *request.entityLockRequested.lockSet)


def grant_locks(change: Change, *entity_ids: str) -> None:
    """Grant the requests for locks that are first at these entities, where nothing else holds them up."""
    waiting = list(entity_ids)
    while waiting:
        first = next(iter(change.store.operations_of(waiting.pop(), 1)), None)
        if first is not None and first.event.HasField("entityLockRequested"):
            waiting += _grant(change, first)


def _grant(change: Change, first: Operation) -> Sequence[str]:
    """Grant a request, or withdraw one that nobody waits for any more; gives the entities to look at once more."""
    request = first.event.entityLockRequested
    owner = change.store.find_instance(request.parentInstanceId.value)
    if owner is None or owner.ended or owner.execution_id != first.execution:
        change.store.delete_lock_request(request.criticalSectionId)
        change.entities.extend(request.lockSet)
        return list(request.lockSet)
    wanted = [find_or_make(change.store, each, change.now) for each in request.lockSet]
    if any(entity.owner is not None or entity.id in change.busy_entities for entity in wanted):
        return ()
    firsts = [change.store.operations_of(each, 1)[0].event.entityLockRequested for each in request.lockSet]
    if any(each.criticalSectionId != request.criticalSectionId for each in firsts):
        return ()
    change.store.delete_lock_request(request.criticalSectionId)
    for entity in wanted:
        change.store.save_entity(entity._replace(section=request.criticalSectionId, owner=owner.id))
    granted = pb.EntityLockGrantedEvent(criticalSectionId=request.criticalSectionId)
    change.send(owner, pb.HistoryEvent(eventId=-1, entityLockGranted=granted))
    return ()


def release_lock(change: Change, entity_id: str, section: str) -> None:
    """Give a lock back, and have the entity go on."""
    entity = change.store.find_entity(entity_id)
    if entity is not None and entity.section == section:
        change.store.save_entity(entity._replace(section=None, owner=None))
        go_on(change, entity_id)


def release_all_locks(change: Change, owner: str) -> None:
    """Give back what an orchestration that has ended still holds."""
    for entity in change.store.entities_locked_by(owner):
        release_lock(change, entity.id, entity.section or "")


def go_on(change: Change, entity_id: str) -> None:
    """Have an entity do what is next in its queue."""
    change.entities.append(entity_id)
    grant_locks(change, entity_id)


def finish_batch(change: Change, entity_id: str, batch: Sequence[Operation], result: pb.EntityBatchResult) -> None:
    """Take what a batch of operations came to: the new state, the answers, and what the entity set off."""
    entity = find_or_make(change.store, entity_id, change.now)
    state = events.optional(result, "entityState") or None
    change.store.save_entity(entity._replace(state=state, updated=change.now))
    for operation, outcome in zip(batch, _outcomes(result, len(batch)), strict=False):
        change.store.delete_operation(operation.number)
        _answer(change, operation, outcome)
    for action in result.actions:
        _set_off(change, action)
    go_on(change, entity_id)


def _outcomes(result: pb.EntityBatchResult, count: int) -> Sequence[pb.OperationResult]:
    """Give the outcomes of a batch's first operations; what has none is done again, unless nothing has one."""
    if result.results and not result.HasField("failureDetails"):
        return list(result.results)
    details = events.failure("EntityAnswerEmpty", "The entity answered nothing.")
    if result.HasField("failureDetails"):
        details = result.failureDetails
    return [pb.OperationResult(failure=pb.OperationResultFailure(failureDetails=details))] * count


def _answer(change: Change, operation: Operation, outcome: pb.OperationResult) -> None:
    if not operation.event.HasField("entityOperationCalled"):
        return
    called = operation.event.entityOperationCalled
    event = pb.HistoryEvent(eventId=-1)
    if outcome.HasField("failure"):
        failed = pb.EntityOperationFailedEvent(
            requestId=called.requestId, failureDetails=outcome.failure.failureDetails
        )
        event.entityOperationFailed.CopyFrom(failed)
    else:
        completed = pb.EntityOperationCompletedEvent(requestId=called.requestId, output=outcome.success.result)
        event.entityOperationCompleted.CopyFrom(completed)
    change.answer(Execution(called.parentInstanceId.value, operation.execution), event)


def _set_off(change: Change, action: pb.OperationAction) -> None:
    if action.HasField("sendSignal"):
        sent = action.sendSignal
        signaled = pb.EntityOperationSignaledEvent(
            requestId=make_id(),
            operation=sent.name,
            input=sent.input if sent.HasField("input") else None,
            targetInstanceId=events.text(sent.instanceId),
        )
        due = events.seconds(sent.scheduledTime) if sent.HasField("scheduledTime") else None
        event = pb.HistoryEvent(eventId=-1, entityOperationSignaled=signaled)
        signal(change, sent.instanceId, event, due)
    elif action.HasField("startNewOrchestration"):
        start = action.startNewOrchestration
        instance = Instance.begin(
            start.instanceId or make_id(),
            start.name,
            change.now,
            version=events.optional(start, "version") or change.default_version,
            input=events.optional(start, "input"),
            begins=events.seconds(start.scheduledTime) if start.HasField("scheduledTime") else None,
        )
        existing = change.store.find_instance(instance.id)
        if existing is None or existing.ended:
            change.begin_instance(instance)


def _caller(event: pb.HistoryEvent) -> str | None:
    return event.entityOperationCalled.parentInstanceId.value if event.HasField("entityOperationCalled") else None
