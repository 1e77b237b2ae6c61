"""What a year of schedules leaves behind: history in the engine, blobs in storage, with an HSM forgotten each day.

Run from the repository: `.venv/bin/python -m benchmarks.cleanup_year [DAYS]`; a year takes some half an hour. Exits 1
where something grows that is not to. The host's clock is moved on, an hour at a time on two days and then a day: timers
fire, and what ended gets old. The local Azure's stands, so that its tokens last. Each day an HSM is planted that
was never activated, so that each day something is deleted and purged, and both schedules run.
"""

import itertools
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from http import HTTPStatus
from pathlib import Path
from typing import Any, Final, NamedTuple

import grpc
from durabletask.client import TaskHubGrpcClient
from durabletask.internal import orchestrator_service_pb2 as pb
from durabletask.internal.orchestrator_service_pb2_grpc import TaskHubSidecarServiceStub

from clients.credential import own_identity
from domain.cleanup_reports import KEPT_REPORTS
from local.azure.control.models import PlantedHsm
from local.policy import policy
from local.portal import Portal
from local.stack import Stack, register_application, running_stack
from tests import stored
from tests.custodians import make_custodian, request_for
from tests.in_process import signed_in_as_the_app
from tests.planting import make_claim, make_record, plant

YEAR: Final = 365
HOURLY_DAYS: Final = 2
KEPT_DAYS: Final = 30
SHOWN_DAYS: Final = frozenset({0, 2, 30, 60, 90, 180, 270, 365})
USED: Final = 40
RUN_SECONDS: Final = 120
UNAVAILABLE_TRIES: Final = 20
GROWTH_LIMIT: Final = 1.25
LONG_AGO: Final = datetime.now(UTC).replace(microsecond=0) - timedelta(days=40)
SETTINGS: Final = {
    "HSM_PROVISIONER_POLICY": policy(environments={"ephemeral": {"purgeAllowed": True}}, cleanup={"enforce": True}),
    "HSM_PROVISIONER_CLEANUP_SCHEDULE": "0 0 * * * *",
    "HSM_PROVISIONER_VERIFICATION_SCHEDULE": "0 30 3 * * *",
    "HSM_PROVISIONER_HISTORY_DAYS": str(KEPT_DAYS),
}


class Left(NamedTuple):
    """What there is at one moment: in the engine, and in storage by what it is of, how many and how many bytes."""

    instances: int
    events: int
    size: int
    blobs: Mapping[str, tuple[int, int]]


def main(days: int) -> int:
    """Let the time pass, measure, and hold against the limits."""
    with (
        tempfile.TemporaryDirectory() as directory,
        running_stack(
            Path(directory) / "run", provisioning_seconds=0, activation_seconds=0, settings=SETTINGS, control=True
        ) as stack,
    ):
        stack.control.change_timing(deletion_seconds=0.1, purge_seconds=0.1)
        operator = Portal(stack, register_application(stack.control, "operator", ["Hsm.Operate"]))
        planter = Planter(stack)
        for number in range(USED):
            planter.plant(f"used-{number:02}", "Active")
        seen = {0: measure(stack)}
        show(0, seen[0])
        runs = 0
        for day in range(1, days + 1):
            planter.plant(f"forgotten-{day:03}", "NotActivated")
            for seconds in [3600] * 24 if day <= HOURLY_DAYS else [86400]:
                runs += pass_time(stack, operator, seconds)
            if day in SHOWN_DAYS or day == days:
                seen[day] = measure(stack)
                show(day, seen[day])
        print(f"{days} days, {runs:,} runs of the clean-up")
        return 0 if stays_bounded(seen, days) else 1


