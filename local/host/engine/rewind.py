"""Rewind: a failed instance goes on from before its failures, with whatever was still under way."""

from collections.abc import Sequence
from typing import Final

from durabletask.internal import orchestrator_service_pb2 as pb

from local.host.engine import events
from local.host.engine.change import Change
from local.host.engine.records import Execution, Instance, Parent, make_id

_ENDED_FROM_OUTSIDE: Final = frozenset({pb.ORCHESTRATION_STATUS_TERMINATED, pb.ORCHESTRATION_STATUS_CANCELED})


def ask_for_rewind(change: Change, instance: Instance, reason: str | None, parent: Execution | None = None) -> None:
    """Wake a failed instance with the request; the worker answers it with the history that it goes on from."""
    instance.status = pb.ORCHESTRATION_STATUS_RUNNING
    instance.output = instance.failure = instance.completed = None
    instance.updated = change.now
    if parent is not None and instance.parent is not None:
        instance.parent = Parent(parent, instance.parent.task)
    change.store.save_instance(instance)
    rewound = pb.ExecutionRewoundEvent(
        reason=events.text(reason), parentExecutionId=events.text(parent.id) if parent else None
    )
    change.send(instance, pb.HistoryEvent(eventId=-1, executionRewound=rewound))
    change.touched.append(instance.id)


def has_open_section(history: Sequence[pb.HistoryEvent]) -> bool:
    """Say whether an execution failed within a critical section, or while it waited for one.

    Its locks are gone by then, and a rewind could not take them back unnoticed.
    """
    last = max((index for index, event in enumerate(history) if event.HasField("orchestratorStarted")), default=0)
    asked = {event.entityLockRequested.criticalSectionId for event in history if event.HasField("entityLockRequested")}
    unlocks = (event.entityUnlockSent for event in history[:last] if event.HasField("entityUnlockSent"))
    return not asked <= {unlock.criticalSectionId for unlock in unlocks}


def prepare_rewound(change: Change, instance: Instance, history: Sequence[pb.HistoryEvent]) -> None:
    """Take the history that an instance goes on from, and have done what it waits for."""
    before = instance.execution_id
    started = next(event.executionStarted for event in history if event.HasField("executionStarted"))
    instance.execution_id = started.orchestrationInstance.executionId.value or make_id()
    change.store.clear_history(instance.id)
    change.store.append_history(instance.id, history)
    change.store.save_instance(instance)
    change.store.hand_over(before, instance.execution_id)
    reason = next(event.executionRewound for event in reversed(history) if event.HasField("executionRewound"))
    _take_up_what_is_open(change, instance, history, events.optional(reason, "reason"))
    # A turn without news replays the history, and asks again for what had failed.
    change.store.add_to_inbox(instance.id, events.orchestrator_started(change.now))
    change.orchestrations.append(instance.id)


def _take_up_what_is_open(
    change: Change, instance: Instance, history: Sequence[pb.HistoryEvent], reason: str | None
) -> None:
    """Have everything answered that the history asks for.

    What was answered meanwhile lies in the inbox; what failed meanwhile is done again, too.
    """
    inbox = change.store.inbox_of(instance.id)
    change.store.delete_from_inbox(each.number for each in inbox if _is_failure(each.event))
    answered = {_answers(event) for event in [*history, *(each.event for each in inbox)]}
    under_way = {activity.task for activity in change.store.activities_of(instance.execution)}
    for event in history:
        if event.eventId in answered:
            continue
        if event.HasField("taskScheduled") and event.eventId not in under_way:
            change.ask_for_activity(instance.execution, event)
        elif event.HasField("timerCreated"):
            due = events.seconds(event.timerCreated.fireAt)
            change.add_alarm(due, "timer", instance.execution, events.timer_fired(event))
        elif event.HasField("subOrchestrationInstanceCreated"):
            _take_up_child(change, instance, event, reason)


def _is_failure(event: pb.HistoryEvent) -> bool:
    return event.WhichOneof("eventType") in {"taskFailed", "subOrchestrationInstanceFailed"}


def _answers(event: pb.HistoryEvent) -> int | None:
    kind = event.WhichOneof("eventType")
    if kind == "timerFired":
        return event.timerFired.timerId
    if kind in {"taskCompleted", "subOrchestrationInstanceCompleted"}:
        number: int = getattr(event, kind).taskScheduledId
        return number
    return None


def _take_up_child(change: Change, instance: Instance, event: pb.HistoryEvent, reason: str | None) -> None:
    created = event.subOrchestrationInstanceCreated
    child = change.store.find_instance(created.instanceId)
    parent = Parent(instance.execution, event.eventId)
    ours = child is not None and child.is_child_of(instance.id, event.eventId)
    if child is None or (child.ended and not ours) or child.status in _ENDED_FROM_OUTSIDE:
        change.begin_instance(_begin_again(created, parent, change.now))
    elif not ours:
        details = events.failure("OrchestrationAlreadyExists", f"An orchestration {child.id!r} is running already.")
        change.answer(instance.execution, events.child_failed(event.eventId, details, change.now))
    elif child.status == pb.ORCHESTRATION_STATUS_FAILED:
        child.parent = parent
        ask_for_rewind(change, child, reason, instance.execution)
    elif child.ended:
        change.answer(instance.execution, events.child_ended(child, event.eventId, change.now))
    else:
        child.parent = parent
        change.store.save_instance(child)


def _begin_again(created: pb.SubOrchestrationInstanceCreatedEvent, parent: Parent, now: float) -> Instance:
    return Instance.begin(
        created.instanceId,
        created.name,
        now,
        version=events.optional(created, "version"),
        input=events.optional(created, "input"),
        tags=dict(created.tags),
        parent=parent,
    )
