"""What nobody began that should have been: operations that were accepted, and the HSMs of subscriptions."""

import hashlib
import json
from collections.abc import Collection, Iterable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Final, Literal, NamedTuple

from pydantic import Field

from domain.drift_findings import AbandonedOperation, MissingHsm
from domain.model import Model
from domain.new_subscriptions import hsm_name_for, is_named_for
from domain.policy import NewSubscriptions
from domain.summaries import ClaimSummary, HsmRecordSummary

BEGINS_WITHIN: Final = timedelta(minutes=15)
"""What was accepted so lately, or looked at, is left to those who are at it."""
LEFT_FOR: Final = timedelta(days=1)
"""What was interrupted is left so long to whoever asks for it again; then it is ended."""
LOST_AFTER: Final = timedelta(hours=23)
"""What was accepted so long ago is never begun without anybody asking again, and only reported.

The engine forgets an instance a day after its end at the earliest, so that what has none by then may have begun, and
been ended from outside. An hour less, for no two clocks are the same.
"""
FORGOTTEN_AFTER: Final = timedelta(days=7)
"""What was accepted so long ago, and seems never to have begun, is ended as what was interrupted."""
MOST_OPERATIONS: Final = 20
"""So many operations that never began one run begins at most."""
_NEVER: Final = datetime.min.replace(tzinfo=UTC)
INTERRUPTED: Final = "operation_interrupted"
"""The code of what began, and was left without an end: nobody tries to begin it again."""

type Abandoned = Literal["never_began", "interrupted"]
type Waiting = Literal["over_limit", "report_only"]


class AbandonedOperations(Model):
    """The operations that a run found abandoned, and what became of them."""

    run: str
    operations: list[AbandonedOperation] = Field(default_factory=list)


class MissingHsms(Model):
    """The subscriptions that a run found to have no HSM, and for which of them it asked for a look.

    `opt_in` names what the policy said of which subscriptions opted in.
    """

    run: str
    opt_in: str
    subscriptions_checked: int
    hsms: list[MissingHsm] = Field(default_factory=list)


class BegunHsm(NamedTuple):
    """An HSM that was begun once, by its name, whatever came of it; a tombstone was decommissioned.

    One is `there` that costs something by its record, or that an operation runs on.
    """

    hsm: str
    tombstone: bool
    there: bool = False


def is_overdue(claim: ClaimSummary, now: datetime) -> bool:
    """Say whether an operation that has not ended should have begun by now."""
    return claim.running and now - claim.claimed_at > BEGINS_WITHIN


def is_left(abandoned: Abandoned, claimed_at: datetime, now: datetime) -> bool:
    """Say whether an operation is to be ended, for nobody asked for it again."""
    return now - claimed_at > (LEFT_FOR if abandoned == "interrupted" else FORGOTTEN_AFTER)


def is_lost(claimed_at: datetime, now: datetime) -> bool:
    """Say whether an operation was accepted too long ago to be begun without anybody asking again."""
    return now - claimed_at > LOST_AFTER


def name_abandonment(operation: AbandonedOperation) -> Abandoned | None:
    """Say how a run found an operation abandoned; None where it could not be read, or was tried to begin."""
    if operation.outcome == "report_only":
        return "never_began"
    interrupted = operation.error is not None and operation.error.code == INTERRUPTED
    return "interrupted" if interrupted else None


def name_opt_in(new: NewSubscriptions, subscriptions: Iterable[str]) -> str:
    """Name what decides which subscriptions are missing: another one may find hundreds at once."""
    allowed = sorted({one.lower() for one in subscriptions})
    decisive = json.dumps([new.opt_in.model_dump(mode="json"), new.name_prefix, allowed], sort_keys=True)
    return hashlib.sha256(decisive.encode()).hexdigest()


def group_begun(claims: Collection[ClaimSummary], records: Mapping[str, HsmRecordSummary]) -> dict[str, list[BegunHsm]]:
    """Give what was begun in each subscription, by its id; what is at work on a tombstone makes it none."""
    running = {claim.hsm for claim in claims if claim.running}
    dead = {name for name, record in records.items() if record.decommissioned is not None} - running
    places = {claim.hsm: claim.resource_id for claim in claims}
    places |= {name: record.resource_id for name, record in records.items()}
    there = {name for name, record in records.items() if record.billed} | running
    begun: dict[str, list[BegunHsm]] = {}
    for name, resource_id in places.items():
        begun.setdefault(resource_id.split("/")[2].lower(), []).append(BegunHsm(name, name in dead, name in there))
    return begun


def find_missing(
    prefix: str,
    opted_in: Iterable[str],
    begun: Mapping[str, list[BegunHsm]],
    looked_at: Mapping[str, datetime],
    now: datetime,
    *,
    waiting: Waiting,
) -> list[MissingHsm]:
    """Name the subscriptions without an HSM: those that were looked at longest ago first, tombstones last.

    So whichever gets none, look after look, keeps no other from its turn. One that is being looked at is not missing,
    nor is one in which an HSM of ours is there by another name: a team asked for it, or had it taken over.
    """
    missing, tombstones = [], []
    for subscription_id in opted_in:
        all_begun = begun.get(subscription_id, [])
        own = [one for one in all_begun if is_named_for(one.hsm, subscription_id)]
        if any(one.there for one in all_begun if one not in own):
            continue
        if not own:
            if now - looked_at.get(subscription_id, _NEVER) > BEGINS_WITHIN:
                missing.append(subscription_id)
        elif all(one.tombstone for one in own):
            tombstones.append(MissingHsm(subscription_id=subscription_id, hsm=own[-1].hsm, outcome="tombstone"))
    missing.sort(key=lambda subscription_id: (looked_at.get(subscription_id, _NEVER), subscription_id))
    first = [MissingHsm(subscription_id=one, hsm=hsm_name_for(prefix, one), outcome=waiting) for one in missing]
    return first + sorted(tombstones, key=lambda one: one.subscription_id)


def find_next[Item: (AbandonedOperation, MissingHsm)](items: Iterable[Item], limit: int) -> Item | None:
    """Give what is to be begun next: the first that waits, while those that were tried leave room."""
    listed = list(items)
    if sum(map(_was_tried, listed)) >= limit:
        return None
    return next((item for item in listed if item.outcome == "over_limit"), None)


def _was_tried(item: AbandonedOperation | MissingHsm) -> bool:
    failed = item.outcome == "failed" and item.error is not None and item.error.code != INTERRUPTED
    return item.outcome == "started" or failed
