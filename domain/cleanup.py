"""Which HSMs cost money for nothing, and what is to become of them: pure, by what is known of one at one moment.

Only our own record is an authority: which HSM it is of, by resource id and by when and by whom Azure says that it was
made; until when it is needed; that this service deleted it. A tag says nothing.
"""

from datetime import datetime, timedelta
from typing import Final, Literal, NamedTuple

from pydantic import AwareDatetime

from domain.decommissioning import is_same_moment
from domain.hsm import APPEARS_WITHIN, Hsm
from domain.model import Model
from domain.policy import EVERYTHING, CleanupRules, EnvironmentRules, Policy
from domain.records import HsmRecord

NOTICE: Final = timedelta(days=1)
"""How long before it is deleted somebody must have been warned at least, where the policy wants a warning."""
TRY_AGAIN_AFTER: Final = timedelta(days=7)
"""For how long one is left alone whose decommission by schedule failed, or was rejected: others get their turn."""

Action = Literal["keep", "warn", "delete", "purge"]
Due = Literal["never_activated", "expired", "expiring", "deleted_long_ago"]
Obstacle = Literal[
    "on_hold",
    "operation_running",
    "not_ours",
    "taken_over",
    "recovered",
    "record_disagrees",
    "state_unsettled",
    "environment_unknown",
    "subscription_not_allowed",
    "locked",
    "tried_lately",
    "deletion_not_ours",
    "purge_not_allowed",
    "purge_protected",
]
Reason = Due | Obstacle | Literal["not_due", "gone", "deleted_lately", "unknown"]
PLAIN: Final[frozenset[Reason]] = frozenset({"not_due", "gone"})
"""The reasons of those that nobody needs to look at."""

# What says for certain that Azure never let it be used.
_NEVER_ACTIVE: Final = frozenset({"NotActivated", "Failed"})
_SETTLED: Final = frozenset({"Succeeded", "Failed"})


class DeletedAt(NamedTuple):
    """A soft-deleted HSM at the place that our record names."""

    deleted_at: datetime
    purge_protected: bool


class Warned(Model):
    """That somebody was warned that an HSM expires."""

    expires_at: AwareDatetime
    """The expiry that the warning was of: another one needs another warning."""
    at: AwareDatetime
    """When it was made."""


class Facts(NamedTuple):
    """What is known of one HSM of ours: our record, what Azure shows at its place, and what stands in the way.

    `own_ids` are the ids by which Azure names this service. `tried_at` is when a schedule last began a decommission of
    it that did not succeed; `own_operation` is one that was begun so and still runs.
    """

    record: HsmRecord
    own_ids: frozenset[str]
    live: Hsm | None = None
    deleted: DeletedAt | None = None
    warned: Warned | None = None
    held: bool = False
    operation_running: bool = False
    own_operation: str | None = None
    locked: bool = False
    tried_at: datetime | None = None


class Rules(NamedTuple):
    """What the policy says of one HSM; `environment` is None for one that it does not know any more."""

    cleanup: CleanupRules
    environment: EnvironmentRules | None
    subscription_allowed: bool = True


class Verdict(NamedTuple):
    """What is to become of an HSM, and why; where something kept it from what was due, `due` says from what."""

    action: Action
    reason: Reason
    due: Due | None = None
    purges: bool = False


def rules_for(policy: Policy, record: HsmRecord) -> Rules:
    """Give what the policy says of the HSM of a record."""
    listed = policy.subscriptions
    return Rules(
        policy.cleanup,
        policy.environments.get(record.request.environment),
        EVERYTHING in listed or record.subscription_id.lower() in listed,
    )


def judge(facts: Facts, rules: Rules, now: datetime) -> Verdict:
    """Say what is to become of an HSM; whatever is in doubt is kept."""
    due = find_due(facts, rules, now)
    if due.action == "keep" or due.due is None:
        return due
    obstacle = _find_obstacle(facts, rules, now) or _find_doubt(facts, rules)
    return Verdict("keep", obstacle, due.due) if obstacle else due


def find_due(facts: Facts, rules: Rules, now: datetime) -> Verdict:
    """Say what is due by the rules alone, whatever stands in the way."""
    if facts.live is not None:
        return _find_due_of_live(facts, facts.live, rules, now)
    if facts.deleted is None:
        return Verdict("keep", "gone")
    if now - facts.deleted.deleted_at < timedelta(days=rules.cleanup.purge_after_days):
        return Verdict("keep", "deleted_lately")
    return Verdict("purge", "deleted_long_ago", "deleted_long_ago", purges=True)


