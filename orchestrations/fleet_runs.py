"""What runs over all HSMs have in common: to look at a page of them at once, and to begin what was chosen."""

from collections.abc import Generator
from typing import Any

from durabletask.task import OrchestrationContext, Task, TaskFailedError

from orchestrations.asking import ask
from orchestrations.story import UNEXPECTED, unexpected_failure


def look_at_page(ctx: OrchestrationContext, run: dict[str, Any], name: str, counted: str) -> Generator[Any, Any, str]:
    """Run an activity for all of a page at once; whatever becomes of one, the others are looked at."""
    page = yield from ask(ctx, "list_hsm_page", {"marker": run["marker"]})
    if page["status"] != "done":
        return ""
    # One whose name another took, `{hsm}/{operation}`, is gone: only what is stored of it is left.
    there = [hsm for hsm in page["result"]["hsms"] if "/" not in hsm]
    tasks: list[Task[dict[str, Any]]] = [
        ctx.call_activity(name, input={"hsm": hsm}, retry_policy=UNEXPECTED) for hsm in there
    ]
    for task in tasks:
        try:
            outcome = yield task
        except TaskFailedError:
            outcome = unexpected_failure(name)
        run["counts"][counted if outcome["status"] == "done" else "failed"] += 1
    return str(page["result"]["marker"])


def begin_chosen(ctx: OrchestrationContext, run: dict[str, Any], choose: str, claim: str) -> Generator[Any, Any, str]:
    """Begin the operations that an activity chose, one after the other."""
    chosen = yield from ask(ctx, choose, {})
    for hsm in chosen.get("result", {}).get("hsms", ()):
        claimed = yield from ask(ctx, claim, {"hsm": hsm})
        operation_id = claimed.get("result", {}).get("operationId")
        if operation_id is None:
            continue
        begun = yield from ask(ctx, "start_operation", {"hsm": hsm, "operationId": operation_id})
        run["counts"]["started"] += int(begun.get("result", {}).get("started", False))
    return ""
