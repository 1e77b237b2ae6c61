"""Holds what is recorded against Azure, page by page, with a history that stays short."""

from collections.abc import Generator
from typing import Any, Final

from durabletask.task import OrchestrationContext

from domain.names import RECONCILIATION_INSTANCE
from orchestrations.asking import ask
from orchestrations.fleet_runs import begin_chosen, look_at_page
from orchestrations.lost_starts import start_abandoned, start_missing
from orchestrations.registration import blueprint


@blueprint.orchestration_trigger(context_name="ctx")
def fleet_reconciliation(
    ctx: OrchestrationContext, given: dict[str, Any] | None
) -> Generator[Any, Any, dict[str, int] | None]:
    """Check all HSMs, heal what the policy lets, start what was lost, look for what nobody recorded, and report.

    Its input says no more than how far it is: what is found, chosen and limited is recorded by activities, and each
    looks there. Of all instances only the one acts that its schedule starts.
    """
    if ctx.instance_id != RECONCILIATION_INSTANCE:
        return None
    run = given or {"phase": "check", "marker": "", "counts": {"checked": 0, "failed": 0, "started": 0}}
    ctx.set_custom_status(run["counts"])
    if not run["marker"] and run["phase"] == "check":
        yield from ask(ctx, "begin_reconciliation", {})
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


def _check(ctx: OrchestrationContext, run: dict[str, Any]) -> Generator[Any, Any, str]:
    return look_at_page(ctx, run, "check_hsm", "checked")


def _heal(ctx: OrchestrationContext, run: dict[str, Any]) -> Generator[Any, Any, str]:
    return begin_chosen(ctx, run, "choose_heals", "claim_heal")


def _find_unrecorded(ctx: OrchestrationContext, run: dict[str, Any]) -> Generator[Any, Any, str]:
    page = yield from ask(ctx, "find_unrecorded", {"marker": run["marker"]})
    return str(page.get("result", {}).get("marker", ""))


def _report(ctx: OrchestrationContext, run: dict[str, Any]) -> Generator[Any, Any, str]:  # noqa: ARG001
    yield from ask(ctx, "report_reconciliation", {})
    return ""


_PHASES: Final = {
    "check": _check,
    "heal": _heal,
    "abandoned": start_abandoned,
    "missing": start_missing,
    "unrecorded": _find_unrecorded,
    "report": _report,
}
_FOLLOWING: Final = dict(zip(_PHASES, [*list(_PHASES)[1:], None], strict=True))
