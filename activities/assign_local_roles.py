"""Give people and applications their local roles on the HSM, and keys their consumers."""

from collections.abc import Mapping

from activities.context import approved_plan_of, find_own_hsm
from activities.handing_over import pinned_handover_of
from clients import local_roles
from domain.errors import RefusedByAzure, service_error
from domain.handover.local_roles import built_in_role
from domain.handover.role_rules import GUID, WantedAssignment, wanted_assignments
from domain.outcomes import Outcome, Work, done, wait
from domain.settings import settings


def assign_local_roles(work: Work) -> Outcome:
    """Make the assignments that are not there; those that nobody asked for, or not any more, stay.

    Where Azure asks for patience in the midst of them, the rest is waited for: an HSM takes five changes a second
    (source: MicrosoftDocs, key-vault-limits.md).
    """
    plan = approved_plan_of(work, "provision")
    find_own_hsm(plan.hsm, plan.team)
    wanted = wanted_assignments(pinned_handover_of(plan))
    own_roles = {role.role_name.lower(): role.name for role in local_roles.list_custom_roles(plan.hsm)}
    there = {(item.principal_id, item.role, item.scope): item.name for item in local_roles.list_assignments(plan.hsm)}
    names: list[str] = []
    made = 0
    for item in wanted:
        role = _resolve(item, own_roles)
        # Idempotent: whoever has the role is not given it again, under whichever name it was given.
        name = there.get((item.principal_id, role, item.scope.lower()))
        if name is None:
            try:
                name = local_roles.assign(plan.hsm, item.scope, role, item.principal_id).name
            except RefusedByAzure as refusal:
                # Only while it goes on: where none can be made that is a failure, which is told after some tries.
                if refusal.detail.code != "azure_throttled" or not made:
                    raise
                return wait(refusal.detail.retry_after or settings().poll_seconds)
            made += 1
        names.append(name)
    return done(assignments=names)


def _resolve(wanted: WantedAssignment, own_roles: Mapping[str, str]) -> str:
    """Give the GUID of a role; raises ServiceError `local_role_unknown`."""
    built_in = built_in_role(wanted.role)
    if built_in is not None:
        return built_in[1]
    if (name := own_roles.get(wanted.role.lower())) is not None:
        return name
    # A name may look like a GUID in another of its forms, and is none.
    if GUID.fullmatch(wanted.role):
        return wanted.role.lower()
    raise service_error(
        "local_role_unknown",
        f"The HSM has no local role of the name {wanted.role}.",
        advice="Define it in handover.localRoleDefinitions, or name another; then send the request again.",
    )
