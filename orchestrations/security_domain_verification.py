"""Verifies every stored security domain, page by page, with a history that stays short."""

from collections.abc import Generator, Iterable
from datetime import datetime
from typing import Any, Final

from durabletask.task import OrchestrationContext, Task, TaskFailedError

from orchestrations.asking import ask
from orchestrations.registration import blueprint
from orchestrations.story import UNEXPECTED, unexpected_failure

LONGEST_LIST: Final = 100
_COUNTED: Final = {"Critical": "critical", "Warning": "warning", "Unknown": "unknown"}


@blueprint.orchestration_trigger(context_name="ctx")
def security_domain_verification(
    ctx: OrchestrationContext, run: dict[str, Any] | None
) -> Generator[Any, Any, dict[str, int] | None]:
    """Verify a page of HSMs at once and continue as new; at the end of the list, record what was found.

    No HSM keeps the others from being looked at: whatever becomes of one is counted.
    """
    run = run or _begin(ctx)
    ctx.set_custom_status(run["counts"])
    page = yield from ask(ctx, "list_hsm_page", {"marker": run["marker"]})
    if page["status"] == "done":
        yield from _verify(ctx, run, page["result"]["hsms"])
        ctx.set_custom_status(run["counts"])
        if page["result"]["marker"]:
            ctx.continue_as_new({**run, "marker": page["result"]["marker"]})
            return None
    yield from ask(ctx, "record_verification_run", _end(ctx, run, complete=page["status"] == "done"))
    counts: dict[str, int] = run["counts"]
    return counts


def _begin(ctx: OrchestrationContext) -> dict[str, Any]:
    counts = {"verified": 0, "failed": 0, "critical": 0, "warning": 0, "unknown": 0}
    started = ctx.current_utc_datetime.isoformat()
    return {"startedAt": started, "marker": "", "counts": counts, "critical": [], "failed": []}


def _verify(ctx: OrchestrationContext, run: dict[str, Any], hsms: Iterable[str]) -> Generator[Any, Any]:
    """Verify all of a page at once, and count."""
    tasks: dict[str, Task[dict[str, Any]]] = {
        hsm: ctx.call_activity(
            "verify_kept_security_domain", input={"hsm": hsm, "run": run["startedAt"]}, retry_policy=UNEXPECTED
        )
        for hsm in hsms
    }
    for hsm, task in tasks.items():
        try:
            outcome = yield task
        except TaskFailedError:
            outcome = unexpected_failure("verify_kept_security_domain")
        _count(run, hsm, outcome)


def _count(run: dict[str, Any], hsm: str, outcome: dict[str, Any]) -> None:
    if outcome["status"] != "done":
        run["counts"]["failed"] += 1
        run["failed"] = [*run["failed"], hsm][:LONGEST_LIST]
        return
    health = outcome.get("result", {}).get("health")
    if health is None:
        return
    run["counts"]["verified"] += 1
    if health in _COUNTED:
        run["counts"][_COUNTED[health]] += 1
    if health == "Critical":
        run["critical"] = [*run["critical"], hsm][:LONGEST_LIST]


def _end(ctx: OrchestrationContext, run: dict[str, Any], *, complete: bool) -> dict[str, Any]:
    began, now = datetime.fromisoformat(run["startedAt"]), ctx.current_utc_datetime
    return {
        "startedAt": _text(began),
        "finishedAt": _text(now),
        "seconds": round((now - began).total_seconds(), 1),
        "complete": complete,
        **{name: run[name] for name in ("counts", "critical", "failed")},
    }


def _text(time: datetime) -> str:
    return f"{time.isoformat(timespec='seconds').partition('+')[0]}Z"
