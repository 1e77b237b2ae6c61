"""What the policy says to a hand-over."""

from collections.abc import Iterator
from typing import Final

from domain.errors import FieldError
from domain.handover.full_backups import BACKUP_CONTAINER
from domain.handover.network import find_name_taken_twice
from domain.handover.request import Handover, gives_up, lacks_workspace, resolve
from domain.handover.role_rules import find_role_violations
from domain.policy import EnvironmentRules, Policy


def find_handover_violations(
    policy: Policy, rules: EnvironmentRules, hsm: str, handover: Handover | None
) -> list[FieldError]:
    """Name every member of a hand-over that the policy refuses, or that with the policy's default cannot be."""
    resolved = resolve(handover, rules.handover)
    refused = [] if handover is None else _judge(policy, rules, handover, resolved)
    return [*_find_met_endpoint(hsm, resolved), *refused]


def find_pinned_violations(policy: Policy, rules: EnvironmentRules, pinned: Handover) -> list[FieldError]:
    """Name every member of a pinned hand-over that the policy refuses by now, also what it once asked for itself.

    What the policy asks for by now of others is not made by it.
    """
    return _judge(policy, rules, pinned, pinned)


def _judge(policy: Policy, rules: EnvironmentRules, asked: Handover, resolved: Handover) -> list[FieldError]:
    return [
        *_find_unlisted(policy, rules, asked),
        *_find_alert_without_log(resolved),
        *_find_opening(rules, asked, resolved),
        *_find_backup_violations(policy, asked, resolved),
        *find_role_violations(asked, resolved, rules.handover, rules.local_roles),
    ]


def _find_met_endpoint(hsm: str, resolved: Handover) -> Iterator[FieldError]:
    met = find_name_taken_twice(hsm, resolved.private_endpoints or [])
    if met is not None:
        message = "This private endpoint comes to the name of one before it, in one resource group: name it otherwise."
        yield FieldError(field=f"handover.privateEndpoints[{met}].name", message=message, code="invalid_field")


def _find_opening(rules: EnvironmentRules, handover: Handover, resolved: Handover) -> Iterator[FieldError]:
    if handover.temporary_opening is not None and not rules.temporary_opening_allowed:
        message = "HSMs of this environment are never opened to the internet, not even for a while."
        yield FieldError(field="handover.temporaryOpening", message=message, code="temporary_opening_not_allowed")
    if resolved.temporary_opening is not None and resolved.lock is not None and resolved.lock.level == "ReadOnly":
        message = "A lock of the level ReadOnly would keep it from being closed again: ask for CanNotDelete."
        yield FieldError(field="handover.temporaryOpening", message=message, code="temporary_opening_not_allowed")


def _find_alert_without_log(resolved: Handover) -> Iterator[FieldError]:
    """Name the alerts on an audit log that goes to no workspace, with what the policy adds to what was asked."""
    if lacks_workspace(resolved):
        message = "These alerts are read from the workspace that diagnostics.workspace names: name one, or say false."
        yield FieldError(field="handover.alerts.auditLog", message=message, code="alert_without_workspace")


def _find_backup_violations(policy: Policy, handover: Handover, resolved: Handover) -> Iterator[FieldError]:
    asked = handover.full_backup
    if asked is not None and asked.container not in {place.container for place in policy.backup_places}:
        message = "The policy allows no full backups in this container. Those of backupPlaces may be named."
        yield FieldError(field=BACKUP_CONTAINER, message=message, code="backup_place_not_allowed")
    if lacks_right_to_back_up(resolved):
        yield FieldError(field="handover.fullBackup.everyHours", message=LACKS_RIGHT, code="invalid_field")


def find_handover_mistakes(policy: Policy) -> list[str]:
    """Name what of the environments' hand-overs the rest of the policy contradicts."""
    return [
        f"environments.{name}.{error.field}: {error.message}"
        for name, rules in policy.environments.items()
        for error in (
            *_find_backup_violations(policy, rules.handover, rules.handover),
            *_find_opening(rules, rules.handover, rules.handover),
        )
    ]


LACKS_RIGHT: Final = (
    "Backups by schedule need a role on the HSM, and the service gives its own up: ask for "
    "administration.keepBackup, or for administration.giveUp false."
)


def lacks_right_to_back_up(handover: Handover) -> bool:
    """Say whether backups by schedule are asked for that the service may not make once it has handed the HSM over."""
    kept = handover.administration is not None and handover.administration.keep_backup
    scheduled = handover.full_backup is not None and handover.full_backup.every_hours is not None
    return scheduled and gives_up(handover) and not kept


def _find_unlisted(policy: Policy, rules: EnvironmentRules, handover: Handover) -> Iterator[FieldError]:
    listed = {resource.lower() for resource in policy.linked_resources}
    listed |= {resource.lower() for _, resource in linked_resources_of(rules.handover)}
    for field, resource in linked_resources_of(handover):
        if resource.lower() not in listed:
            message = "The policy does not list this resource. GET /api/policy shows those that may be named."
            yield FieldError(field=field, message=message, code="resource_not_allowed")


def linked_resources_of(handover: Handover) -> Iterator[tuple[str, str]]:
    """Give the resource ids that a hand-over names, each with the field that names it."""
    for number, endpoint in enumerate(handover.private_endpoints or []):
        place = f"handover.privateEndpoints[{number}]"
        yield f"{place}.subnet", endpoint.subnet
        if endpoint.private_dns_zone:
            yield f"{place}.privateDnsZone", endpoint.private_dns_zone
    logs = handover.diagnostics
    if logs:
        named = {
            "workspace": logs.workspace,
            "storageAccount": logs.storage_account,
            "eventHubRule": logs.event_hub_rule,
        }
        yield from ((f"handover.diagnostics.{name}", resource) for name, resource in named.items() if resource)
    if handover.alerts:
        yield "handover.alerts.actionGroup", handover.alerts.action_group
