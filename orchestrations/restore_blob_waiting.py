"""Waits until custodians have stored a restore blob that can be uploaded."""

from collections.abc import Generator
from datetime import timedelta
from typing import Any, Final

from durabletask.task import OrchestrationContext

from domain.names import RESTORE_BLOB_THERE
from orchestrations.registration import blueprint
from orchestrations.waiting import wait_for_people

# Custodians who told nobody do not wait for long: somebody waits for their keys.
LONGEST_PAUSE: Final = timedelta(minutes=10).total_seconds()


@blueprint.orchestration_trigger(context_name="ctx")
def restore_blob_waiting(
    ctx: OrchestrationContext, waiting: dict[str, Any]
) -> Generator[Any, Any, dict[str, Any] | None]:
    """Wait for the blob, or for the end of the time to store it; gives `{"outcome", "asked"}`."""
    answer = yield from wait_for_people(
        ctx, waiting, activity="await_restore_blob", event=RESTORE_BLOB_THERE, longest_pause=LONGEST_PAUSE
    )
    return answer
