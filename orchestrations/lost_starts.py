"""Begins what nobody began: phases of the reconciliation, which return no marker, for each is done at once."""

from collections.abc import Generator
from datetime import timedelta
from typing import Any, Final

from durabletask.task import OrchestrationContext

from orchestrations.asking import ask, await_done

_LOOKED_WITHIN: Final = timedelta(minutes=20)
"""A look itself waits for some minutes for what Azure tells late; whatever takes longer goes on without us."""


def start_abandoned(ctx: OrchestrationContext, run: dict[str, Any]) -> Generator[Any, Any, str]:
    """Start operations that were accepted and never began, one after the other, and end those that were interrupted."""
    run["counts"]["started"] += yield from _begin(ctx, "find_abandoned", "start_next_abandoned")
    yield from ask(ctx, "end_interrupted", {})
    return ""


def start_missing(ctx: OrchestrationContext, run: dict[str, Any]) -> Generator[Any, Any, str]:
    """Have subscriptions looked at that opted in and have no HSM, and wait for what was decided."""
    asked = yield from _begin(ctx, "find_missing", "look_at_next_missing")
    if asked:
        outcome = yield from ask(ctx, "await_looks", {})
        if outcome["status"] == "wait":
            outcome = yield from await_done(ctx, "await_looks", {}, outcome["seconds"], _LOOKED_WITHIN)
        run["counts"]["started"] += outcome.get("result", {}).get("started", 0)
    return ""


def _begin(ctx: OrchestrationContext, find: str, begin_next: str) -> Generator[Any, Any, int]:
    """Have found what is to be begun, and begun within the run's limit; both are recorded by the activities."""
    answer = yield from ask(ctx, find, {})
    begun = 0
    while answer.get("result", {}).get("more"):
        answer = yield from ask(ctx, begin_next, {})
        begun += int(answer.get("result", {}).get("started", False))
    return begun
