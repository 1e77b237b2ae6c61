"""What the engine keeps of an orchestration instance."""

import uuid
from dataclasses import dataclass, field
from typing import Final, NamedTuple, Required, TypedDict, Unpack

from durabletask.internal import orchestrator_service_pb2 as pb

ENDED: Final = frozenset(
    {
        pb.ORCHESTRATION_STATUS_COMPLETED,
        pb.ORCHESTRATION_STATUS_FAILED,
        pb.ORCHESTRATION_STATUS_TERMINATED,
        pb.ORCHESTRATION_STATUS_CANCELED,
    }
)


def make_id() -> str:
    """Make an id that nothing else has."""
    return uuid.uuid4().hex


class Execution(NamedTuple):
    """One generation of an instance: a new start, each continue-as-new and each rewind begin another."""

    instance: str
    id: str


class Parent(NamedTuple):
    """Who waits for an instance: the task of an execution."""

    execution: Execution
    task: int


class _Begin(TypedDict, total=False):
    version: Required[str | None]
    input: Required[str | None]
    tags: dict[str, str]
    begins: float | None
    parent: Parent | None


@dataclass
class Instance:
    """An orchestration instance; times are seconds since the epoch on the host's clock."""

    id: str
    execution_id: str
    name: str
    version: str | None
    status: pb.OrchestrationStatus
    created: float
    updated: float
    input: str | None = None
    output: str | None = None
    custom_status: str | None = None
    failure: pb.TaskFailureDetails | None = None
    tags: dict[str, str] = field(default_factory=dict)
    completed: float | None = None
    begins: float | None = None
    parent: Parent | None = None

    @classmethod
    def begin(cls, instance_id: str, name: str, now: float, **more: Unpack[_Begin]) -> "Instance":
        """Make an instance that is to run, with an execution of its own."""
        return cls(
            id=instance_id,
            execution_id=make_id(),
            name=name,
            status=pb.ORCHESTRATION_STATUS_PENDING,
            created=now,
            updated=now,
            **more,
        )

    @property
    def execution(self) -> Execution:
        """The present generation."""
        return Execution(self.id, self.execution_id)

    def is_child_of(self, instance_id: str, task: int) -> bool:
        """Say whether a task of an instance, of whichever generation, waits for it."""
        return self.parent is not None and (self.parent.execution.instance, self.parent.task) == (instance_id, task)

    def waits_until(self, now: float) -> bool:
        """Say whether it is to begin later than now."""
        pending = self.status == pb.ORCHESTRATION_STATUS_PENDING
        return pending and self.begins is not None and self.begins > now

    @property
    def ended(self) -> bool:
        """Whether nothing happens to it any more by itself."""
        return self.status in ENDED