class Planter:
    """Plants HSMs of ours, with all that the app would know of them."""

    def __init__(self, stack: Stack) -> None:
        self._stack = stack
        custodians = [make_custodian(f"Custodian {number}") for number in range(3)]
        expires = (datetime.now(UTC) + timedelta(days=30)).isoformat()
        self._body = request_for(stack, custodians, environment="ephemeral", expiresAt=expires)
        with signed_in_as_the_app(stack):
            self._creator = own_identity().application_id

    def plant(self, name: str, state: Any) -> None:
        """Plant one that was made long ago."""
        self._stack.control.plant_hsms(
            PlantedHsm(name=name, resource_group="rg-hsm", state=state, created_at=LONG_AGO, created_by=self._creator)
        )
        claim = make_claim(self._stack, name, self._body, claimed_at=LONG_AGO)
        plant(self._stack, claim, make_record(claim))


def pass_time(stack: Stack, operator: Portal, seconds: int) -> int:
    """Move the time on, and wait for the run that is due then and for what it begins; gives how many runs there were.

    An operation that runs must not grow old meanwhile, so each is waited for.
    """
    before = read(operator).get("report", {}).get("run")
    stack.host.advance_clock(seconds)
    deadline = time.monotonic() + RUN_SECONDS
    while True:
        reports = read(operator)
        report = reports.get("report", {})
        if not reports["running"] and report.get("run") != before:
            break
        if time.monotonic() > deadline:
            message = f"the run did not end in {RUN_SECONDS} s"
            raise TimeoutError(message)
        time.sleep(0.05)
    for operation_id in report["operations"]:
        if operator.follow(operation_id)["status"] != "Succeeded":
            raise RuntimeError(operation_id)
    return 1


def read(operator: Portal) -> dict[str, Any]:
    """Read how the clean-up is, again where the engine is busy."""
    response = operator.send("GET", "reports/cleanup")
    for _ in range(UNAVAILABLE_TRIES):
        if response.status_code != HTTPStatus.SERVICE_UNAVAILABLE:
            break
        print(response.text)
        time.sleep(1)
        response = operator.send("GET", "reports/cleanup")
    response.raise_for_status()
    document: dict[str, Any] = response.json()
    return document


def measure(stack: Stack) -> Left:
    """Look at the whole of the engine's history, and at all blobs."""
    blobs: dict[str, tuple[int, int]] = defaultdict(lambda: (0, 0))
    for container in ("hsm-records", "security-domains", "audit"):
        for blob in stored.service(stack).get_container_client(container).list_blobs():
            kind = f"{container}/{blob.name.partition('/')[0]}" if container == "hsm-records" else container
            number, size = blobs[kind]
            blobs[kind] = number + 1, size + int(blob.size)
    with (
        TaskHubGrpcClient(host_address=stack.host.durable_address) as engine,
        grpc.insecure_channel(stack.host.durable_address) as channel,
    ):
        stub = TaskHubSidecarServiceStub(channel)  # type: ignore[no-untyped-call]
        states = engine.get_all_orchestration_states()
        chunks = [
            stub.StreamInstanceHistory(pb.StreamInstanceHistoryRequest(instanceId=state.instance_id))
            for state in states
        ]
        events = [event for chunk in itertools.chain.from_iterable(chunks) for event in chunk.events]
    return Left(len(states), len(events), sum(event.ByteSize() for event in events), dict(blobs))


def stays_bounded(seen: Mapping[int, Left], days: int) -> bool:
    """Hold the last day against the first on which anything was old enough to be forgotten."""
    full = min((day for day in seen if day >= KEPT_DAYS * 2), default=days)
    early, late = seen[full], seen[days]
    growth = late.events / early.events
    print(f"history events on day {days} over those on day {full}: {growth:.2f} (limit {GROWTH_LIMIT})")
    blobs = {kind: number for kind, (number, _) in late.blobs.items()}
    return (
        growth <= GROWTH_LIMIT
        and blobs["hsm-records/reports"] <= KEPT_REPORTS
        and blobs["hsm-records/cleanup"] <= blobs["hsm-records/hsms"]
    )


def show(day: int, left: Left) -> None:
    """Print what there is."""
    print(f"day {day}: {left.instances:,} instances, {left.events:,} events, {left.size:,} bytes of history")
    for kind, (number, size) in sorted(left.blobs.items()):
        print(f"  {kind:28} {number:6,} blobs {size:12,} bytes")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]) if len(sys.argv) > 1 else YEAR))
