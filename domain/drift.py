"""How an HSM differs from our record of it: pure, by what is known of one at one moment.

Only our own record is an authority: which HSM it is of, by resource id and by when Azure says that it was made; what it
was last asked to be, updates in place included; which security domain is stored of it. Where Azure does not say
something, or an operation runs, nothing is found.
"""

from collections.abc import Callable, Iterable, Iterator
from datetime import datetime, timedelta
from typing import Any, Final, NamedTuple

from domain.backup_history import BackupHistory, is_too_old
from domain.changes import InPlaceChange, find_pending
from domain.cleanup import DeletedAt
from domain.drift_findings import SEVERITIES, Drift
from domain.handover.full_backups import BackupRequest
from domain.hsm import APPEARS_WITHIN, Hsm, reach
from domain.network_drift import Reach, close, complete, name_reach
from domain.policy import ReconciliationRules
from domain.records import HsmRecord, utc_text
from domain.requests import HsmSpecification
from domain.verifications import Verification

ACTIVATED_WITHIN: Final = timedelta(hours=1)
"""How long after it was made an HSM need not be active: whoever asked for it may be about to ask again."""
_LONGEST: Final = 200
_FAILED: Final = "Failed"
# What says for certain that Azure never let it be used.
_NEVER_ACTIVE: Final = ("NotActivated", _FAILED)


class Facts(NamedTuple):
    """What is known of one HSM of ours: our record, what Azure shows at its place, and the last verification.

    `own_ids` are the ids by which Azure names this service, which `gives_up` its administration of the HSM, or is to
    stay its administrator. `administrators` are those whom the HSM names, by their object ids; None where the service
    may not ask it. `gone` are the resource ids of what the service made around the HSM and what is not there any more.
    `backups` are those that are known, where the HSM is to have any (`backup_request`).
    """

    record: HsmRecord
    own_ids: frozenset[str]
    live: Hsm | None = None
    deleted: DeletedAt | None = None
    verification: Verification | None = None
    operation_running: bool = False
    gives_up: bool = False
    administrators: frozenset[str] | None = None
    backups: BackupHistory | None = None
    backup_request: BackupRequest | None = None
    gone: frozenset[str] = frozenset()


class Difference(NamedTuple):
    """One way in which an HSM differs, with what our record has and what Azure has, in a few words."""

    code: Drift
    expected: str | None = None
    found: str | None = None


def find_drift(facts: Facts, rules: ReconciliationRules, now: datetime) -> list[Difference]:
    """Find all ways in which an HSM differs from our record, the worst first; what is in doubt is none."""
    record, live = facts.record, facts.live
    if facts.operation_running or not record.billed:
        # Of one that was purged nothing can be left: what has its name is another one, of which we have no record.
        return []
    if live is None or live.provisioning_state == "Deleting":
        return list(_find_absence(facts))
    if record.decommissioned is not None and record.decommissioned.deleted_at is not None:
        return [Difference("lives_again", f"deleted at {utc_text(record.decommissioned.deleted_at)}", _name(live))]
    if not _is_recorded(record, live, facts.own_ids):
        return [Difference("replaced_by_others", _name_recorded(record), _name(live))]
    found = [item for find in _OF_THE_LIVE for item in find(facts, live)]
    found += _find_verification_drift(facts, rules, now)
    found += _find_inactivity(facts, live, now)
    found += _find_old_backup(facts, live, now)
    return sorted(found, key=lambda item: RANK[SEVERITIES[item.code]])


RANK: Final = {"critical": 0, "warning": 1, "information": 2}
"""The order of severities, the worst first."""


def _find_absence(facts: Facts) -> Iterator[Difference]:
    record = facts.record
    # One that was deleted at somebody's request is where it was to go; one that nobody ever saw was not made.
    if record.decommissioned is not None or record.made_at is None:
        return
    if facts.live is not None:
        yield Difference("hsm_gone", _name_recorded(record), "it is being deleted")
    elif facts.deleted is not None:
        yield Difference(
            "hsm_gone", _name_recorded(record), f"deleted at {utc_text(facts.deleted.deleted_at)}, kept so far"
        )
    else:
        yield Difference("hsm_gone", _name_recorded(record))


