"""The engine's tables in SQLite, and typed access to them; whoever writes opens the transaction."""

import json
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Final, Literal, NamedTuple

from durabletask.internal import orchestrator_service_pb2 as pb

from local.host.engine.records import ENDED, Execution, Instance, Parent

AlarmKind = Literal["start", "timer", "operation"]

_SCHEMA: Final = """
CREATE TABLE IF NOT EXISTS instance (
    id TEXT PRIMARY KEY, execution TEXT NOT NULL, name TEXT NOT NULL, version TEXT, status INTEGER NOT NULL,
    created REAL NOT NULL, updated REAL NOT NULL, input TEXT, output TEXT, custom_status TEXT, failure BLOB,
    tags TEXT NOT NULL, completed REAL, begins REAL, parent TEXT, parent_execution TEXT, parent_task INTEGER
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS instance_by_creation ON instance (created, id);
CREATE INDEX IF NOT EXISTS instance_by_parent ON instance (parent) WHERE parent IS NOT NULL;
CREATE TABLE IF NOT EXISTS history (
    instance TEXT NOT NULL, number INTEGER NOT NULL, event BLOB NOT NULL, PRIMARY KEY (instance, number)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS inbox (
    number INTEGER PRIMARY KEY AUTOINCREMENT, instance TEXT NOT NULL, event BLOB NOT NULL
);
CREATE INDEX IF NOT EXISTS inbox_by_instance ON inbox (instance, number);
CREATE TABLE IF NOT EXISTS activity (
    number INTEGER PRIMARY KEY AUTOINCREMENT, instance TEXT NOT NULL, execution TEXT NOT NULL, task INTEGER NOT NULL,
    request BLOB NOT NULL
);
CREATE INDEX IF NOT EXISTS activity_by_execution ON activity (execution);
CREATE TABLE IF NOT EXISTS alarm (
    number INTEGER PRIMARY KEY AUTOINCREMENT, due REAL NOT NULL, kind TEXT NOT NULL, target TEXT NOT NULL,
    execution TEXT NOT NULL, event BLOB
);
CREATE INDEX IF NOT EXISTS alarm_by_time ON alarm (due);
CREATE INDEX IF NOT EXISTS alarm_by_target ON alarm (target);
CREATE TABLE IF NOT EXISTS entity (
    id TEXT PRIMARY KEY, state TEXT, updated REAL NOT NULL, section TEXT, owner TEXT
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS entity_by_owner ON entity (owner) WHERE owner IS NOT NULL;
CREATE TABLE IF NOT EXISTS operation (
    number INTEGER PRIMARY KEY AUTOINCREMENT, entity TEXT NOT NULL, execution TEXT NOT NULL, section TEXT NOT NULL,
    event BLOB NOT NULL
);
CREATE INDEX IF NOT EXISTS operation_by_entity ON operation (entity, number);
CREATE INDEX IF NOT EXISTS operation_by_execution ON operation (execution);
CREATE INDEX IF NOT EXISTS operation_by_section ON operation (section) WHERE section != '';
"""


class Event(NamedTuple):
    """An event that waits in an inbox; the numbers grow."""

    number: int
    event: pb.HistoryEvent


class Operation(NamedTuple):
    """What is queued at an entity, and the execution that waits for its answer; empty where none does."""

    number: int
    execution: str
    event: pb.HistoryEvent


class Activity(NamedTuple):
    """An activity that was asked for and has not ended."""

    number: int
    execution: Execution
    task: int
    request: pb.ActivityRequest


class Alarm(NamedTuple):
    """What happens at a time: an instance begins, an execution's timer fires, an entity gets an operation."""

    number: int
    kind: AlarmKind
    target: Execution
    event: pb.HistoryEvent | None


class Entity(NamedTuple):
    """An entity; the one who holds its lock is named by critical section and orchestration instance."""

    id: str
    state: str | None
    updated: float
    section: str | None
    owner: str | None


