"""Define the HSM's own roles."""

from activities.context import approved_plan_of, find_own_hsm
from activities.handing_over import pinned_handover_of
from clients import local_roles
from domain.errors import ServiceError, service_error
from domain.handover.local_roles import LocalRoleDefinition
from domain.outcomes import Outcome, Work, done


def define_local_roles(work: Work) -> Outcome:
    """Make the roles that are not there, and have those that this service made allow what the plan says."""
    plan = approved_plan_of(work, "provision")
    find_own_hsm(plan.hsm, plan.team)
    there = {role.role_name.lower(): role for role in local_roles.list_custom_roles(plan.hsm)}
    names = []
    for definition in pinned_handover_of(plan).local_role_definitions or []:
        found = there.get(definition.name.lower())
        # Idempotent: a role that allows what it should is left, whoever made it.
        if found is not None and found.allows_what(definition):
            names.append(found.name)
            continue
        if found is not None and found.name != local_roles.definition_name(plan.hsm, definition.name):
            raise _differs(definition)
        local_roles.define(plan.hsm, definition)
        names.append(local_roles.definition_name(plan.hsm, definition.name))
    return done(definitions=names)


def _differs(definition: LocalRoleDefinition) -> ServiceError:
    return service_error(
        "local_role_differs",
        f"The HSM has a role of the name {definition.name} that this service did not make, and that allows something "
        "else. It was left as it is.",
        advice="Ask for a role of another name, or have that one deleted; then send the request again.",
    )
