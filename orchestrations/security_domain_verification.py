"""Verifies every stored security domain, page by page, with a history that stays short."""

from collections.abc import Generator, Iterable
from contextlib import suppress
from datetime import timedelta
from typing import Any, Final

from durabletask.task import OrchestrationContext, Task, TaskFailedError

from domain.verification_runs import VERIFICATION_INSTANCE
from orchestrations.registration import blueprint
from orchestrations.story import UNEXPECTED, unexpected_failure

PAUSES: Final = (5, 30, 120, 600)
"""The seconds between tries to begin, to list a page, or to record the end."""


@blueprint.orchestration_trigger(context_name="ctx")
def security_domain_verification(ctx: OrchestrationContext, page: dict[str, Any] | None) -> Generator[Any, Any]:
    """Verify a page of HSMs at once and continue as new; at the end of the list, have recorded what was found.

    What is found, and when the run began, the activities write down and count themselves: whoever holds the host's keys
    can start this with any input, and all that it decides is where in the list to go on.
    """
    if ctx.instance_id != VERIFICATION_INSTANCE:
        # Not by us: there is one run at a time.
        return
    marker = page["marker"] if page else ""
    if not marker and not (yield from _ask(ctx, "begin_verification_run")):
        return
    listed = yield from _ask(ctx, "list_hsm_page", {"marker": marker})
    if listed:
        yield from _verify(ctx, listed["result"]["hsms"])
        if listed["result"]["marker"]:
            ctx.continue_as_new({"marker": listed["result"]["marker"]})
            return
    yield from _ask(ctx, "record_verification_run")


def _verify(ctx: OrchestrationContext, hsms: Iterable[str]) -> Generator[Any, Any]:
    """Verify all of a page at once; no HSM keeps the others from being looked at, whatever becomes of it."""
    tasks: list[Task[dict[str, Any]]] = [
        ctx.call_activity("verify_kept_security_domain", input={"hsm": hsm}, retry_policy=UNEXPECTED) for hsm in hsms
    ]
    for task in tasks:
        # One that broke wrote nothing down, which the run's record shows.
        with suppress(TaskFailedError):
            yield task


def _ask(
    ctx: OrchestrationContext, name: str, given: dict[str, Any] | None = None
) -> Generator[Any, Any, dict[str, Any] | None]:
    """Run an activity, again after a while where that may help; None where it could not be done."""
    for pause in (*PAUSES, None):
        try:
            outcome: dict[str, Any] = yield ctx.call_activity(name, input=given or {}, retry_policy=UNEXPECTED)
        except TaskFailedError:
            outcome = unexpected_failure(name)
        if outcome["status"] == "done":
            return outcome
        if not outcome["error"].get("retryable") or pause is None:
            break
        yield ctx.create_timer(timedelta(seconds=pause))
    return None