def _find_due_of_live(facts: Facts, live: Hsm, rules: Rules, now: datetime) -> Verdict:
    record, cleanup = facts.record, rules.cleanup
    purges = _may_purge_at_once(record, live, rules)
    began = max(record.created_at, live.made_at or record.created_at)
    if _was_never_active(live) and now - began >= timedelta(hours=cleanup.never_activated_after_hours):
        return Verdict("delete", "never_activated", "never_activated", purges)
    expires_at = record.request.expires_at
    if expires_at is None or rules.environment is None or not rules.environment.expiry_required:
        return Verdict("keep", "not_due")
    if now < expires_at - timedelta(days=cleanup.warn_before_days):
        return Verdict("keep", "not_due")
    if now < expires_at:
        return Verdict("warn", "expiring", "expiring")
    if not _was_warned(facts.warned, expires_at, cleanup, now):
        return Verdict("warn", "expired", "expired")
    return Verdict("delete", "expired", "expired", purges)


def _was_never_active(live: Hsm) -> bool:
    return live.activation in _NEVER_ACTIVE and live.provisioning_state in _SETTLED


def _may_purge_at_once(record: HsmRecord, live: Hsm, rules: Rules) -> bool:
    """Say whether nobody can need what it holds, and it may be purged: what was active is purged by itself later."""
    allowed = rules.environment is not None and rules.environment.purge_allowed
    return allowed and _was_never_active(live) and not record.may_hold_keys and not live.purge_protection


def _was_warned(warned: Warned | None, expires_at: datetime, cleanup: CleanupRules, now: datetime) -> bool:
    if cleanup.warn_before_days == 0:
        return True
    return warned is not None and warned.expires_at == expires_at and now - warned.at >= NOTICE


def _find_obstacle(facts: Facts, rules: Rules, now: datetime) -> Obstacle | None:
    """Name what somebody put in the way, or the policy."""
    if facts.held:
        return "on_hold"
    if facts.operation_running:
        return "operation_running"
    if rules.environment is None:
        return "environment_unknown"
    if not rules.subscription_allowed:
        return "subscription_not_allowed"
    if facts.locked:
        return "locked"
    if facts.tried_at is not None and now - facts.tried_at < TRY_AGAIN_AFTER:
        return "tried_lately"
    return None


def _find_doubt(facts: Facts, rules: Rules) -> Obstacle | None:
    """Name why it may not be the HSM of our record, or not what our record says of it."""
    if facts.live is not None:
        return _find_doubt_of_live(facts, facts.live)
    ended, deleted = facts.record.decommissioned, facts.deleted
    if (
        deleted is None
        or ended is None
        or ended.deleted_at is None
        or not is_same_moment(ended.deleted_at, deleted.deleted_at)
    ):
        return "deletion_not_ours"
    if deleted.purge_protected:
        return "purge_protected"
    return None if rules.environment is not None and rules.environment.purge_allowed else "purge_not_allowed"


def _find_doubt_of_live(facts: Facts, live: Hsm) -> Obstacle | None:
    record = facts.record
    if record.adopted:
        return "taken_over"
    if not _is_recorded(record, live, facts.own_ids):
        return "not_ours"
    if record.decommissioned is not None and record.decommissioned.deleted_at is not None:
        # Somebody wanted it back.
        return "recovered"
    if live.provisioning_state not in _SETTLED or not (live.active or _was_never_active(live)):
        return "state_unsettled"
    if not live.active and (record.security_domain is not None or record.restored_from is not None):
        return "record_disagrees"
    return None


def _is_recorded(record: HsmRecord, live: Hsm, own_ids: frozenset[str]) -> bool:
    """Say whether it is the very HSM that our record is of, and this service made it."""
    if live.resource_id.lower() != record.resource_id.lower() or live.made_at is None or live.made_by not in own_ids:
        return False
    if record.made_at is not None:
        return live.made_at == record.made_at
    # It was never seen ready; one that was there before we were about to make ours is another.
    return live.made_at >= record.created_at - APPEARS_WITHIN