def _is_recorded(record: HsmRecord, live: Hsm, own_ids: frozenset[str]) -> bool:
    """Say whether it is the very HSM that our record is of, or may be: where Azure does not say, it may."""
    if live.resource_id.lower() != record.resource_id.lower():
        return False
    if live.made_at is None:
        return True
    if record.made_at is not None:
        return live.made_at == record.made_at
    # It was never seen ready; one that was there before we were about to make ours is another.
    return live.made_by in own_ids and live.made_at >= record.created_at - APPEARS_WITHIN


def _find_inactivity(facts: Facts, live: Hsm, now: datetime) -> Iterator[Difference]:
    record = facts.record
    began = max(record.created_at, live.made_at or record.created_at)
    # What disagrees about it is told as that.
    if live.activation not in _NEVER_ACTIVE or record.security_domain is not None or now - began < ACTIVATED_WITHIN:
        return
    failed = _FAILED in (live.activation, live.provisioning_state)
    yield Difference("activation_failed" if failed else "not_activated", "Active", live.state)


def _find_network_drift(facts: Facts, live: Hsm) -> Iterator[Difference]:
    asked, has = _reaches(facts.record.request, live)
    if asked.equals(has):
        return
    tighter = close(asked, has).equals(has)
    opened = asked.access == "Disabled" != has.access or (has.open and not asked.open)
    difference: Drift = "network_tighter" if tighter else "public_access_opened" if opened else "network_differs"
    yield Difference(difference, _shorten(name_reach(asked, has)), _shorten(name_reach(has, asked)))


def _reaches(request: HsmSpecification, live: Hsm) -> tuple[Reach, Reach]:
    """Give the reach that was asked for, in what the record says of it, and the one that there is."""
    asked = Reach(request.public_network_access, complete(request.network, live.network))
    return asked, Reach(live.public_network_access, live.network)


def _find_purge_protection_drift(facts: Facts, live: Hsm) -> Iterator[Difference]:
    if facts.record.request.purge_protection and not live.purge_protection:
        yield Difference("purge_protection_off", "on", "off")


def _find_region_drift(facts: Facts, live: Hsm) -> Iterator[Difference]:
    """Hold the regions that it is in, or comes to be in, against those that were asked for: each is paid for."""
    # It is extended once it is active; before that, what is found of it is that it is not.
    if not live.active:
        return
    asked = {_plain(region) for region in facts.record.request.additional_regions}
    has = {_plain(region.name) for region in live.regions if not region.going}
    lost = {_plain(region.name) for region in live.regions if region.state == _FAILED} & asked
    if asked != has or lost:
        names = {f"{name} ({_FAILED})" if name in lost else name for name in has}
        yield Difference("regions_differ", _list(asked), _list(names))


def _find_identity_drift(facts: Facts, live: Hsm) -> Iterator[Difference]:
    """Name the identities that were asked for and are not attached; others are other people's."""
    asked = facts.record.request.identities
    missing = [identity for identity in asked if not live.has_identity(identity)]
    if missing:
        there = (identity for identity in asked if live.has_identity(identity))
        yield Difference("identities_missing", _list(map(_last, asked)), _list(map(_last, there)))


def _find_unfinished_deletion(facts: Facts, live: Hsm) -> Iterator[Difference]:
    decommissioned = facts.record.decommissioned
    if decommissioned is not None and decommissioned.deleted_at is None:
        yield Difference("deletion_unfinished", f"asked for at {utc_text(decommissioned.asked_at)}", live.state)


