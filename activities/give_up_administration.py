"""Take the service's own roles on the HSM away, once somebody else is known to administer it."""

from collections.abc import Collection

from activities.context import claim_of, find_own_hsm, hsm_not_active, now, plan_of, record_missing, was_approved
from clients import archive, local_roles
from clients.administration import administers
from clients.credential import own_identity
from clients.directory import find_actors
from clients.local_roles import LocalAssignment
from domain.errors import RefusedByAzure, service_error
from domain.fields import OperationKind
from domain.handover.administration import GivenUp
from domain.handover.giving_up import (
    administrator_required,
    kept_roles,
    no_other_administrator,
    still_administrator,
)
from domain.handover.local_roles import ADMINISTRATOR
from domain.handover.request import gives_up
from domain.hsm import Hsm
from domain.outcomes import Outcome, Work, done
from domain.records import Plan

_KINDS: tuple[OperationKind, ...] = ("provision", "rewrap", "restore")


def give_up_administration(work: Work) -> Outcome:
    """Leave the HSM to its other administrators, with what the plan has the service keep.

    Nobody else can be its administrator without one: where no other is confirmed nothing is taken away.
    """
    # Without its approval as well: what was granted for a re-wrap that was rejected is given back.
    plan = plan_of(work, _KINDS)
    if plan.handover is None or not gives_up(plan.handover):
        return done()
    hsm, kept = find_own_hsm(plan.hsm, plan.team), kept_roles(plan.handover.administration)
    if not hsm.active:
        raise hsm_not_active()
    if not administers(plan.hsm):
        seen = _see_assignments(plan.hsm)
        # A refusal of what an administrator may passes, while its assignment is there.
        if seen is None or not any(_administers(item) for item in _of_own(seen)):
            return _go_without(work, plan, hsm, kept, seen)
    assignments = local_roles.list_assignments(plan.hsm)
    _require_others(plan, assignments)
    # Somebody else may have ended the operation while the directory was asked.
    claim_of(work, _KINDS)
    _record(plan, _describe(work, _others(assignments), kept))
    _take_away(plan.hsm, kept, assignments)
    if administers(plan.hsm):
        raise still_administrator()
    return _finish(plan)


def _go_without(work: Work, plan: Plan, hsm: Hsm, kept: frozenset[str], seen: list[LocalAssignment] | None) -> Outcome:
    """Do what is left for a service that is no administrator (any more); `seen` is None where it sees no roles.

    Raises ServiceError `administrator_required` where it was to keep other roles than it has, or has others that it
    may not give up itself, and what Azure refuses where it should be an administrator still: that may pass.
    """
    given_up = _find_given_up(plan)
    if seen is None and given_up is None and _made_by(work, plan, hsm):
        local_roles.list_assignments(plan.hsm)
    own = _of_own(seen or [])
    _leave_others(plan.hsm, [item for item in own if not _is_kept(item, kept)])
    if given_up is None:
        if not kept <= {item.role for item in own}:
            raise administrator_required(plan.hsm, own_identity().object_id)
        # It never was one, somebody took it away, or a full backup brought other roles: there is nothing to take away.
        _record(plan, _describe(work, _others(seen or []), kept))
    elif given_up.operation_id != work.operation_id and frozenset(given_up.kept) != kept:
        raise administrator_required(plan.hsm, own_identity().object_id)
    # Idempotent: killed after the last role was taken away, there is nothing to see any more.
    return _finish(plan)


def _made_by(work: Work, plan: Plan, hsm: Hsm) -> bool:
    """Say whether this very operation was an administrator a moment ago: it exported the security domain as one."""
    record = archive.find_hsm_record(plan.hsm)
    stored = record.security_domain if record else None
    first = plan.backup is None and own_identity().object_id in hsm.administrators
    return first and (stored is None or stored.operation_id == work.operation_id)


def _leave_others(hsm: str, rest: list[LocalAssignment]) -> None:
    """Give roles up that nobody asked for, where one of them lets the service do so."""
    for assignment in rest:
        try:
            local_roles.remove(hsm, assignment)
        except RefusedByAzure as refusal:
            if refusal.detail.code != "azure_forbidden":
                raise
            raise administrator_required(hsm, own_identity().object_id) from None


def _see_assignments(hsm: str) -> list[LocalAssignment] | None:
    """List who has which role; None where no role of the service lets it see that."""
    try:
        return local_roles.list_assignments(hsm)
    except RefusedByAzure as refusal:
        if refusal.detail.code != "azure_forbidden":
            raise
        return None


def _describe(work: Work, administrators: Collection[str], kept: frozenset[str]) -> GivenUp:
    return GivenUp(
        operation_id=work.operation_id, began_at=now(), administrators=sorted(administrators), kept=sorted(kept)
    )


def _require_others(plan: Plan, assignments: list[LocalAssignment]) -> None:
    """Raise ServiceError `no_other_administrator` unless another administers the HSM who can act."""
    others = _others(assignments)
    found = find_actors(others)
    # What the directory does not show, whoever approved the plan has said of some.
    if not found.acting and not (found.unseen and found.unseen & _find_confirmed(plan)):
        raise no_other_administrator(plan.hsm, others)


def _find_confirmed(plan: Plan) -> set[str]:
    return set(plan.confirmed_administrators) if was_approved(plan) else set()


def _others(assignments: list[LocalAssignment]) -> set[str]:
    own = own_identity().object_id
    return {item.principal_id for item in assignments if _administers(item) and item.principal_id != own}


def _administers(assignment: LocalAssignment) -> bool:
    return (assignment.role, assignment.scope) == (ADMINISTRATOR, "/")


def _take_away(hsm: str, kept: frozenset[str], assignments: list[LocalAssignment]) -> None:
    own = _of_own(assignments)
    for role in sorted(kept - {item.role for item in own if item.scope == "/"}):
        local_roles.assign(hsm, "/", role, own_identity().object_id)
    # The administration last: it is what takes the others away.
    for assignment in sorted(own, key=lambda item: (_administers(item), item.name)):
        if not _is_kept(assignment, kept):
            local_roles.remove(hsm, assignment)


def _of_own(assignments: list[LocalAssignment]) -> list[LocalAssignment]:
    own = own_identity().object_id
    return [item for item in assignments if item.principal_id == own]


def _is_kept(assignment: LocalAssignment, kept: frozenset[str]) -> bool:
    return assignment.role in kept and assignment.scope == "/"


def _finish(plan: Plan) -> Outcome:
    given_up = _find_given_up(plan)
    if given_up is not None and given_up.done_at is None:
        _record(plan, given_up.model_copy(update={"done_at": now()}))
    return done(administrators=given_up.administrators if given_up else [])


def _find_given_up(plan: Plan) -> GivenUp | None:
    record = archive.find_hsm_record(plan.hsm)
    return record.given_up if record else None


def _record(plan: Plan, given_up: GivenUp) -> None:
    """Record how far it is; raises ServiceError `record_changed` where the record was changed meanwhile."""
    held = archive.find_held_hsm_record(plan.hsm)
    if held is None:
        raise record_missing()
    # The role that makes keys is taken away with all others.
    makes_keys = held.record.makes_keys and given_up.done_at is None
    changed = held.record.model_copy(update={"given_up": given_up, "makes_keys": makes_keys})
    if not archive.replace_hsm_record(changed, held.etag):
        raise service_error(
            "record_changed", "The HSM's record was changed meanwhile.", advice="It is tried again.", retryable=True
        )
