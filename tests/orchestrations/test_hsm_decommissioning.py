"""Which steps a decommission takes is decided by what its preflight found, also where an earlier version ran that."""

from contextlib import closing
from pathlib import Path
from typing import Any, Final

import pytest

from orchestrations.hsm_decommissioning import hsm_decommissioning
from tests.local.host.engine.stepper import Stepper

pytestmark = [
    pytest.mark.anyio,
    pytest.mark.filterwarnings("ignore:azure.functions df_:DeprecationWarning"),
]
DELETION: Final = ["preflight_decommission", "delete_hsm", "await_deleted"]
PURGE: Final = ["purge_hsm", "await_purged"]
DISCONNECTING: Final = ["delete_private_endpoints", "await_private_endpoints_deleted"]
END: Final = "record_operation"
PINNED: Final = {"warnings": [], "deadlineSeconds": 3600, "hsm": {}}
RESULTS: Final = {"await_deleted": {"decommissioned": {}}, "await_purged": {"purged": True, "decommissioned": {}}}


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.mark.parametrize(
    ("pinned", "steps"),
    [
        # As a version found it that knew nothing of private endpoints.
        ({"purges": True, "hasAlerts": True}, [*DELETION, *PURGE, "delete_alerts", "delete_resource_group", END]),
        ({"purges": False, "hasPrivateEndpoints": True}, [*DELETION, *DISCONNECTING, END]),
        (
            {"purges": True, "hasPrivateEndpoints": True, "hasAlerts": True},
            [*DELETION, *PURGE, *DISCONNECTING, "delete_alerts", "delete_resource_group", END],
        ),
        # What is left of one that is purged already.
        (
            {"purges": False, "isPurged": True, "hasPrivateEndpoints": True},
            [*DELETION, *DISCONNECTING, "delete_resource_group", END],
        ),
    ],
)
async def test_what_its_preflight_found_decides(tmp_path: Path, pinned: dict[str, Any], steps: list[str]) -> None:
    results: dict[str, Any] = {**RESULTS, "preflight_decommission": {**PINNED, **pinned}}
    decorated: Any = hsm_decommissioning
    orchestrator = decorated._function.get_user_function().orchestrator_function
    taken: list[str] = []
    with closing(Stepper(tmp_path, {"hsm_decommissioning": orchestrator})) as stepper:
        stepper.start("hsm_decommissioning", "hsm-one", "one-01M865B00Y7ESBKJG8B3PHY3ZA")
        while END not in taken:
            await stepper.turns()
            item = await stepper.take("activity")
            taken.append(item.activityRequest.name)
            stepper.answer(item, {"status": "done", "result": results.get(taken[-1], {})})
    assert taken == steps
