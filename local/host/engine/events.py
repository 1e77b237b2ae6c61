"""History events, stamped with the host's time."""

from typing import Final

from durabletask.internal import helpers
from durabletask.internal import orchestrator_service_pb2 as pb
from google.protobuf import timestamp_pb2, wrappers_pb2

from local.host.engine.records import Execution, Instance, Parent

_RESULTS: Final = frozenset(
    {
        "taskCompleted",
        "taskFailed",
        "timerFired",
        "subOrchestrationInstanceCompleted",
        "subOrchestrationInstanceFailed",
        "entityOperationCompleted",
        "entityOperationFailed",
        "entityLockGranted",
    }
)


def timestamp(seconds: float) -> timestamp_pb2.Timestamp:
    """Write a time; the seconds are since the epoch."""
    whole, microseconds = divmod(round(seconds * 1e6), 10**6)
    return timestamp_pb2.Timestamp(seconds=whole, nanos=microseconds * 1000)


def seconds(moment: timestamp_pb2.Timestamp) -> float:
    """Read a time as seconds since the epoch."""
    return float(moment.seconds) + float(moment.nanos) / 1e9


def text(value: str | None) -> wrappers_pb2.StringValue | None:
    """Wrap a text that may be missing."""
    return None if value is None else wrappers_pb2.StringValue(value=value)


def optional(message: object, field: str) -> str | None:
    """Read a wrapped text that may be missing from a message."""
    value: str | None = getattr(message, field).value if message.HasField(field) else None  # type: ignore[attr-defined]
    return value


def is_result(event: pb.HistoryEvent) -> bool:
    """Say whether an event answers a task of one execution; it means nothing to the next."""
    return event.WhichOneof("eventType") in _RESULTS


def stamp(event: pb.HistoryEvent, now: float) -> pb.HistoryEvent:
    """Give an event its time."""
    event.timestamp.CopyFrom(timestamp(now))
    return event


def execution_started(instance: Instance, trace: pb.TraceContext | None = None) -> pb.HistoryEvent:
    """Begin an execution."""
    started = pb.ExecutionStartedEvent(
        name=instance.name,
        version=text(instance.version),
        input=text(instance.input),
        orchestrationInstance=_orchestration_instance(instance.execution),
        parentInstance=_parent(instance.parent) if instance.parent else None,
        scheduledStartTimestamp=timestamp(instance.begins) if instance.begins is not None else None,
        parentTraceContext=trace,
        tags=instance.tags,
    )
    return pb.HistoryEvent(eventId=-1, timestamp=timestamp(instance.updated), executionStarted=started)


def orchestrator_started(now: float) -> pb.HistoryEvent:
    """Begin a turn; its time is the orchestrator's present until the next."""
    return pb.HistoryEvent(eventId=-1, timestamp=timestamp(now), orchestratorStarted=pb.OrchestratorStartedEvent())


def orchestrator_completed(now: float) -> pb.HistoryEvent:
    """End a turn."""
    return stamp(helpers.new_orchestrator_completed_event(), now)


def execution_completed(instance: Instance, now: float) -> pb.HistoryEvent:
    """End an execution."""
    completed = pb.ExecutionCompletedEvent(
        orchestrationStatus=instance.status, result=text(instance.output), failureDetails=instance.failure
    )
    return pb.HistoryEvent(eventId=-1, timestamp=timestamp(now), executionCompleted=completed)


def task_scheduled(action: pb.OrchestratorAction, now: float) -> pb.HistoryEvent:
    """Ask for an activity."""
    task = action.scheduleTask
    scheduled = pb.TaskScheduledEvent(
        name=task.name,
        version=task.version if task.HasField("version") else None,
        input=task.input if task.HasField("input") else None,
        parentTraceContext=task.parentTraceContext if task.HasField("parentTraceContext") else None,
        tags=dict(task.tags),
    )
    return pb.HistoryEvent(eventId=action.id, timestamp=timestamp(now), taskScheduled=scheduled)


def activity_request(execution: Execution, scheduled: pb.HistoryEvent) -> pb.ActivityRequest:
    """Write what a worker gets for a scheduled task."""
    task = scheduled.taskScheduled
    return pb.ActivityRequest(
        name=task.name,
        version=task.version if task.HasField("version") else None,
        input=task.input if task.HasField("input") else None,
        orchestrationInstance=_orchestration_instance(execution),
        taskId=scheduled.eventId,
        parentTraceContext=task.parentTraceContext if task.HasField("parentTraceContext") else None,
        tags=dict(task.tags),
    )


def child_created(action: pb.OrchestratorAction, child: Instance, now: float) -> pb.HistoryEvent:
    """Ask for a child orchestration."""
    created = pb.SubOrchestrationInstanceCreatedEvent(
        instanceId=child.id,
        name=child.name,
        version=text(child.version),
        input=text(child.input),
        tags=child.tags,
    )
    return pb.HistoryEvent(eventId=action.id, timestamp=timestamp(now), subOrchestrationInstanceCreated=created)


def child_ended(child: Instance, task: int, now: float) -> pb.HistoryEvent:
    """Tell the parent how its child ended."""
    if child.status == pb.ORCHESTRATION_STATUS_COMPLETED:
        return stamp(helpers.new_sub_orchestration_completed_event(task, child.output), now)
    details = child.failure or failure("OrchestrationTerminated", f"The child {child.id!r} was terminated.")
    return child_failed(task, details, now)


def child_failed(task: int, details: pb.TaskFailureDetails, now: float) -> pb.HistoryEvent:
    """Tell the parent that its child failed, or could not begin."""
    failed = pb.SubOrchestrationInstanceFailedEvent(taskScheduledId=task, failureDetails=details)
    return pb.HistoryEvent(eventId=-1, timestamp=timestamp(now), subOrchestrationInstanceFailed=failed)


def timer_fired(created: pb.HistoryEvent) -> pb.HistoryEvent:
    """End a timer."""
    fired = pb.TimerFiredEvent(fireAt=created.timerCreated.fireAt, timerId=created.eventId)
    return pb.HistoryEvent(eventId=-1, timerFired=fired)


def task_ended(task: int, response: pb.ActivityResponse, now: float) -> pb.HistoryEvent:
    """Tell an orchestration how its activity ended; a failure without a text is one all the same."""
    event = pb.HistoryEvent(eventId=-1, timestamp=timestamp(now))
    if response.HasField("failureDetails"):
        event.taskFailed.taskScheduledId = task
        event.taskFailed.failureDetails.CopyFrom(response.failureDetails)
        if not response.failureDetails.errorMessage:
            event.taskFailed.failureDetails.errorMessage = "The activity failed without a text."
    else:
        event.taskCompleted.taskScheduledId = task
        if response.HasField("result"):
            event.taskCompleted.result.CopyFrom(response.result)
    return event


def failure(kind: str, message: str, stack: str = "") -> pb.TaskFailureDetails:
    """Describe a failure."""
    return pb.TaskFailureDetails(errorType=kind, errorMessage=message, stackTrace=text(stack) if stack else None)


def _orchestration_instance(execution: Execution) -> pb.OrchestrationInstance:
    return pb.OrchestrationInstance(instanceId=execution.instance, executionId=text(execution.id))


def _parent(parent: Parent) -> pb.ParentInstanceInfo:
    return pb.ParentInstanceInfo(
        taskScheduledId=parent.task, orchestrationInstance=_orchestration_instance(parent.execution)
    )
