"""Has the HSMs back themselves up whose next full backup is due: page by page, all of a page at once."""

from collections.abc import Generator, Sequence
from datetime import timedelta
from typing import Any, Final

from durabletask.task import OrchestrationContext, Task, TaskFailedError

from domain.names import BACKUP_INSTANCE
from orchestrations.asking import ask
from orchestrations.registration import blueprint
from orchestrations.story import UNEXPECTED, unexpected_failure

WITHIN: Final = timedelta(hours=6)
"""So long one is waited for since its HSM was asked for it, by whichever run; after that each run looks once."""


@blueprint.orchestration_trigger(context_name="ctx")
def fleet_backup(ctx: OrchestrationContext, given: dict[str, Any] | None) -> Generator[Any, Any, dict[str, int] | None]:
    """Look at all HSMs, and have those back themselves up that are due.

    Its input says no more than how far it is: what is due and what was begun is recorded by activities, and each looks
    there. Of all instances only the one acts that its schedule starts.
    """
    if ctx.instance_id != BACKUP_INSTANCE:
        return None
    run = given or {"marker": "", "counts": {"backedUp": 0, "failed": 0}}
    counts: dict[str, int] = run["counts"]
    ctx.set_custom_status(counts)
    page = yield from ask(ctx, "list_hsm_page", {"marker": run["marker"]})
    listed = page.get("result", {})
    # One whose name another took, `{hsm}/{operation}`, is gone: only what is stored of it is left.
    yield from _back_up(ctx, [hsm for hsm in listed.get("hsms", ()) if "/" not in hsm], counts)
    ctx.set_custom_status(counts)
    if not listed.get("marker"):
        return counts
    ctx.continue_as_new({"marker": listed["marker"], "counts": counts})
    return None


def _back_up(ctx: OrchestrationContext, hsms: Sequence[str], counts: dict[str, int]) -> Generator[Any, Any]:
    """Have HSMs back themselves up: all begin before one is waited for, whatever becomes of another."""
    asked: list[Task[dict[str, Any]]] = [
        ctx.call_activity("begin_scheduled_backup", input={"hsm": hsm}, retry_policy=UNEXPECTED) for hsm in hsms
    ]
    began = yield from _settle(asked)
    counts["failed"] += sum(outcome["status"] == "failed" for outcome in began)
    awaited: list[Task[dict[str, Any]]] = [
        ctx.call_sub_orchestrator("outcome_polling", input=_poll(ctx, hsm, outcome["result"]))
        for hsm, outcome in zip(hsms, began, strict=True)
        if outcome.get("result", {}).get("begun")
    ]
    ended = yield from _settle(awaited)
    for answer in ended:
        done = answer.get("outcome", answer)["status"] == "done"
        counts["backedUp" if done else "failed"] += 1


def _settle(tasks: Sequence[Task[dict[str, Any]]]) -> Generator[Any, Any, list[dict[str, Any]]]:
    outcomes = []
    for task in tasks:
        try:
            outcome = yield task
        except TaskFailedError:
            outcome = unexpected_failure("fleet_backup")
        outcomes.append(outcome)
    return outcomes


def _poll(ctx: OrchestrationContext, hsm: str, begun: dict[str, Any]) -> dict[str, Any]:
    seconds, age = begun["seconds"], timedelta(seconds=begun["age"])
    return {
        "activity": "await_scheduled_backup",
        "work": {"hsm": hsm},
        "seconds": seconds,
        "pause": seconds,
        "deadline": (ctx.current_utc_datetime + WITHIN - age).isoformat(),
    }
