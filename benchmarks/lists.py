"""What lists cost with 1,000 HSMs and 20,000 operations, beside the SDK's listing of the same blobs alone.

Run from the repository: `.venv/bin/python -m benchmarks.lists`; planting the records takes minutes. Exits 1 where a
limit is passed. Both are asked in turn, so that a slow moment meets both. A list has what lies beside each record
besides, asks Azure for the states, and goes through the whole API; the SDK's listing gives names and properties.
"""

import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final, NamedTuple

from azure.storage.blob import BlobServiceClient, ContainerClient

from benchmarks.local_azure import ARM, create_hsm, open_client
from domain.caller import Principal
from domain.operations import Operation, accepted_operation
from domain.records import Claim, HsmRecord
from domain.requests import HsmRequest, SecurityDomainRequest
from domain.summaries import Summary, summarise_claim, summarise_hsm, summarise_operation
from local.policy import TEAM_A
from local.portal import Portal
from local.stack import Stack, running_stack

HSMS: Final = 1000
OPERATIONS: Final = 20_000
ROUNDS: Final = 5
WRITERS: Final = 8
RATIO_LIMIT: Final = 1.5
BEGAN: Final = datetime(2026, 1, 1, tzinfo=UTC)


class Measured(NamedTuple):
    """A list, the prefixes of the blobs that it is made of, and how many it must find."""

    name: str
    path: str
    parameters: dict[str, str]
    prefixes: tuple[str, ...]


LISTS: Final = (
    Measured("HSMs, 50 a page", "hsms", {}, ("claims/", "hsms/", "verifications/")),
    Measured("HSMs, 200 a page", "hsms", {"maxpagesize": "200"}, ("claims/", "hsms/", "verifications/")),
    Measured("HSMs by state", "hsms", {"state": "Active"}, ("claims/", "hsms/", "verifications/")),
    Measured("operations, 50 a page", "operations", {}, ("claims/", "operations/")),
    Measured("operations that failed", "operations", {"status": "Failed"}, ("claims/", "operations/")),
    Measured("operations of an HSM", "operations", {"hsm": "many-7"}, ("claims/many-7", "operations/many-7-")),
)


def main() -> int:
    """Plant, measure, and hold against the limit."""
    with (
        tempfile.TemporaryDirectory() as directory,
        running_stack(Path(directory) / "run", provisioning_seconds=0, activation_seconds=0) as stack,
        stack.portal_credential() as credential,
        BlobServiceClient(stack.azure.endpoints.storage_account_url, credential=credential) as service,
    ):
        container = service.get_container_client("hsm-records")
        began = time.perf_counter()
        plant(container, make_records(stack, create_hsms(stack)))
        print(f"planted {HSMS:,} HSMs and {OPERATIONS:,} operations in {time.perf_counter() - began:.0f} s")
        print(f"{'':24}{'list':>10}{'blobs alone':>14}{'ratio':>8}")
        ratios = [measure(Portal(stack), container, measured) for measured in LISTS]
    print(f"limit of the ratios: {RATIO_LIMIT}")
    return 0 if max(ratios) <= RATIO_LIMIT else 1


def measure(portal: Portal, container: ContainerClient, measured: Measured) -> float:
    """Time a list and the listing of its blobs in turn, print both, and give the ratio of the medians."""

    def ask() -> None:
        portal.send("GET", measured.path, params=measured.parameters).raise_for_status()

    def ask_alone() -> None:
        for prefix in measured.prefixes:
            for _ in container.list_blobs(name_starts_with=prefix):
                pass

    ask()
    ask_alone()
    pairs = [(seconds(ask), seconds(ask_alone)) for _ in range(ROUNDS)]
    ours, alone = statistics.median(mine for mine, _ in pairs), statistics.median(theirs for _, theirs in pairs)
    print(f"{measured.name:24}{ours:>8.2f} s{alone:>12.2f} s{ours / alone:>8.2f}")
    return ours / alone


def seconds(work: Callable[[], None]) -> float:
    """Time something."""
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def create_hsms(stack: Stack) -> dict[str, datetime]:
    """Create the HSMs in Azure, and give when Azure says that it made each."""
    stack.control.change_resource_manager(quota=HSMS)
    with open_client(stack.azure) as client:
        for number in range(HSMS):
            create_hsm(client, stack.azure, number)
        subscription = stack.azure.endpoints.subscription_id
        url = f"{ARM}/subscriptions/{subscription}/providers/Microsoft.KeyVault/managedHSMs"
        made: dict[str, datetime] = {}
        while url:
            page: dict[str, Any] = client.get(url).raise_for_status().json()
            made |= {item["name"]: datetime.fromisoformat(item["systemData"]["createdAt"]) for item in page["value"]}
            url = page.get("nextLink", "")
    return made


def make_records(stack: Stack, made: dict[str, datetime]) -> Iterator[tuple[str, str, Summary]]:
    """Make the records of all HSMs and operations: the path, the content and the summary of each."""
    for number, (name, made_at) in enumerate(made.items()):
        claim = make_claim(stack, name, BEGAN + timedelta(hours=number))
        summary = summarise_claim(claim)
        yield f"claims/{name}", claim.to_json(), summary
        record = HsmRecord(
            hsm=name,
            resource_id=summary.resource_id,
            team=claim.team,
            requester=claim.requester,
            request=claim.request,
            created_by=claim.operation_id,
            created_at=claim.claimed_at,
            made_at=made_at,
        )
        yield f"hsms/{name}", record.to_json(), summarise_hsm(record)
        for attempt in range(OPERATIONS // HSMS):
            operation = make_operation(claim, attempt)
            yield f"operations/{operation.id}", operation.to_json(), summarise_operation(operation)


def make_claim(stack: Stack, name: str, claimed_at: datetime) -> Claim:
    """Make the claim of an operation that has ended."""
    request = HsmRequest(
        subscription_id=stack.azure.endpoints.subscription_id,
        resource_group="rg-many",
        location="norwayeast",
        administrators=[stack.portal.object_id],
        environment="development",
        security_domain=SecurityDomainRequest(quorum=2, wrapping_keys=[]),
    )
    requester = Principal(
        tenant_id=stack.azure.endpoints.tenant_id, object_id=stack.portal.object_id, kind="application"
    )
    return Claim(
        hsm=name,
        operation_id=f"{name}-{'0' * 26}",
        team="team-a",
        requester=requester,
        grant_ids=[TEAM_A],
        request=request,
        digest=request.digest(),
        claimed_at=claimed_at,
        state="ended",
        succeeded=True,
    )


def make_operation(claim: Claim, number: int) -> Operation:
    """Make one of the operations that an HSM has had; one in ten failed."""
    changes = {
        "id": f"{claim.hsm}-{number:026}",
        "status": "Succeeded" if number % 10 else "Failed",
        "created_at": claim.claimed_at - timedelta(days=number),
        "finished_at": claim.claimed_at - timedelta(days=number, minutes=-20),
    }
    return accepted_operation(claim).model_copy(update=changes)


def plant(container: ContainerClient, records: Iterable[tuple[str, str, Summary]]) -> None:
    """Write records as the app does, several at once."""

    def write(record: tuple[str, str, Summary]) -> None:
        path, content, summary = record
        container.upload_blob(path, content.encode(), metadata=summary.to_metadata())

    with ThreadPoolExecutor(WRITERS) as pool:
        for _ in pool.map(write, records):
            pass


if __name__ == "__main__":
    sys.exit(main())
