"""The whole story of a re-wrap: the security domain of an active HSM is exported again, for other custodians."""

from collections.abc import Generator
from typing import Any

from durabletask.task import OrchestrationContext

from orchestrations.downloading import download_until_confirmed
from orchestrations.handing_over import give_up, give_up_what_was_granted
from orchestrations.registration import blueprint
from orchestrations.story import StepFailed, Story


@blueprint.orchestration_trigger(context_name="ctx")
def security_domain_rewrap(ctx: OrchestrationContext, operation_id: str) -> Generator[Any, Any, str]:
    """Re-wrap one security domain; the operation's claim says for whom. What is stored stays as it is."""
    story = Story(ctx, operation_id, "rewrap")
    pinned: dict[str, Any] = {}
    try:
        pinned = yield from story.step("preflight_rewrap")
        yield from story.await_approval(pinned)
        story.end_within(pinned["deadlineSeconds"])
        yield from story.step("fetch_wrapping_keys")
        receipt = yield from download_until_confirmed(story)
        yield from story.step("verify_security_domain", progress={"receipt": receipt})
        yield from give_up(story, pinned.get("wants", ()))
        made = {name: pinned[name] for name in ("resourceId", "uri")}
        story.succeed({**made, "securityDomain": receipt})
    except StepFailed as failure:
        if failure.code == "not_claimed":
            return "not_claimed"
        yield from give_up_what_was_granted(story, pinned)
        story.fail(failure)
    yield from story.record()
    return story.status
