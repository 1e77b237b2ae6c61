"""All that can be asked for of a hand-over, and what the policy asks for where a request says nothing."""

from typing import Annotated

from pydantic import AfterValidator, Field

from domain.handover.administration import Administration
from domain.handover.full_backups import BackupRequest
from domain.handover.keys import FirstKey, check_keys
from domain.handover.local_roles import LocalRoleAssignment, LocalRoleDefinition, check_definitions
from domain.handover.locks import Lock
from domain.handover.monitoring import Alerts, Diagnostics
from domain.handover.network import PrivateEndpoints
from domain.handover.opening import TemporaryOpening
from domain.handover.settings import HsmSettings
from domain.model import Model


class Handover(Model):
    """What the HSM is to have when it is handed over. What is absent is as the policy's environment has it."""

    private_endpoints: PrivateEndpoints | None = None
    """The private endpoints through which it is reached; they are made before it is activated."""
    temporary_opening: TemporaryOpening | None = None
    """How its firewall is opened to the service for a while, if it cannot be reached otherwise. Absent: never."""
    local_role_definitions: (
        Annotated[list[LocalRoleDefinition], Field(max_length=50), AfterValidator(check_definitions)] | None
    ) = None
    """Local roles of its own."""
    local_role_assignments: Annotated[list[LocalRoleAssignment], Field(max_length=50)] | None = None
    """Who is given which local role: not Azure RBAC."""
    settings: HsmSettings | None = None
    """The settings of its data plane."""
    keys: Annotated[list[FirstKey], Field(max_length=20), AfterValidator(check_keys)] | None = None
    """Its first keys."""
    diagnostics: Diagnostics | None = None
    """Where its logs go."""
    alerts: Alerts | None = None
    """Of what somebody is told."""
    full_backup: BackupRequest | None = None
    """Where it is backed up."""
    lock: Lock | None = None
    """The lock that it gets."""
    administration: Administration | None = None
    """Whether the service stays its administrator."""


def resolve(asked: Handover | None, default: Handover) -> Handover:
    """Give what an HSM is to have: what was asked for, and the policy's default where nothing was said."""
    named = asked or Handover()
    members = {
        name: asked_for if (asked_for := getattr(named, name)) is not None else getattr(default, name)
        for name in Handover.model_fields
    }
    return Handover(**members)


def lacks_workspace(handover: Handover) -> bool:
    """Say whether there are to be alerts on an audit log that goes to no workspace."""
    alerts, logs = handover.alerts, handover.diagnostics
    return alerts is not None and alerts.audit_log and (logs is None or logs.workspace is None)


def only_administration(handover: Handover) -> Handover:
    """Give what of a hand-over concerns the service's own rights: an HSM that was handed over is left with these."""
    return Handover(administration=handover.administration)


def only_network_and_administration(handover: Handover) -> Handover:
    """Give what of a hand-over a restore does: how the service reaches the HSM, and what it keeps of its own rights."""
    return Handover(
        private_endpoints=handover.private_endpoints,
        temporary_opening=handover.temporary_opening,
        administration=handover.administration,
    )


def gives_up(handover: Handover) -> bool:
    """Say whether the service gives its administration up: it does unless somebody said otherwise."""
    administration = handover.administration
    return administration is None or administration.give_up is not False
