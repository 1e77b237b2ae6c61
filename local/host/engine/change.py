"""One transaction: what happens in it to instances, and what is to be done in memory once it lasts."""

from collections.abc import Iterator, Set
from dataclasses import dataclass, field

from durabletask.internal import orchestrator_service_pb2 as pb

from local.host.engine import events
from local.host.engine.records import Execution, Instance
from local.host.engine.store import AlarmKind, Store


@dataclass
class Change:
    """What a transaction does; the lists name what became ready, or ended, in it."""

    store: Store
    now: float
    default_version: str | None
    busy_entities: Set[str]
    orchestrations: list[str] = field(default_factory=list)
    activities: list[int] = field(default_factory=list)
    entities: list[str] = field(default_factory=list)
    touched: list[str] = field(default_factory=list)
    alarms_added: bool = False

    def begin_instance(self, instance: Instance, trace: pb.TraceContext | None = None) -> None:
        """Put an instance in place of any of its id; it begins now, or when it is to."""
        self.store.delete_instance(instance.id)
        self.store.save_instance(instance)
        self.store.add_to_inbox(instance.id, events.execution_started(instance, trace))
        if instance.begins is not None and instance.waits_until(self.now):
            self.add_alarm(instance.begins, "start", instance.execution, None)
        else:
            self.orchestrations.append(instance.id)
        self.touched.append(instance.id)

    def send(self, instance: Instance, event: pb.HistoryEvent) -> None:
        """Hand an event to an instance, unless it has ended."""
        if instance.ended:
            return
        self.store.add_to_inbox(instance.id, events.stamp(event, self.now))
        self.orchestrations.append(instance.id)

    def answer(self, execution: Execution, event: pb.HistoryEvent) -> None:
        """Hand the result of a task to the execution that asked for it; one that is over gets nothing.

        Nor does its successor: a task's number means another task there. A failed one keeps it for a rewind.
        """
        instance = self.store.find_instance(execution.instance)
        if instance is None or instance.execution != execution:
            return
        if instance.status == pb.ORCHESTRATION_STATUS_FAILED:
            self.store.add_to_inbox(instance.id, events.stamp(event, self.now))
        else:
            self.send(instance, event)

    def ask_for_activity(self, execution: Execution, scheduled: pb.HistoryEvent) -> None:
        """Have a scheduled task done."""
        request = events.activity_request(execution, scheduled)
        self.activities.append(self.store.add_activity(execution, scheduled.eventId, request))

    def add_alarm(self, due: float, kind: AlarmKind, target: Execution, event: pb.HistoryEvent | None) -> None:
        """Have something happen at a time."""
        self.store.add_alarm(due, kind, target, event)
        self.alarms_added = True

    def terminate(self, instance: Instance, output: str | None, *, recursive: bool) -> None:
        """Ask an instance, and with `recursive` those that it started, to end."""
        if instance.waits_until(self.now):
            self._end_before_its_begin(instance, output)
            return
        self._ask_to_end(instance, output, recursive=recursive)
        if recursive:
            self.terminate_children(instance.id, output)

    def terminate_children(self, instance_id: str, output: str | None) -> None:
        """Ask those to end that an instance started, and those that they started."""
        for descendant in descendants(self.store, instance_id):
            if not descendant.ended:
                self._ask_to_end(descendant, output, recursive=True)

    def _ask_to_end(self, instance: Instance, output: str | None, *, recursive: bool) -> None:
        terminated = pb.ExecutionTerminatedEvent(input=events.text(output), recurse=recursive)
        self.send(instance, pb.HistoryEvent(eventId=-1, executionTerminated=terminated))

    def _end_before_its_begin(self, instance: Instance, output: str | None) -> None:
        instance.status, instance.output = pb.ORCHESTRATION_STATUS_TERMINATED, output
        instance.updated = instance.completed = self.now
        self.store.delete_alarms(instance.id)
        self.store.delete_from_inbox(each.number for each in self.store.inbox_of(instance.id))
        self.store.save_instance(instance)
        self.touched.append(instance.id)


def descendants(store: Store, instance_id: str) -> Iterator[Instance]:
    """Give the instances that an instance started, and those that they started; each once, also in a circle."""
    seen, waiting = {instance_id}, [instance_id]
    while waiting:
        for child in store.children_of(waiting.pop()):
            if child.id not in seen:
                seen.add(child.id)
                waiting.append(child.id)
                yield child