def _find_administrator_drift(facts: Facts, live: Hsm) -> Iterator[Difference]:
    """Hold the initial administrators against those that were asked for; our own identity is one besides, or is not."""
    asked = {administrator.lower() for administrator in facts.record.request.administrators} - facts.own_ids
    has = {administrator.lower() for administrator in live.administrators} - facts.own_ids
    if asked != has:
        yield Difference("administrators_changed", _list(asked), _list(has))


def _find_own_administration(facts: Facts, live: Hsm) -> Iterator[Difference]:
    """Find that the service is still an administrator, by what it did, and by what the HSM says where it may ask."""
    given_up = facts.record.given_up
    if not facts.gives_up or not live.active or facts.record.adopted:
        return
    done = given_up is not None and given_up.done_at is not None
    named = facts.administrators is not None and not facts.own_ids.isdisjoint(facts.administrators)
    if not done or named:
        yield Difference("service_still_administrator", "given up", "the service is Managed HSM Administrator")


def _find_new_administrators(facts: Facts, live: Hsm) -> Iterator[Difference]:  # noqa: ARG001 - as all of them
    """Hold those who administer the HSM now against those to whom it was left."""
    given_up = facts.record.given_up
    if given_up is None or facts.administrators is None:
        return
    left, has = set(given_up.administrators), set(facts.administrators) - facts.own_ids
    if left != has:
        yield Difference("administrators_changed", _list(left), _list(has))


def _find_tag_drift(facts: Facts, live: Hsm) -> Iterator[Difference]:
    """Hold the tags that were asked for against those that there are; others are other people's."""
    has = {name.lower(): value for name, value in live.tags.items()}
    differing = {name: value for name, value in facts.record.request.tags.items() if has.get(name.lower()) != value}
    if differing:
        there = {name: has[name.lower()] for name in differing if name.lower() in has}
        yield Difference("tags_differ", _list_tags(differing), _list_tags(there) or None)


def _find_disagreement(facts: Facts, live: Hsm) -> Iterator[Difference]:
    record, request = facts.record, facts.record.request
    pairs = [
        (_plain(request.location), _plain(live.location)),
        (request.sku.lower(), live.sku.lower()),
        (f"kept {request.soft_delete_retention_days} days", f"kept {live.soft_delete_retention_days} days"),
    ]
    if live.active and record.security_domain is None and not record.adopted:
        pairs.append(("no security domain of it is stored", "Active"))
    if live.activation in _NEVER_ACTIVE and record.security_domain is not None:
        pairs.append(("its security domain is stored", live.state))
    differing = [pair for pair in pairs if pair[0] != pair[1]]
    if differing:
        yield Difference("record_disagrees", *("; ".join(side) for side in zip(*differing, strict=True)))


def _find_what_is_gone(facts: Facts, _: Hsm) -> Iterator[Difference]:
    """Name what the service made around the HSM and somebody took away."""
    record = facts.record
    made: tuple[tuple[Drift, list[str]], ...] = (
        ("diagnostics_gone", [record.diagnostics] if record.diagnostics else []),
        ("lock_gone", [record.lock] if record.lock else []),
        ("alerts_gone", record.alerts),
        ("private_endpoints_gone", record.private_endpoints),
    )
    for code, resources in made:
        missing = [resource.rpartition("/")[2] for resource in resources if resource in facts.gone]
        if missing:
            yield Difference(code, _list(missing))


_OF_THE_LIVE: Final[tuple[Callable[[Facts, Hsm], Iterator[Difference]], ...]] = (
    _find_network_drift,
    _find_purge_protection_drift,
    _find_region_drift,
    _find_identity_drift,
    _find_unfinished_deletion,
    _find_administrator_drift,
    _find_own_administration,
    _find_new_administrators,
    _find_tag_drift,
    _find_disagreement,
    _find_what_is_gone,
)


