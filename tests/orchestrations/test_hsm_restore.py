"""The order of a restore's steps, as the SDK replays them: how it is connected, and what an earlier version began."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final

import pytest

from orchestrations.hsm_restore import hsm_restore
from orchestrations.restore_blob_waiting import restore_blob_waiting
from tests.local.host.engine.stepper import Stepper

pytestmark = [
    pytest.mark.anyio,
    pytest.mark.filterwarnings("ignore:azure.functions df_:DeprecationWarning"),
]
OPENING: Final = ["reach_data_plane", "open_temporarily", "close_opening"]
RESULTS: Final[dict[str, dict[str, Any]]] = {
    "fetch_transfer_key": {"uploaded": False, "blobAwaitedUntil": "2099-01-01T00:00:00Z"},
    "await_private_endpoints": {"connected": True},
}
MAKING: Final = ["preflight_restore", "create_resource_group", "provision_hsm", "await_ready"]
ENDING: Final = ["upload_security_domain", "await_restored", "verify_restored", "give_up_administration"]
OPENED: Final = ["open_temporarily", "reach_data_plane"]


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
def stepper(tmp_path: Path) -> Iterator[Stepper]:
    made = Stepper(tmp_path, {"hsm_restore": of(hsm_restore), "restore_blob_waiting": of(restore_blob_waiting)})
    yield made
    made.close()


def of(registered: Any) -> Callable[..., Any]:
    """Give the generator of an orchestration."""
    function: Callable[..., Any] = registered._function.get_user_function().orchestrator_function
    return function


async def carry_out(stepper: Stepper, pinned: dict[str, Any], failures: dict[tuple[str, int], str]) -> list[str]:
    """Have a restore carried out, and name its activities; `failures` are codes by the activity and how often it ran.

    Each turn replays all of them.
    """
    stepper.start("hsm_restore", "hsm-hsm-1", "hsm-1-1")
    names: list[str] = []
    while True:
        await stepper.turns()
        try:
            item = await stepper.take("activity")
        except TimeoutError:
            return names
        name = item.activityRequest.name
        names.append(name)
        code = failures.get((name, names.count(name)))
        error = {"code": code, "message": "", "advice": "", "retryable": False}
        result = {"deadlineSeconds": 3600, "warnings": [], **pinned} if name == MAKING[0] else RESULTS.get(name, {})
        failed = {"status": "failed", "error": error}
        stepper.answer(item, failed if code else {"status": "done", "result": result})


async def test_a_restore_of_an_earlier_version_takes_the_steps_that_it_took(stepper: Stepper) -> None:
    """It was told to reach its HSM, as a provision is, and had no step for that."""
    wants = ["reach_data_plane", "give_up_administration", "create_private_endpoints", "close_opening"]
    names = await carry_out(stepper, {"wants": wants}, {})
    assert names == [*MAKING, "fetch_transfer_key", "await_restore_blob", *ENDING, "record_operation"]


async def test_it_is_connected_before_the_transfer_key_and_seen_reachable_before_the_upload(stepper: Stepper) -> None:
    connects = ["create_private_endpoints", "await_private_endpoints", "reach_data_plane"]
    names = await carry_out(stepper, {"wants": ["give_up_administration"], "connects": connects}, {})
    waited = ["fetch_transfer_key", "await_restore_blob", "reach_data_plane"]
    assert names == [*MAKING, *connects, *waited, *ENDING, "record_operation"]


async def test_it_ends_before_the_transfer_key_where_no_way_leads_to_it(stepper: Stepper) -> None:
    names = await carry_out(
        stepper, {"connects": ["reach_data_plane"]}, {("reach_data_plane", 1): "data_plane_unreachable"}
    )
    assert names == [*MAKING, "reach_data_plane", "record_operation"]


async def test_what_is_opened_is_closed_while_custodians_are_waited_for(stepper: Stepper) -> None:
    failures = {
        ("reach_data_plane", 1): "data_plane_unreachable",
        ("upload_security_domain", 1): "restore_blob_refused",
    }
    names = await carry_out(stepper, {"wants": ["give_up_administration"], "connects": OPENING}, failures)
    closed = ["close_opening", "await_restore_blob", *OPENED]
    first = ["reach_data_plane", *OPENED, "fetch_transfer_key", *closed, "upload_security_domain"]
    assert names == [*MAKING, *first, *closed, *ENDING, "close_opening", "record_operation"]


@pytest.mark.parametrize("failing", [("fetch_transfer_key", 1), ("upload_security_domain", 1), ("reach_data_plane", 3)])
async def test_what_is_opened_is_closed_where_the_restore_fails(stepper: Stepper, failing: tuple[str, int]) -> None:
    failures = {("reach_data_plane", 1): "data_plane_unreachable", failing: "azure_refused"}
    names = await carry_out(stepper, {"connects": OPENING}, failures)
    assert names[-3:] == [failing[0], "close_opening", "record_operation"]


async def test_one_that_needs_no_opening_at_first_may_need_one_later(stepper: Stepper) -> None:
    names = await carry_out(stepper, {"connects": OPENING}, {("reach_data_plane", 2): "data_plane_unreachable"})
    waited = ["fetch_transfer_key", "await_restore_blob", "reach_data_plane", *OPENED]
    assert names == [*MAKING, "reach_data_plane", *waited, *ENDING[:-1], "close_opening", "record_operation"]
