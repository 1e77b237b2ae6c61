"""What a caller may ask for, by the deployment's policy."""

from datetime import UTC, datetime

from clients import archive
from clients.ownership import hsm_exists
from domain.asking import require_allowed
from domain.errors import FieldError, refused_fields
from domain.fields import OperationKind
from domain.policy_rules import find_approval_reasons
from domain.requests import HsmSpecification
from domain.settings import deployment_policy
from triggers.calls import Call


def settle_team(call: Call, name: str, asked: str | None) -> str:
    """Settle for which team a caller asks: the one that it names, or its only one; of an HSM that is there, its owner.

    Raises ServiceError `team_missing`, `team_not_yours`, and `hsm_exists` where the HSM is another team's.
    """
    record = archive.find_hsm_record(name)
    if record is not None:
        if not call.sees(record.team) or asked not in (None, record.team):
            raise hsm_exists()
        return record.team
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


def require_permission(call: Call, name: str, team: str, request: HsmSpecification, kind: OperationKind) -> None:
    """Check a request by the policy and the caller's grant; raises ServiceError that names the fields."""
    now, operates = datetime.now(UTC), call.caller.operates
    require_allowed(deployment_policy(), call.grant, name, team, request, now, by_operator=operates, kind=kind)
    _require_person(call, request, kind)


def _require_person(call: Call, request: HsmSpecification, kind: OperationKind) -> None:
    """Require to know the person who asks, where approval is needed: nobody may approve what they asked for."""
    if call.caller.kind == "person":
        if request.requested_by not in (None, call.caller.object_id):
            message = "A person asks for themselves: leave requestedBy out."
            raise refused_fields([FieldError(field="requestedBy", message=message, code="requested_by_not_you")])
        return
    if request.requested_by is None and find_approval_reasons(
        deployment_policy(), request.environment, request.sku, kind
    ):
        message = "This needs approval, so name the person who asks, by object id: they cannot approve it themselves."
        raise refused_fields([FieldError(field="requestedBy", message=message, code="requested_by_missing")])
