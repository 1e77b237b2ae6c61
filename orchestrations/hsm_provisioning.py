"""The whole story of a provision: a Managed HSM from nothing to active, its security domain stored and verified."""

from collections.abc import Collection, Generator
from typing import Any

from durabletask.task import OrchestrationContext

from orchestrations.downloading import download_until_confirmed
from orchestrations.handing_over import (
    close,
    close_after_failure,
    connect,
    give_up_what_was_granted,
    hand_over,
)
from orchestrations.registration import blueprint
from orchestrations.story import StepFailed, Story


@blueprint.orchestration_trigger(context_name="ctx")
def hsm_provisioning(ctx: OrchestrationContext, operation_id: str) -> Generator[Any, Any, str]:
    """Provision one HSM; the operation's claim says what was asked for."""
    story = Story(ctx, operation_id)
    pinned: dict[str, Any] = {}
    wants: Collection[str] = ()
    try:
        pinned = yield from story.step("preflight")
        wants = pinned.get("wants", ())
        yield from story.await_approval(pinned)
        story.end_within(pinned["deadlineSeconds"])
        yield from story.step("create_resource_group")
        yield from story.step("provision_hsm")
        ready = yield from story.step("await_ready")
        yield from connect(story, wants)
        yield from story.step("fetch_wrapping_keys")
        receipt = yield from download_until_confirmed(story)
        yield from story.step("verify_security_domain", progress={"receipt": receipt})
        yield from hand_over(story, wants)
        yield from close(story, wants)
        story.succeed({**ready, "securityDomain": receipt})
    except StepFailed as failure:
        if failure.code == "not_claimed":
            return "not_claimed"
        yield from give_up_what_was_granted(story, pinned)
        yield from close_after_failure(story, wants)
        story.fail(failure)
    yield from story.record()
    return story.status
