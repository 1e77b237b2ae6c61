"""What a year of schedules leaves behind: history in the engine, blobs in storage, memory of the worker.

Run from the repository: `.venv/bin/python -m benchmarks.cleanup_year [DAYS]`; it needs a C compiler (`moved_time.c`).
Exits 1 where something grows that is not to. Each hour that passes, the time of day is moved to its end in all
processes at once, Azurite's and the app's among them, and every schedule that is due is waited for: 24 reconciliations,
a clean-up and a verification a day, and none is left out. Meanwhile the deployment lives: each day a security domain is
verified by request, under an Idempotency-Key, and an event tells of a new subscription; each week an HSM is made that
expires, and that the clean-up warns of, deletes and purges.
"""

import itertools
import re
import sys
import tempfile
import time
import uuid
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final, NamedTuple

import grpc
import requests
from durabletask.client import OrchestrationQuery, OrchestrationStatus, TaskHubGrpcClient
from durabletask.internal import orchestrator_service_pb2 as pb
from durabletask.internal.orchestrator_service_pb2_grpc import TaskHubSidecarServiceStub

from benchmarks.moved_time import move_time, run_with_movable_time
from domain.names import CLEANUP_INSTANCE, RECONCILIATION_INSTANCE
from domain.verification_runs import VERIFICATION_INSTANCE
from local.azure.event_grid.settings import CLOUD_EVENTS
from local.policy import policy
from local.portal import Portal
from local.stack import CONTAINERS, Stack, running_stack
from tests import stored
from tests.custodians import ADMINISTRATOR, Custodian, make_custodian, request_for, wrapping_keys

YEAR: Final = 365
MONTH: Final = 30
HOUR: Final = 3600
KEPT_DAYS: Final = 30
STANDING: Final = ("standing-1", "standing-2")
PASSING: Final = ("passing-1", "passing-2", "passing-3")
LIVES: Final = timedelta(days=10)
RUN_SECONDS: Final = 120
LOOK_SECONDS: Final = 0.01
GROWTH_LIMIT: Final = 1.25
HOURS: Final = {CLEANUP_INSTANCE: 2, VERIFICATION_INSTANCE: 4}
TOPIC: Final = "a-year-of-events"
ENDPOINT: Final = f"https://{TOPIC}.norwayeast-1.eventgrid.azure.net/api/events"
SENDER: Final = "EventGrid Data Sender"
ON_PURPOSE: Final = frozenset(
    {
        *("audit", "security-domains", "restore-blobs"),
        *(f"hsm-records/{kind}" for kind in ("claims", "hsms", "hsms-before", "operations", "verifications")),
        *(f"hsm-records/{kind}" for kind in ("verifications-before", "told-findings")),
        *(f"hsm-records/{kind}" for kind in ("verification-findings", "verification-findings-before")),
        *(f"hsm-records/{kind}" for kind in ("cleanup", "drift")),
    }
)
"""What is kept for good: so much for each operation, or for each HSM that there ever was."""


class Size(NamedTuple):
    """How many blobs there are of a kind, and how many bytes."""

    blobs: int = 0
    size: int = 0


class Left(NamedTuple):
    """What there is at one moment: in the engine, and in storage by what it is of."""

    instances: int
    events: int
    history: int
    memory: int
    blobs: Mapping[str, Size]

    @property
    def operations(self) -> int:
        """How many operations there were."""
        return self.blobs.get("hsm-records/operations", Size()).blobs

    def total(self, container: str) -> Size:
        """Sum a container up."""
        sizes = [size for kind, size in self.blobs.items() if kind.partition("/")[0] == container]
        return Size(sum(size.blobs for size in sizes), sum(size.size for size in sizes))


