"""An orchestrator's turn: what it is given, and what becomes of the actions that it answers with."""

from collections.abc import Callable, Sequence
from typing import Final, NamedTuple

from durabletask.internal import orchestrator_service_pb2 as pb

from local.host.engine import entities, events
from local.host.engine.change import Change
from local.host.engine.records import Execution, Instance, Parent, make_id
from local.host.engine.rewind import prepare_rewound
from local.host.engine.store import Event, Store

# The extension's limit, in bytes of UTF-16 (durabletask's backend accepts any size).
MAXIMUM_STATUS_BYTES: Final = 16 * 1024
_WAKING: Final = ("executionResumed", "executionTerminated")


class Turn(NamedTuple):
    """A turn that a worker has: the execution, what is new to it, and what of the inbox it answers for."""

    execution: Execution
    new_events: Sequence[pb.HistoryEvent]
    numbers: Sequence[int]


def select_turn(store: Store, instance: Instance, now: float) -> Turn | None:
    """Give the next turn of an instance; None where nothing is to be done now."""
    inbox = store.inbox_of(instance.id)
    if instance.ended or instance.waits_until(now):
        return None
    # The worker takes a rewind by itself only.
    rewinds = [each for each in inbox if each.event.HasField("executionRewound")]
    taken = rewinds[:1] or inbox
    effective = _drop_idle(taken, suspended=instance.status == pb.ORCHESTRATION_STATUS_SUSPENDED)
    wakes = any(event.WhichOneof("eventType") in _WAKING for event in effective)
    if not effective or (instance.status == pb.ORCHESTRATION_STATUS_SUSPENDED and not wakes):
        return None
    return Turn(instance.execution, _with_start(effective, now), [each.number for each in taken])


def _drop_idle(inbox: Sequence[Event], *, suspended: bool) -> list[pb.HistoryEvent]:
    """Drop the suspensions and resumptions that change nothing, over which the worker's replay stumbles."""
    effective = []
    for event in (each.event for each in inbox):
        if event.HasField("executionSuspended") or event.HasField("executionResumed"):
            if suspended == event.HasField("executionSuspended"):
                continue
            suspended = not suspended
        effective.append(event)
    return effective


def _with_start(new_events: list[pb.HistoryEvent], now: float) -> list[pb.HistoryEvent]:
    started = new_events[0].HasField("orchestratorStarted")
    return new_events if started else [events.orchestrator_started(now), *new_events]


def finish_turn(change: Change, turn: Turn, response: pb.OrchestratorResponse, maximum_actions: int) -> None:
    """Take an orchestrator's answer; one to an execution that is over changes nothing."""
    instance = change.store.find_instance(turn.execution.instance)
    if instance is None or instance.execution != turn.execution or instance.ended:
        return
    change.store.delete_from_inbox(turn.numbers)
    actions = _read_actions(change.store, instance, turn, response, maximum_actions)
    if response.HasField("customStatus"):
        instance.custom_status = response.customStatus.value or None
    instance.updated = change.now
    instance.status = _status_after(instance.status, turn.new_events)
    change.store.append_history(instance.id, turn.new_events)
    _take_actions(change, instance, actions)
    change.touched.append(instance.id)
    if any(event.executionTerminated.recurse for event in turn.new_events):
        change.terminate_children(instance.id, instance.output)


def _read_actions(
    store: Store, instance: Instance, turn: Turn, response: pb.OrchestratorResponse, maximum_actions: int
) -> Sequence[pb.OrchestratorAction]:
    refusal = _refuse(response, maximum_actions)
    if refusal is not None:
        response.ClearField("customStatus")
        return [_fail(refusal)]
    terminated = next((event for event in turn.new_events if event.HasField("executionTerminated")), None)
    if terminated is not None and any(map(_continues_as_new, response.actions)):
        # The worker overlooks what ends an orchestrator that has already turned to its next generation.
        return list(end_as_asked(terminated.executionTerminated).actions)
    if instance.status == pb.ORCHESTRATION_STATUS_SUSPENDED:
        # Its replay held back what confirms that these were asked for.
        confirmed = {event.eventId for event in store.history_of(instance.id)} - {-1}
        return [action for action in response.actions if action.id not in confirmed]
    return list(response.actions)


def _continues_as_new(action: pb.OrchestratorAction) -> bool:
    status: int = action.completeOrchestration.orchestrationStatus
    return status == pb.ORCHESTRATION_STATUS_CONTINUED_AS_NEW


