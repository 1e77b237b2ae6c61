"""Which HSMs a run of backups waits for, and for how long."""

import asyncio
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any, Final

import pytest

from domain.names import BACKUP_INSTANCE
from orchestrations.fleet_backup import WITHIN, fleet_backup
from orchestrations.outcome_polling import outcome_polling
from tests.local.host.engine.stepper import Stepper

pytestmark = [
    pytest.mark.anyio,
    pytest.mark.filterwarnings("ignore:azure.functions df_:DeprecationWarning"),
]
HSMS: Final = [f"hsm-{number}" for number in range(7)]
HANGING: Final = HSMS[0]


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
def stepper(tmp_path: Path) -> Iterator[Stepper]:
    decorated: dict[str, Any] = {"fleet_backup": fleet_backup, "outcome_polling": outcome_polling}
    orchestrators = {name: one._function.get_user_function().orchestrator_function for name, one in decorated.items()}
    with closing(Stepper(tmp_path, orchestrators)) as stepper:
        yield stepper


async def run(stepper: Stepper, age: float) -> None:
    """Have a run begin where one HSM's backup hangs that was asked for so many seconds ago."""
    stepper.start("fleet_backup", BACKUP_INSTANCE)
    await stepper.turns()
    await stepper.activity({"status": "done", "result": {"hsms": HSMS, "marker": ""}})
    await stepper.turns()
    # Nobody has ended yet, and all have begun.
    for name in HSMS:
        begun = {"begun": True, "seconds": 0, "age": age if name == HANGING else 0}
        assert await stepper.activity({"status": "done", "result": begun}) == "begin_scheduled_backup"
    await stepper.turns()
    alarms = asyncio.create_task(stepper.items.run_alarms())
    await asyncio.sleep(0.1)
    alarms.cancel()
    await stepper.turns()
    for _ in HSMS:
        item = await stepper.take("activity")
        assert item.activityRequest.name == "await_scheduled_backup"
        hangs = HANGING in item.activityRequest.input.value
        stepper.answer(item, {"status": "wait", "seconds": 0} if hangs else {"status": "done", "result": {}})
    await stepper.turns()


async def test_all_begin_before_one_is_waited_for(stepper: Stepper) -> None:
    await run(stepper, 0)
    assert stepper.status(BACKUP_INSTANCE) == "RUNNING"


async def test_a_backup_that_hung_in_an_earlier_run_is_looked_at_once(stepper: Stepper) -> None:
    await run(stepper, WITHIN.total_seconds())
    assert stepper.status(BACKUP_INSTANCE) == "COMPLETED"
