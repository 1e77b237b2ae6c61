"""What a caller may ask for, by the deployment's policy."""

from datetime import UTC, datetime

from clients import archive
from clients.exports import find_export_reason
from clients.handovers import wanted_handover_of
from clients.ownership import hsm_exists
from domain.asking import require_allowed, require_person
from domain.errors import FieldError, refused_fields
from domain.fields import OperationKind
from domain.handover.opening import describe_opening
from domain.records import HsmRecord
from domain.requests import HsmSpecification
from domain.settings import deployment_policy
from triggers.door.calls import Call


def settle_team(call: Call, name: str, asked: str | None) -> str:
    """Settle for which team a caller asks: the one that it names, or its only one; of an HSM that is there, its owner.

    Raises ServiceError `team_missing`, `team_not_yours`, and `hsm_exists` where the HSM is another team's.
    """
    if not call.grant.teams and not call.caller.operates:
        # Who may ask for nothing is not told either which HSMs there are.
        return choose_team(call, asked)
    record = archive.find_hsm_record(name)
    if record is not None:
        if not call.sees(record.team) or asked not in (None, record.team):
            raise hsm_exists()
        return record.team
    return choose_team(call, asked)


def choose_team(call: Call, asked: str | None) -> str:
    """Choose the team of a new HSM; raises ServiceError `team_missing`, `team_not_yours`."""
    if asked is None:
        return _only_team(call)
    if asked not in call.grant.teams:
        message = "The policy does not count the caller to this team."
        raise refused_fields([FieldError(field="team", message=message, code="team_not_yours")])
    return asked


def _only_team(call: Call) -> str:
    teams = sorted(call.grant.teams)
    if len(teams) == 1:
        return teams[0]
    code, message = (
        ("team_missing", f"The caller is of several teams; name one: {', '.join(teams)}.")
        if teams
        else ("team_not_yours", "The policy counts the caller to no team.")
    )
    raise refused_fields([FieldError(field="team", message=message, code=code)])


def require_asker(call: Call, request: HsmSpecification, record: HsmRecord | None) -> None:
    """Require to know who asks for a provision that needs approval whatever the policy says; raises ServiceError.

    It does by what is there, or where it may open a firewall. `record` is that of the HSM that is there, None where
    there is none.
    """
    opening = wanted_handover_of(request).temporary_opening
    reason = find_export_reason(record, request) or (describe_opening(opening) if opening else None)
    require_person(deployment_policy(), call.caller.principal, request, "provision", reason=reason)


def require_permission(
    call: Call, name: str, team: str, request: HsmSpecification, kind: OperationKind, *, extends: bool = False
) -> None:
    """Check a request by the policy and the caller's grant; raises ServiceError that names the fields.

    `extends` says of an update that it brings the HSM into another region, which costs.
    """
    policy, now = deployment_policy(), datetime.now(UTC)
    require_allowed(policy, call.grant, name, team, request, now, by_operator=call.caller.operates, kind=kind)
    require_person(policy, call.caller.principal, request, kind, extends=extends)