def end_as_asked(terminated: pb.ExecutionTerminatedEvent) -> pb.OrchestratorResponse:
    """Answer for an orchestrator that is to end."""
    completed = pb.CompleteOrchestrationAction(
        orchestrationStatus=pb.ORCHESTRATION_STATUS_TERMINATED,
        result=terminated.input if terminated.HasField("input") else None,
    )
    return pb.OrchestratorResponse(actions=[pb.OrchestratorAction(id=-1, completeOrchestration=completed)])


def _refuse(response: pb.OrchestratorResponse, maximum_actions: int) -> pb.TaskFailureDetails | None:
    if len(response.customStatus.value.encode("utf-16-le")) > MAXIMUM_STATUS_BYTES:
        return events.failure("CustomStatusTooLarge", "The custom status exceeds 16 KB of UTF-16 text.")
    if len(response.actions) > maximum_actions:
        text = f"The orchestrator returned more than {maximum_actions} actions in one turn."
        return events.failure("TooManyActions", text)
    return None


def _fail(details: pb.TaskFailureDetails) -> pb.OrchestratorAction:
    completed = pb.CompleteOrchestrationAction(
        orchestrationStatus=pb.ORCHESTRATION_STATUS_FAILED, failureDetails=details
    )
    return pb.OrchestratorAction(id=-1, completeOrchestration=completed)


def _status_after(status: pb.OrchestrationStatus, new_events: Sequence[pb.HistoryEvent]) -> pb.OrchestrationStatus:
    if status == pb.ORCHESTRATION_STATUS_PENDING:
        status = pb.ORCHESTRATION_STATUS_RUNNING
    for event in new_events:
        if event.HasField("executionSuspended"):
            status = pb.ORCHESTRATION_STATUS_SUSPENDED
        elif event.HasField("executionResumed"):
            status = pb.ORCHESTRATION_STATUS_RUNNING
    return status


def _take_actions(change: Change, instance: Instance, actions: Sequence[pb.OrchestratorAction]) -> None:
    end: pb.CompleteOrchestrationAction | None = None
    confirmed: list[pb.HistoryEvent] = []
    for action in actions:
        kind = action.WhichOneof("orchestratorActionType")
        if kind == "completeOrchestration":
            end = action.completeOrchestration
        elif kind == "rewindOrchestration":
            prepare_rewound(change, instance, list(action.rewindOrchestration.newHistory))
            return
        else:
            event = _ACTIONS[kind or ""](change, instance, action)
            confirmed += [event] if event is not None else []
    change.store.append_history(instance.id, confirmed)
    if end is not None and end.orchestrationStatus == pb.ORCHESTRATION_STATUS_CONTINUED_AS_NEW:
        _continue_as_new(change, instance, end)
        return
    change.store.append_history(instance.id, [events.orchestrator_completed(change.now)])
    if end is not None:
        _end(change, instance, end)
    change.store.save_instance(instance)


# --- the actions; each gives the event that confirms it in the history


def _schedule_task(change: Change, instance: Instance, action: pb.OrchestratorAction) -> pb.HistoryEvent:
    event = events.task_scheduled(action, change.now)
    change.ask_for_activity(instance.execution, event)
    return event


def _create_timer(change: Change, instance: Instance, action: pb.OrchestratorAction) -> pb.HistoryEvent:
    created = pb.TimerCreatedEvent(fireAt=action.createTimer.fireAt)
    event = pb.HistoryEvent(eventId=action.id, timestamp=events.timestamp(change.now), timerCreated=created)
    due = events.seconds(action.createTimer.fireAt)
    change.add_alarm(due, "timer", instance.execution, events.timer_fired(event))
    return event


def _create_child(change: Change, instance: Instance, action: pb.OrchestratorAction) -> pb.HistoryEvent:
    create = action.createSubOrchestration
    child = Instance.begin(
        create.instanceId or make_id(),
        create.name,
        change.now,
        version=events.optional(create, "version") or change.default_version,
        input=events.optional(create, "input"),
        tags=dict(create.tags),
        parent=Parent(instance.execution, action.id),
    )
    existing = change.store.find_instance(child.id)
    if existing is None or existing.ended:
        change.begin_instance(child, create.parentTraceContext if create.HasField("parentTraceContext") else None)
    else:
        details = events.failure("OrchestrationAlreadyExists", f"An orchestration {child.id!r} is running already.")
        change.answer(instance.execution, events.child_failed(action.id, details, change.now))
    return events.child_created(action, child, change.now)