def main(days: int) -> int:
    """Let the time pass, measure, and hold against the limits."""
    with tempfile.TemporaryDirectory() as directory, living(Path(directory) / "run") as life:
        began, seen = time.monotonic(), [life.measure()]
        show_head()
        show(0, seen[0])
        for day in range(1, days + 1):
            life.pass_day(day)
            if day % MONTH == 0 or day == days:
                seen.append(life.measure())
                show(day, seen[-1])
        runs = ", ".join(f"{count:,} of {name}" for name, count in sorted(life.runs.items()))
        print(f"\n{days} days in {(time.monotonic() - began) / 60:.1f} minutes: runs that were waited for: {runs}")
        print(f"operations: {seen[-1].operations}\n")
        show_blobs(seen)
        return 0 if stays_bounded(seen) and life.ran_all(days) else 1


@contextmanager
def living(directory: Path) -> Iterator["Life"]:
    """Start everything, with a topic for events, and make the HSMs that stay."""
    custodians = [make_custodian(f"Custodian {number}", days=3 * YEAR) for number in range(3)]
    with running_stack(
        directory, provisioning_seconds=0, activation_seconds=0, settings=make_settings(custodians), control=True
    ) as stack:
        stack.control.change_timing(deletion_seconds=0.1, purge_seconds=0.1)
        sender = {stack.azure.endpoints.identity_object_id: [SENDER]}
        topic = stack.event_grid.put_topic(TOPIC, CLOUD_EVENTS, local_auth=False, assignments=sender)
        if topic.endpoint != ENDPOINT:
            raise ValueError(topic.endpoint)
        with TaskHubGrpcClient(host_address=stack.host.durable_address) as engine:
            life = Life(stack, engine, custodians)
            for name in STANDING:
                life.make_hsm(name)
            yield life


def make_settings(custodians: Sequence[Custodian]) -> dict[str, str]:
    """Have every schedule run, everything enforced, events told, and new subscriptions looked at."""
    request = {
        "resourceGroup": "rg-new",
        "location": "norwayeast",
        "administrators": [ADMINISTRATOR],
        "softDeleteRetentionDays": 7,
        "environment": "development",
        "securityDomain": {"quorum": 2, "wrappingKeys": wrapping_keys(custodians)},
    }
    tag = {"name": "hsm", "value": "wanted"}
    return {
        "HSM_PROVISIONER_POLICY": policy(
            environments={"development": {}, "ephemeral": {"purgeAllowed": True}},
            cleanup={"enforce": True},
            newSubscriptions={"optIn": {"tag": tag}, "team": "team-a", "namePrefix": "sub", "request": request},
        ),
        "HSM_PROVISIONER_RECONCILIATION_SCHEDULE": "0 0 * * * *",
        "HSM_PROVISIONER_CLEANUP_SCHEDULE": f"0 0 {HOURS[CLEANUP_INSTANCE]} * * *",
        "HSM_PROVISIONER_VERIFICATION_SCHEDULE": f"0 0 {HOURS[VERIFICATION_INSTANCE]} * * *",
        "HSM_PROVISIONER_HISTORY_DAYS": str(KEPT_DAYS),
        "HSM_PROVISIONER_EVENTS_TOPIC": ENDPOINT,
    }


