"""The whole story of a subscription that appeared: whether it opted in, and that its HSM is begun."""

from collections.abc import Generator
from datetime import timedelta
from typing import Any, Final

from durabletask.task import OrchestrationContext

from domain.names import onboarded_subscription
from orchestrations.asking import ask, await_done
from orchestrations.registration import blueprint
from orchestrations.story import StepFailed

_REGISTERED_WITHIN: Final = timedelta(hours=1)


@blueprint.orchestration_trigger(context_name="ctx")
def subscription_onboarding(ctx: OrchestrationContext, _given: Any) -> Generator[Any, Any, str | None]:
    """Look at the subscription that the instance's id names; another event meanwhile has it looked at again."""
    subscription = {"subscriptionId": onboarded_subscription(ctx.instance_id)}
    try:
        read = yield from _ask(ctx, "read_onboarding", subscription)
        conclusion = yield from _conclude(ctx, subscription)
        concluded = {**subscription, "seen": read["seen"], "conclusion": conclusion}
        recorded = yield from _ask(ctx, "record_onboarding", concluded)
    except StepFailed as failure:
        # Nothing is recorded, so the next event begins anew.
        return failure.code
    if recorded["again"]:
        ctx.continue_as_new(None)
        return None
    return str(conclusion["decision"])


def _conclude(ctx: OrchestrationContext, subscription: dict[str, Any]) -> Generator[Any, Any, dict[str, Any]]:
    try:
        conclusion = yield from _ask(ctx, "read_subscription", subscription)
        if conclusion["decision"] == "wanted":
            yield from _register(ctx, subscription)
            conclusion = yield from _ask(ctx, "claim_new_subscription", subscription)
        if conclusion["decision"] == "started":
            claimed = {"hsm": conclusion["hsm"], "operationId": conclusion["operationId"]}
            yield from _ask(ctx, "start_operation", claimed)
    except StepFailed as failure:
        return {"decision": "failed", "why": failure.error["message"], "error": failure.error}
    return conclusion


def _register(ctx: OrchestrationContext, subscription: dict[str, Any]) -> Generator[Any, Any]:
    """Have the provider registered, and wait for that."""
    outcome = yield from ask(ctx, "register_provider", subscription)
    if outcome["status"] == "wait":
        outcome = yield from await_done(ctx, "await_registered", subscription, outcome["seconds"], _REGISTERED_WITHIN)
    if outcome["status"] == "failed":
        raise StepFailed(outcome["error"])


def _ask(ctx: OrchestrationContext, name: str, given: dict[str, Any]) -> Generator[Any, Any, dict[str, Any]]:
    """Run an activity, later again where it wants that, and give its result; raises StepFailed."""
    attempt = 0
    while True:
        outcome = yield from ask(ctx, name, {**given, "attempt": attempt} if attempt else given)
        if outcome["status"] != "wait":
            break
        attempt += 1
        yield ctx.create_timer(timedelta(seconds=outcome["seconds"]))
    if outcome["status"] == "failed":
        raise StepFailed(outcome["error"])
    result: dict[str, Any] = outcome.get("result", {})
    return result
