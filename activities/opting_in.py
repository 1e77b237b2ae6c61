"""Whether a subscription gets an HSM that nobody asked for: the policy, Azure and our records say so, and no event."""

from typing import Final, NamedTuple

from clients import archive
from clients.subscriptions import ENABLED, find_management_groups, find_subscription
from domain.new_subscriptions import has_tag, hsm_name_for, is_below
from domain.onboarding import Conclusion
from domain.policy import NewSubscriptions, OptIn
from domain.records import Claim
from domain.settings import deployment_policy, settings

_NOT_CONFIGURED: Final = "The policy says nothing of new subscriptions."
_NOT_OURS: Final = "It is not a subscription of our tenant that the service may read."
_NO_TAG: Final = "It has not the tag that the policy wants."
_NO_GROUP: Final = "It is in none of the management groups that the policy names."
_BEGUN: Final = "Its HSM was begun before. No event begins it again; a request does."


class Look(NamedTuple):
    """What a look at a subscription came to; `passing` says that Azure may just not have told of everything yet."""

    conclusion: Conclusion
    passing: bool = False


def new_subscriptions() -> NewSubscriptions | None:
    """Give what the policy says of new subscriptions."""
    return deployment_policy().new_subscriptions


def look_at(subscription_id: str) -> Look:
    """Decide whether a subscription gets an HSM; what it is asked with is its id, and nothing else."""
    new = new_subscriptions()
    if new is None:
        return Look(Conclusion(decision="not_configured", why=_NOT_CONFIGURED))
    hsm = hsm_name_for(new.name_prefix, subscription_id)
    if _was_begun(hsm):
        return Look(Conclusion(decision="begun_before", why=_BEGUN, hsm=hsm))
    return _ask_azure(subscription_id, new.opt_in, hsm)


def begun_by_event(claim: Claim) -> bool:
    """Say whether an operation runs that an event began, or that it has claimed and nobody has started yet."""
    return claim.running and claim.origin == "event"


def _was_begun(hsm: str) -> bool:
    """Say whether anything was begun under a name: an HSM that is gone for good, and one that was rejected, too."""
    held = archive.find_claim(hsm)
    if held is not None:
        return not begun_by_event(held.claim)
    return archive.find_hsm_record(hsm) is not None


def _ask_azure(subscription_id: str, opt_in: OptIn, hsm: str) -> Look:
    subscription = find_subscription(subscription_id)
    if subscription is None:
        # Our role in a new subscription may be on its way.
        return Look(Conclusion(decision="not_ours", why=_NOT_OURS), passing=True)
    if subscription.tenant_id != settings().tenant_id.lower():
        return Look(Conclusion(decision="not_ours", why=_NOT_OURS))
    if subscription.state != ENABLED:
        return Look(Conclusion(decision="not_enabled", why=f"Its state is not {ENABLED}."))
    if not has_tag(opt_in, subscription.tags):
        return Look(Conclusion(decision="not_opted_in", why=_NO_TAG))
    # Resource Graph has a narrow quota: it is asked only about what may matter.
    if opt_in.management_groups is not None and not is_below(opt_in, find_management_groups(subscription_id)):
        return Look(Conclusion(decision="not_opted_in", why=_NO_GROUP), passing=True)
    return Look(Conclusion(decision="wanted", hsm=hsm))