class Life:
    """Has time pass for a deployment, and something happen in it."""

    def __init__(self, stack: Stack, engine: TaskHubGrpcClient, custodians: Sequence[Custodian]) -> None:
        self._stack = stack
        self._engine = engine
        self._custodians = custodians
        self._began_last: dict[str, datetime] = {}
        self.runs: Counter[str] = Counter()

    def make_hsm(self, name: str, **request: Any) -> None:
        """Have an HSM made as a portal does."""
        portal = Portal(self._stack)
        response = portal.put_hsm(name, request_for(self._stack, self._custodians, **request))
        response.raise_for_status()
        ended = portal.follow(response.json()["id"])
        if ended["status"] != "Succeeded":
            raise RuntimeError(ended)

    def pass_day(self, day: int) -> None:
        """Let something happen, and 24 hours pass."""
        if day % 7 == 1:
            expires = (datetime.now(UTC) + LIVES).isoformat()
            name = PASSING[day // 7 % len(PASSING)]
            self.make_hsm(name, environment="ephemeral", expiresAt=expires)
        self._verify_by_request(STANDING[day % len(STANDING)], key=f"day-{day}")
        self._tell_of_subscription()
        for _ in range(24):
            self._pass_hour()

    def ran_all(self, days: int) -> bool:
        """Say whether no run was left out."""
        daily = dict.fromkeys(HOURS, days)
        return self.runs == {RECONCILIATION_INSTANCE: 24 * days, **daily}

    def _verify_by_request(self, hsm: str, key: str) -> None:
        path = f"hsms/{hsm}/security-domain/verify"
        Portal(self._stack).send("POST", path, headers={"Idempotency-Key": key}).raise_for_status()

    def _tell_of_subscription(self) -> None:
        """Tell of one that the service may not read, so that there is something to look at and nothing to make."""
        subscription_id = str(uuid.uuid4())
        event = {
            "id": str(uuid.uuid4()),
            "topic": "/subscriptions",
            "subject": f"/subscriptions/{subscription_id}",
            "eventType": "Contoso.SubscriptionCreated",
            "eventTime": datetime.now(UTC).isoformat(),
            "data": {"subscriptionId": subscription_id},
            "dataVersion": "1",
            "metadataVersion": "1",
        }
        with requests.Session() as session:
            session.trust_env = False
            session.post(
                self._stack.host.event_grid_url("subscription_events"),
                json=[event],
                headers={"aeg-event-type": "Notification"},
                timeout=60,
            ).raise_for_status()

    def _pass_hour(self) -> None:
        """Move the time to the next full hour, and wait for each run that is due then, and for what it begins."""
        seconds = HOUR - int(time.time()) % HOUR
        move_time(seconds)
        self._stack.pass_time(seconds)
        hour = datetime.now(UTC).hour
        for instance in (RECONCILIATION_INSTANCE, *(name for name, due in HOURS.items() if due == hour)):
            self._await_run(instance)
        if hour == HOURS[CLEANUP_INSTANCE]:
            # An operation that runs must not grow old meanwhile.
            self._await_operations()

    def _await_run(self, instance: str) -> None:
        """Wait until it has begun and has ended; each run is another execution of the one instance."""
        deadline = time.monotonic() + RUN_SECONDS
        while (begun := self._engine.get_orchestration_state(instance)) is None or (
            begun.created_at == self._began_last.get(instance)
        ):
            require_patience(deadline, instance)
        ended = self._engine.wait_for_orchestration_completion(instance, timeout=RUN_SECONDS)
        if ended is None or ended.runtime_status != OrchestrationStatus.COMPLETED:
            raise RuntimeError(ended)
        self._began_last[instance] = ended.created_at
        self.runs[instance] += 1

    def _await_operations(self) -> None:
        deadline = time.monotonic() + RUN_SECONDS
        running = OrchestrationQuery(runtime_status=[OrchestrationStatus.RUNNING, OrchestrationStatus.PENDING])
        while any(state.instance_id.startswith("hsm-") for state in self._engine.get_all_orchestration_states(running)):
            require_patience(deadline, "operations")

    def measure(self) -> Left:
        """Look at the whole of the engine's history, at all blobs, and at the worker."""
        blobs: dict[str, Size] = defaultdict(Size)
        for container in CONTAINERS:
            for blob in stored.service(self._stack).get_container_client(container).list_blobs():
                kind = f"{container}/{blob.name.partition('/')[0]}" if container == "hsm-records" else container
                blobs[kind] = Size(blobs[kind].blobs + 1, blobs[kind].size + int(blob.size))
        states = self._engine.get_all_orchestration_states()
        with grpc.insecure_channel(self._stack.host.durable_address) as channel:
            stub = TaskHubSidecarServiceStub(channel)  # type: ignore[no-untyped-call]
            chunks = [
                stub.StreamInstanceHistory(pb.StreamInstanceHistoryRequest(instanceId=state.instance_id))
                for state in states
            ]
            events = [event for chunk in itertools.chain.from_iterable(chunks) for event in chunk.events]
        history = sum(event.ByteSize() for event in events)
        return Left(len(states), len(events), history, resident(self._stack.host.worker_process_id()), dict(blobs))


def require_patience(deadline: float, what: str) -> None:
    """Wait a moment; raises TimeoutError where it is too long already."""
    if time.monotonic() > deadline:
        message = f"{what} did not end in {RUN_SECONDS} s"
        raise TimeoutError(message)
    time.sleep(LOOK_SECONDS)


def resident(process_id: int) -> int:
    """Give the bytes of memory that a process has in use."""
    found = re.search(r"VmRSS:\s+(\d+) kB", Path(f"/proc/{process_id}/status").read_text())
    if found is None:
        message = f"the memory of {process_id} is not known"
        raise ValueError(message)
    return int(found[1]) * 1024


def show_head() -> None:
    """Print what the columns are."""
    print(f"{'':56}{'hsm-records':>17}{'audit':>17}{'security-domains':>17}")
    print("  day  instances  events  history KB  worker MB  operations  outbox" + "    blobs      KB" * 3)


def show(day: int, left: Left) -> None:
    """Print what there is on a day."""
    containers = "".join(
        f"{size.blobs:9,}{size.size / 1024:8,.0f}"
        for size in map(left.total, ("hsm-records", "audit", "security-domains"))
    )
    numbers = f"{left.instances:11,}{left.events:8,}{left.history / 1024:12,.0f}{left.memory / 2**20:11,.0f}"
    outbox = left.blobs.get("hsm-records/outbox", Size()).blobs
    print(f"{day:5}{numbers}{left.operations:12,}{outbox:8,}{containers}", flush=True)


def show_blobs(seen: Sequence[Left]) -> None:
    """Print how much there is of each kind at the end, and how much there was halfway."""
    half, last = seen[len(seen) // 2], seen[-1]
    print(f"{'kind of blob':44}{'halfway':>9}{'at the end':>12}{'bytes':>12}")
    for kind, size in sorted(last.blobs.items()):
        grows = " for good" if kind in ON_PURPOSE else ""
        print(f"{kind:44}{half.blobs.get(kind, Size()).blobs:9,}{size.blobs:12,}{size.size:12,}{grows}")


def stays_bounded(seen: Sequence[Left]) -> bool:
    """Hold the last quarter against the second: what is not kept for good is as much, the rest as much an operation."""
    quarter = max(1, (len(seen) - 1) // 4)
    early, late = seen[quarter + 1 : 2 * quarter + 1] or seen[-1:], seen[-quarter:]
    passing = {kind for left in seen for kind in left.blobs} - ON_PURPOSE
    ratios = {
        "instances": ratio([left.instances for left in late], [left.instances for left in early]),
        "history events": ratio([left.events for left in late], [left.events for left in early]),
        "history bytes": ratio([left.history for left in late], [left.history for left in early]),
        "worker memory": ratio([left.memory for left in late], [left.memory for left in early]),
        "audit records an operation": ratio(*([per_operation(left) for left in some] for some in (late, early))),
        **{f"{kind}, blobs": ratio(blobs_of(kind, late), blobs_of(kind, early)) for kind in sorted(passing)},
    }
    print("\nlast quarter over the second, which may be at most", GROWTH_LIMIT)
    for name, value in ratios.items():
        print(f"  {name:44}{value:6.2f}{'' if value <= GROWTH_LIMIT else '  GROWS'}")
    return all(value <= GROWTH_LIMIT for value in ratios.values())


def blobs_of(kind: str, some: Sequence[Left]) -> list[int]:
    """Give how many blobs of a kind there were each time."""
    return [left.blobs.get(kind, Size()).blobs for left in some]


def per_operation(left: Left) -> float:
    """Give how many audit records there are for each operation."""
    return left.total("audit").blobs / max(1, left.operations)


def ratio(late: Sequence[float], early: Sequence[float]) -> float:
    """Give one mean over another; one more of what there is at most one of is no growth."""
    return (sum(late) / len(late)) / max(1.0, sum(early) / len(early))


if __name__ == "__main__":
    run_with_movable_time("benchmarks.cleanup_year")
    sys.exit(main(int(sys.argv[1]) if len(sys.argv) > 1 else YEAR))
