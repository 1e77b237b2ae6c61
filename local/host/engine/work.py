"""What the engine gives to workers and takes back from them, and what time brings.

A token is good once, and each completed work item is one transaction.
"""

import asyncio
from typing import Final, NamedTuple

from durabletask.internal import orchestrator_service_pb2 as pb

from local.host.engine import entities, events, turns
from local.host.engine.change import Change
from local.host.engine.hub import TaskHub
from local.host.engine.records import Execution, make_id
from local.host.engine.store import Activity, Operation

_ALARMS_AT_ONCE: Final = 200


class _Batch(NamedTuple):
    entity: str
    operations: list[Operation]


class WorkItems:
    """The work of a task hub, handed out to one that has it done."""

    def __init__(self, hub: TaskHub) -> None:
        self._hub = hub
        self._turns: dict[str, turns.Turn] = {}
        self._busy_instances: set[str] = set()
        self._activities: dict[str, Activity] = {}
        self._batches: dict[str, _Batch] = {}

    # --- what workers get

    async def take_turn(self) -> pb.WorkItem:
        """Wait for an orchestrator's turn and hand it out."""
        while True:
            instance_id = await self._hub.ready_instances.take()
            if instance_id in self._busy_instances:
                # Its turn's end puts it back.
                continue
            instance = self._hub.store.find_instance(instance_id)
            turn = turns.select_turn(self._hub.store, instance, self._hub.clock.now()) if instance else None
            if instance is None or turn is None:
                continue
            token = make_id()
            self._turns[token] = turn
            self._busy_instances.add(instance_id)
            request = pb.OrchestratorRequest(
                instanceId=instance_id,
                executionId=events.text(instance.execution_id),
                pastEvents=self._hub.store.history_of(instance_id),
                newEvents=turn.new_events,
            )
            return pb.WorkItem(completionToken=token, orchestratorRequest=request)

    async def take_activity(self) -> pb.WorkItem:
        """Wait for an activity and hand it out."""
        while True:
            activity = self._hub.store.find_activity(await self._hub.ready_activities.take())
            if activity is not None:
                token = make_id()
                self._activities[token] = activity
                return pb.WorkItem(completionToken=token, activityRequest=activity.request)

    async def take_entity_batch(self) -> pb.WorkItem:
        """Wait for an entity's operations and hand them out."""
        while True:
            entity_id = await self._hub.ready_entities.take()
            if entity_id in self._hub.busy_entities:
                # Its batch's end puts it back.
                continue
            entity = entities.find_or_make(self._hub.store, entity_id, self._hub.clock.now())
            operations = entities.select_operations(self._hub.store, entity, self._hub.limits.entity_batch)
            if operations:
                token = make_id()
                self._batches[token] = _Batch(entity_id, operations)
                self._hub.busy_entities.add(entity_id)
                request = pb.EntityRequest(
                    instanceId=entity_id,
                    entityState=events.text(entity.state),
                    operationRequests=[operation.event for operation in operations],
                )
                return pb.WorkItem(completionToken=token, entityRequestV2=request)

    # --- what workers answer; a token is good once

    def complete_turn(self, response: pb.OrchestratorResponse) -> None:
        """Take an orchestrator's answer."""
        turn = self._turns.get(response.completionToken)
        if turn is None:
            return
        with self._hub.change() as change:
            turns.finish_turn(change, turn, response, self._hub.limits.maximum_actions)
            # What arrived meanwhile is for the next turn.
            change.orchestrations.append(turn.execution.instance)
        self._busy_instances.discard(self._turns.pop(response.completionToken).execution.instance)

    def leave_turn(self, token: str) -> None:
        """Take a turn back that is not to be done here; what is new to its instance makes another."""
        turn = self._turns.pop(token)
        instance_id = turn.execution.instance
        self._busy_instances.discard(instance_id)
        instance = self._hub.store.find_instance(instance_id)
        numbers = [each.number for each in self._hub.store.inbox_of(instance_id)]
        if instance is not None and (instance.execution != turn.execution or numbers != list(turn.numbers)):
            self._hub.ready_instances.put(instance_id)

    def complete_activity(self, response: pb.ActivityResponse) -> None:
        """Take an activity's result."""
        activity = self._activities.get(response.completionToken)
        if activity is None:
            return
        with self._hub.change() as change:
            # Who waits for it now: a rewind may have handed it over to another execution.
            current = self._hub.store.find_activity(activity.number)
            self._hub.store.delete_activity(activity.number)
            if current is not None:
                change.answer(current.execution, events.task_ended(current.task, response, change.now))
        del self._activities[response.completionToken]

    def complete_entity_batch(self, result: pb.EntityBatchResult) -> None:
        """Take what an entity's operations came to."""
        batch = self._batches.get(result.completionToken)
        if batch is None:
            return
        self._hub.busy_entities.discard(batch.entity)
        with self._hub.change() as change:
            entities.finish_batch(change, batch.entity, batch.operations, result)
        del self._batches[result.completionToken]

    # --- what time brings

    async def run_alarms(self) -> None:
        """Do what is due, until cancelled."""
        while True:
            self._hub.alarms_added.clear()
            due = self._hub.store.next_alarm()
            if due is None:
                await self._hub.alarms_added.wait()
            elif due > self._hub.clock.now():
                await self._sleep_until(due)
            else:
                self._do_what_is_due()
                await asyncio.sleep(0)

    async def _sleep_until(self, due: float) -> None:
        sleeping = [
            asyncio.ensure_future(self._hub.clock.sleep_until(due)),
            asyncio.ensure_future(self._hub.alarms_added.wait()),
        ]
        try:
            done, _ = await asyncio.wait(sleeping, return_when=asyncio.FIRST_COMPLETED)
            for each in done:
                each.result()
        finally:
            for each in sleeping:
                each.cancel()

    def _begin(self, change: Change, execution: Execution) -> None:
        """Have an instance begin now, whatever the clock says after a restart."""
        instance = self._hub.store.find_instance(execution.instance)
        if instance is not None and instance.execution == execution:
            instance.begins = None
            self._hub.store.save_instance(instance)
            change.orchestrations.append(instance.id)

    def _do_what_is_due(self) -> None:
        with self._hub.change() as change:
            for alarm in self._hub.store.take_alarms(change.now, _ALARMS_AT_ONCE):
                if alarm.kind == "start":
                    self._begin(change, alarm.target)
                elif alarm.event is not None and alarm.kind == "timer":
                    change.answer(alarm.target, alarm.event)
                elif alarm.event is not None:
                    entities.signal(change, alarm.target.instance, alarm.event)
