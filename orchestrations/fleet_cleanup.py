"""Cleans up what costs money for nothing: page by page, with a history that stays short."""

from collections.abc import Generator
from typing import Any, Final

from durabletask.task import OrchestrationContext

from domain.names import CLEANUP_INSTANCE
from orchestrations.asking import ask
from orchestrations.fleet_runs import begin_chosen, look_at_page
from orchestrations.registration import blueprint

MOST_ROUNDS: Final = 10
"""So many times one run has the engine forget some of its history."""


@blueprint.orchestration_trigger(context_name="ctx")
def fleet_cleanup(
    ctx: OrchestrationContext, given: dict[str, Any] | None
) -> Generator[Any, Any, dict[str, int] | None]:
    """Judge all HSMs, begin what is due and allowed, tidy up, and report.

    Its input says no more than how far it is: what is judged, chosen and counted is recorded by activities, and each
    looks there. Of all instances only the one acts that its schedule starts.
    """
    if ctx.instance_id != CLEANUP_INSTANCE:
        return None
    run = given or {"phase": "judge", "marker": "", "counts": {"judged": 0, "failed": 0, "started": 0}}
    ctx.set_custom_status(run["counts"])
    if not run["marker"] and run["phase"] == "judge":
        yield from ask(ctx, "begin_cleanup", {})
    marker = yield from _PHASES[run["phase"]](ctx, run)
    ctx.set_custom_status(run["counts"])
    counts: dict[str, int] = run["counts"]
    if marker:
        ctx.continue_as_new({**run, "marker": marker})
        return None
    following = _FOLLOWING[run["phase"]]
    if following is None:
        return counts
    ctx.continue_as_new({**run, "phase": following, "marker": ""})
    return None


def _judge(ctx: OrchestrationContext, run: dict[str, Any]) -> Generator[Any, Any, str]:
    return look_at_page(ctx, run, "judge_hsm", "judged")


def _act(ctx: OrchestrationContext, run: dict[str, Any]) -> Generator[Any, Any, str]:
    return begin_chosen(ctx, run, "choose_due_hsms", "claim_due_hsm")


def _tidy(ctx: OrchestrationContext, run: dict[str, Any]) -> Generator[Any, Any, str]:
    page = yield from ask(ctx, "tidy_resource_groups", {"marker": run["marker"]})
    return str(page.get("result", {}).get("marker", ""))


def _forget(ctx: OrchestrationContext, run: dict[str, Any]) -> Generator[Any, Any, str]:  # noqa: ARG001
    for _ in range(MOST_ROUNDS):
        forgotten = yield from ask(ctx, "forget_old_history", {})
        if not forgotten.get("result", {}).get("more"):
            break
    return ""


def _delete_old(ctx: OrchestrationContext, run: dict[str, Any]) -> Generator[Any, Any, str]:
    page = yield from ask(ctx, "delete_old_records", {"kind": run["phase"], "marker": run["marker"]})
    return str(page.get("result", {}).get("marker", ""))


def _report(ctx: OrchestrationContext, run: dict[str, Any]) -> Generator[Any, Any, str]:  # noqa: ARG001
    yield from ask(ctx, "report_cleanup", {})
    return ""


_PHASES: Final = {
    "judge": _judge,
    "act": _act,
    "tidy": _tidy,
    "forget": _forget,
    "events": _delete_old,
    "answers": _delete_old,
    "onboardings": _delete_old,
    "report": _report,
}
_FOLLOWING: Final = dict(zip(_PHASES, [*list(_PHASES)[1:], None], strict=True))