class Store:
    """Reads and writes the tables."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        connection.executescript(_SCHEMA)

    def _all(self, text: str, *values: Any) -> list[Any]:
        return self._connection.execute(text, values).fetchall()

    def _one(self, text: str, *values: Any) -> Any:
        return self._connection.execute(text, values).fetchone()

    def _run(self, text: str, *values: Any) -> sqlite3.Cursor:
        return self._connection.execute(text, values)

    # --- transactions

    def begin(self) -> None:
        """Begin a transaction."""
        self._run("BEGIN IMMEDIATE")

    def commit(self) -> None:
        """Make the transaction last."""
        self._run("COMMIT")

    def roll_back(self) -> None:
        """Undo the transaction, if SQLite has not by itself."""
        if self._connection.in_transaction:
            self._run("ROLLBACK")

    # --- instances

    def find_instance(self, instance_id: str) -> Instance | None:
        """Read an instance."""
        row = self._one("SELECT * FROM instance WHERE id = ?", instance_id)
        return _instance(row) if row else None

    def save_instance(self, instance: Instance) -> None:
        """Write an instance, new or changed."""
        parent = instance.parent
        self._run(
            "INSERT OR REPLACE INTO instance VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            instance.id,
            instance.execution_id,
            instance.name,
            instance.version,
            instance.status,
            instance.created,
            instance.updated,
            instance.input,
            instance.output,
            instance.custom_status,
            instance.failure.SerializeToString() if instance.failure else None,
            json.dumps(instance.tags),
            instance.completed,
            instance.begins,
            parent.execution.instance if parent else None,
            parent.execution.id if parent else None,
            parent.task if parent else None,
        )

    def delete_instance(self, instance_id: str) -> None:
        """Forget an instance; activities that were asked for run all the same, for nobody."""
        for table in ("history", "inbox"):
            self._run(f"DELETE FROM {table} WHERE instance = ?", instance_id)  # noqa: S608 - names of ours
        self._run("DELETE FROM alarm WHERE target = ? AND kind != 'operation'", instance_id)
        self._run("DELETE FROM instance WHERE id = ?", instance_id)

    def children_of(self, instance_id: str) -> list[Instance]:
        """Read the instances that an instance started as its children."""
        return [_instance(row) for row in self._all("SELECT * FROM instance WHERE parent = ?", instance_id)]

    def select_instances(self, condition: str, values: Sequence[Any], order: str, limit: int) -> list[Instance]:
        """Read the instances of which an SQL condition holds; a limit of -1 is none."""
        text = f"SELECT * FROM instance WHERE {condition} ORDER BY {order} LIMIT ?"  # noqa: S608 - conditions of ours
        return [_instance(row) for row in self._all(text, *values, limit)]

    # --- histories and inboxes

    def history_of(self, instance_id: str) -> list[pb.HistoryEvent]:
        """Read a history."""
        rows = self._all("SELECT event FROM history WHERE instance = ? ORDER BY number", instance_id)
        return [pb.HistoryEvent.FromString(row[0]) for row in rows]

    def append_history(self, instance_id: str, events: Sequence[pb.HistoryEvent]) -> None:
        """Add events at the end of a history."""
        (last,) = self._one("SELECT max(number) FROM history WHERE instance = ?", instance_id)
        numbered = enumerate(events, (last or 0) + 1)
        rows = [(instance_id, number, event.SerializeToString()) for number, event in numbered]
        self._connection.executemany("INSERT INTO history VALUES (?, ?, ?)", rows)

    def clear_history(self, instance_id: str) -> None:
        """Empty a history, for another generation."""
        self._run("DELETE FROM history WHERE instance = ?", instance_id)

    def inbox_of(self, instance_id: str) -> list[Event]:
        """Read what waits for an instance, in order of arrival."""
        rows = self._all("SELECT number, event FROM inbox WHERE instance = ? ORDER BY number", instance_id)
        return [Event(number, pb.HistoryEvent.FromString(event)) for number, event in rows]

    def add_to_inbox(self, instance_id: str, event: pb.HistoryEvent) -> None:
        """Add an event for an instance."""
        self._run("INSERT INTO inbox (instance, event) VALUES (?, ?)", instance_id, event.SerializeToString())

    def delete_from_inbox(self, numbers: Iterable[int]) -> None:
        """Remove events."""
        self._connection.executemany("DELETE FROM inbox WHERE number = ?", [(number,) for number in numbers])

    def instances_with_mail(self) -> Iterator[str]:
        """Name the instances for which something waits."""
        return (row[0] for row in self._all("SELECT instance FROM inbox GROUP BY instance ORDER BY min(number)"))

    # --- activities

    def add_activity(self, execution: Execution, task: int, request: pb.ActivityRequest) -> int:
        """Ask for an activity and give its number."""
        cursor = self._run(
            "INSERT INTO activity (instance, execution, task, request) VALUES (?, ?, ?, ?)",
            execution.instance,
            execution.id,
            task,
            request.SerializeToString(),
        )
        return cursor.lastrowid or 0

    def find_activity(self, number: int) -> Activity | None:
        """Read an activity."""
        row = self._one("SELECT number, instance, execution, task, request FROM activity WHERE number = ?", number)
        return _activity(row) if row else None

    def activities_of(self, execution: Execution) -> list[Activity]:
        """Read the activities that an execution waits for."""
        text = "SELECT number, instance, execution, task, request FROM activity WHERE instance = ? AND execution = ?"
        return [_activity(row) for row in self._all(text, *execution)]

    def hand_over(self, old: str, new: str) -> None:
        """Have another execution wait for what an old one asked activities and entities for."""
        for table in ("activity", "operation"):
            self._run(f"UPDATE {table} SET execution = ? WHERE execution = ?", new, old)  # noqa: S608 - names of ours

    def delete_activity(self, number: int) -> None:
        """Forget an activity: it ended."""
        self._run("DELETE FROM activity WHERE number = ?", number)

    def activity_numbers(self) -> Iterator[int]:
        """Give the numbers of the activities that were asked for and have not ended."""
        return (row[0] for row in self._all("SELECT number FROM activity ORDER BY number"))

    # --- alarms

    def add_alarm(self, due: float, kind: AlarmKind, target: Execution, event: pb.HistoryEvent | None) -> None:
        """Remember what is to happen at a time."""
        self._run(
            "INSERT INTO alarm (due, kind, target, execution, event) VALUES (?, ?, ?, ?, ?)",
            due,
            kind,
            target.instance,
            target.id,
            event.SerializeToString() if event else None,
        )

    def next_alarm(self) -> float | None:
        """Give the time of the first alarm."""
        due: float | None = self._one("SELECT min(due) FROM alarm")[0]
        return due

    def take_alarms(self, now: float, limit: int) -> list[Alarm]:
        """Remove the alarms that are due, the first ones first, and give them."""
        text = "SELECT number, kind, target, execution, event FROM alarm WHERE due <= ? ORDER BY due, number LIMIT ?"
        alarms = [
            Alarm(number, kind, Execution(target, execution), pb.HistoryEvent.FromString(event) if event else None)
            for number, kind, target, execution, event in self._all(text, now, limit)
        ]
        self._connection.executemany("DELETE FROM alarm WHERE number = ?", [(alarm.number,) for alarm in alarms])
        return alarms

    def delete_alarms(self, instance_id: str) -> None:
        """Forget an instance's timers and its start."""
        self._run("DELETE FROM alarm WHERE target = ? AND kind != 'operation'", instance_id)

    # --- entities

    def find_entity(self, entity_id: str) -> Entity | None:
        """Read an entity."""
        row = self._one("SELECT * FROM entity WHERE id = ?", entity_id)
        return Entity(*row) if row else None

    def save_entity(self, entity: Entity) -> None:
        """Write an entity; one without state and lock is none."""
        if entity.state is None and entity.section is None:
            self._run("DELETE FROM entity WHERE id = ?", entity.id)
        else:
            self._run("INSERT OR REPLACE INTO entity VALUES (?, ?, ?, ?, ?)", *entity)

    def entities_locked_by(self, owner: str) -> list[Entity]:
        """Read the entities whose lock an orchestration instance holds."""
        return [Entity(*row) for row in self._all("SELECT * FROM entity WHERE owner = ?", owner)]

    def locked_entities(self) -> list[Entity]:
        """Read the entities whose lock is held."""
        return [Entity(*row) for row in self._all("SELECT * FROM entity WHERE owner IS NOT NULL")]

    def select_entities(self, condition: str, values: Sequence[Any], limit: int) -> list[Entity]:
        """Read the entities of which an SQL condition holds, in order of their ids; a limit of -1 is none."""
        text = f"SELECT * FROM entity WHERE {condition} ORDER BY id LIMIT ?"  # noqa: S608 - conditions of ours
        return [Entity(*row) for row in self._all(text, *values, limit)]

    def add_operation(self, entity_id: str, event: pb.HistoryEvent, execution: str) -> None:
        """Queue an operation, or a request for the lock, at an entity."""
        section = event.entityLockRequested.criticalSectionId
        text = "INSERT INTO operation (entity, execution, section, event) VALUES (?, ?, ?, ?)"
        self._run(text, entity_id, execution, section, event.SerializeToString())

    def operations_of(self, entity_id: str, limit: int = -1) -> list[Operation]:
        """Read what is queued at an entity, in order of arrival; a limit of -1 is none."""
        text = "SELECT number, execution, event FROM operation WHERE entity = ? ORDER BY number LIMIT ?"
        return [
            Operation(number, execution, pb.HistoryEvent.FromString(event))
            for number, execution, event in self._all(text, entity_id, limit)
        ]

    def delete_lock_request(self, section: str) -> None:
        """Remove a critical section's request from the queues of all entities."""
        self._run("DELETE FROM operation WHERE section = ?", section)

    def delete_operation(self, number: int) -> None:
        """Remove an operation from its queue."""
        self._run("DELETE FROM operation WHERE number = ?", number)

    def count_operations(self, entity_id: str) -> int:
        """Count what is queued at an entity."""
        count: int = self._one("SELECT count(*) FROM operation WHERE entity = ?", entity_id)[0]
        return count

    def entities_with_operations(self) -> Iterator[str]:
        """Name the entities at which something is queued."""
        return (row[0] for row in self._all("SELECT entity FROM operation GROUP BY entity ORDER BY min(number)"))


def is_ended(column: str) -> str:
    """Write the SQL condition that a status is one of an end."""
    return f"{column} IN ({', '.join(str(status) for status in sorted(ENDED))})"


def _instance(row: Any) -> Instance:
    parent = Parent(Execution(row[14], row[15]), row[16]) if row[14] is not None else None
    return Instance(
        id=row[0],
        execution_id=row[1],
        name=row[2],
        version=row[3],
        status=row[4],
        created=row[5],
        updated=row[6],
        input=row[7],
        output=row[8],
        custom_status=row[9],
        failure=pb.TaskFailureDetails.FromString(row[10]) if row[10] is not None else None,
        tags=json.loads(row[11]),
        completed=row[12],
        begins=row[13],
        parent=parent,
    )


def _activity(row: Any) -> Activity:
    number, instance, execution, task, request = row
    return Activity(number, Execution(instance, execution), task, pb.ActivityRequest.FromString(request))
