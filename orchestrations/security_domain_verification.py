"""Verifies every stored security domain, page by page, with a history that stays short."""

from collections.abc import Generator, Iterable
from contextlib import suppress
from typing import Any

from durabletask.task import OrchestrationContext, Task, TaskFailedError

from domain.verification_runs import VERIFICATION_INSTANCE
from orchestrations.asking import ask
from orchestrations.registration import blueprint
from orchestrations.story import UNEXPECTED


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
    if not marker:
        begun = yield from ask(ctx, "begin_verification_run", {})
        if begun["status"] != "done":
            return
    listed = yield from ask(ctx, "list_hsm_page", {"marker": marker})
    if listed["status"] == "done":
        yield from _verify(ctx, listed["result"]["hsms"])
        if listed["result"]["marker"]:
            ctx.continue_as_new({"marker": listed["result"]["marker"]})
            return
    yield from ask(ctx, "record_verification_run", {})


def _verify(ctx: OrchestrationContext, hsms: Iterable[str]) -> Generator[Any, Any]:
    """Verify all of a page at once; no HSM keeps the others from being looked at, whatever becomes of it."""
    tasks: list[Task[dict[str, Any]]] = [
        ctx.call_activity("verify_kept_security_domain", input={"hsm": hsm}, retry_policy=UNEXPECTED) for hsm in hsms
    ]
    for task in tasks:
        # One that broke wrote nothing down, which the run's record shows.
        with suppress(TaskFailedError):
            yield task