def _send_event(change: Change, instance: Instance, action: pb.OrchestratorAction) -> pb.HistoryEvent:  # noqa: ARG001
    sent = action.sendEvent
    target = change.store.find_instance(sent.instance.instanceId)
    data = sent.data if sent.HasField("data") else None
    if target is not None:
        change.send(target, pb.HistoryEvent(eventId=-1, eventRaised=pb.EventRaisedEvent(name=sent.name, input=data)))
    event = pb.EventSentEvent(instanceId=sent.instance.instanceId, name=sent.name, input=data)
    return pb.HistoryEvent(eventId=action.id, timestamp=events.timestamp(change.now), eventSent=event)


def _send_entity_message(change: Change, instance: Instance, action: pb.OrchestratorAction) -> pb.HistoryEvent:
    message = action.sendEntityMessage
    kind = message.WhichOneof("EntityMessageType") or ""
    event = pb.HistoryEvent(eventId=action.id, timestamp=events.timestamp(change.now))
    getattr(event, kind).CopyFrom(getattr(message, kind))
    queued = pb.HistoryEvent()
    queued.CopyFrom(event)
    if kind == "entityOperationSignaled":
        signaled = message.entityOperationSignaled
        due = events.seconds(signaled.scheduledTime) if signaled.HasField("scheduledTime") else None
        entities.signal(change, signaled.targetInstanceId.value, queued, due)
    elif kind == "entityOperationCalled":
        entity_id = message.entityOperationCalled.targetInstanceId.value
        entities.call(change, entity_id, queued, instance.execution_id)
    elif kind == "entityLockRequested":
        entities.request_locks(change, queued, instance.execution_id)
    elif kind == "entityUnlockSent":
        unlock = message.entityUnlockSent
        entities.release_lock(change, unlock.targetInstanceId.value, unlock.criticalSectionId)
    return event


def _terminate_other(change: Change, instance: Instance, action: pb.OrchestratorAction) -> None:  # noqa: ARG001
    terminate = action.terminateOrchestration
    target = change.store.find_instance(terminate.instanceId)
    if target is not None:
        change.terminate(target, events.optional(terminate, "reason"), recursive=terminate.recurse)


_ACTIONS: Final[dict[str, Callable[[Change, Instance, pb.OrchestratorAction], pb.HistoryEvent | None]]] = {
    "scheduleTask": _schedule_task,
    "createTimer": _create_timer,
    "createSubOrchestration": _create_child,
    "sendEvent": _send_event,
    "sendEntityMessage": _send_entity_message,
    "terminateOrchestration": _terminate_other,
}


# --- the ends of an execution


def _continue_as_new(change: Change, instance: Instance, end: pb.CompleteOrchestrationAction) -> None:
    """Begin another generation; it gets the events that the last one did not take, and no results of its tasks."""
    arrived = [each.event for each in change.store.inbox_of(instance.id) if not events.is_result(each.event)]
    if instance.status == pb.ORCHESTRATION_STATUS_SUSPENDED:
        arrived.insert(0, pb.HistoryEvent(eventId=-1, executionSuspended=pb.ExecutionSuspendedEvent()))
    entities.release_all_locks(change, instance.id)
    instance.execution_id = make_id()
    instance.status = pb.ORCHESTRATION_STATUS_PENDING
    instance.input = events.optional(end, "result")
    instance.version = events.optional(end, "newVersion") or instance.version
    instance.begins = None
    # Its custom status goes with the generation, as on Azure.
    instance.custom_status = None
    change.begin_instance(instance)
    for event in [*end.carryoverEvents, *arrived]:
        change.store.add_to_inbox(instance.id, event)


def _end(change: Change, instance: Instance, end: pb.CompleteOrchestrationAction) -> None:
    instance.status = end.orchestrationStatus
    instance.output = events.optional(end, "result")
    instance.failure = end.failureDetails if end.HasField("failureDetails") else None
    instance.completed = change.now
    change.store.append_history(instance.id, [events.execution_completed(instance, change.now)])
    change.store.delete_alarms(instance.id)
    # A rewind may ask for the results; nothing else that came too late is for anybody.
    failed = instance.status == pb.ORCHESTRATION_STATUS_FAILED
    late = [each for each in change.store.inbox_of(instance.id) if not (failed and events.is_result(each.event))]
    change.store.delete_from_inbox(each.number for each in late)
    if instance.parent is not None:
        change.answer(instance.parent.execution, events.child_ended(instance, instance.parent.task, change.now))
    change.store.save_instance(instance)
    entities.release_all_locks(change, instance.id)