def _find_verification_drift(facts: Facts, rules: ReconciliationRules, now: datetime) -> Iterator[Difference]:
    receipt, verification = facts.record.security_domain, facts.verification
    if receipt is None:
        return
    # One of another security domain says nothing of this one.
    last = verification if verification is not None and verification.sha256 == receipt.sha256 else None
    allowed = timedelta(days=rules.verified_within_days)
    if now - (last.verified_at if last else receipt.stored_at) > allowed:
        expected = f"verified within {rules.verified_within_days} days"
        yield Difference(
            "domain_not_verified_lately", expected, utc_text(last.verified_at) if last else "never verified"
        )
    if last is not None and last.quorum_health == "Critical":
        yield Difference("quorum_critical", "Healthy", _name_shares(last))
    if last is not None and last.quorum_health == "Warning":
        yield Difference("quorum_warning", "Healthy", _name_shares(last))


def _find_old_backup(facts: Facts, live: Hsm, now: datetime) -> Iterator[Difference]:
    backups, wanted = facts.backups, facts.backup_request
    made_at = facts.record.made_at or facts.record.created_at
    if not live.active or backups is None or wanted is None or not is_too_old(backups, wanted, made_at, now):
        return
    last = backups.find_last(wanted.container)
    hours = round((wanted.alert_after or timedelta()) / timedelta(hours=1))
    yield Difference(
        "backup_too_old",
        f"a full backup within {hours} hours",
        f"{'the last one at ' + utc_text(last.ended_at) if last else 'none'}{_name_failure(backups)}",
    )


def _name_failure(backups: BackupHistory) -> str:
    return f"; the last attempt: {backups.failure.code}" if backups.failure else ""


def _name_shares(verification: Verification) -> str:
    lost = sum(share.lost for share in verification.shares)
    damaged = "the stored bytes are damaged; " if verification.faults else ""
    return f"{damaged}{lost} of {len(verification.shares)} wrapping keys lost"


def find_healing(codes: Iterable[Drift], request: HsmSpecification, live: Hsm) -> InPlaceChange:
    """Give the change in place that makes an HSM as it is recorded, in what these kinds of drift are of."""
    wanted = set(codes)
    reached = not wanted.isdisjoint(("public_access_opened", "network_differs"))
    closed = close(*_reaches(request, live)) if reached else None
    change = InPlaceChange(
        tags=request.tags if "tags_differ" in wanted else {},
        network=closed.network if closed else None,
        public_network_access=closed.access if closed else None,
        purge_protection=True if "purge_protection_off" in wanted else None,
    )
    return find_pending(change, live)


def may_heal(change: InPlaceChange, facts: Facts, rules: ReconciliationRules, now: datetime) -> bool:
    """Say whether all of a change is part of what would be healed at this moment."""
    codes = [item.code for item in find_drift(facts, rules, now) if item.code in rules.heal]
    if facts.live is None or not codes:
        return False
    wanted = find_healing(codes, facts.record.request, facts.live)
    return (
        change.tags.items() <= wanted.tags.items()
        and change.public_network_access in (None, wanted.public_network_access)
        and change.purge_protection in (None, wanted.purge_protection)
        and (change.network is None or _reach_of(change) == _reach_of(wanted))
    )


def _reach_of(change: InPlaceChange) -> dict[str, Any] | None:
    return reach(change.network) if change.network is not None else None


def _name(live: Hsm) -> str:
    made_at = utc_text(live.made_at) if live.made_at else "some time"
    return f"made at {made_at} by {live.made_by or 'somebody'}"


def _name_recorded(record: HsmRecord) -> str:
    return f"made at {utc_text(record.made_at or record.created_at)}"


def _plain(location: str) -> str:
    return location.replace(" ", "").lower()


def _last(resource_id: str) -> str:
    return resource_id.rpartition("/")[2]


def _list(items: Iterable[str]) -> str:
    return _shorten(", ".join(sorted(items))) or "none"


def _list_tags(tags: dict[str, str]) -> str:
    return _shorten(", ".join(f"{name}={value}" for name, value in sorted(tags.items())))


def _shorten(text: str) -> str:
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1]}…"
