"""Accepting that an HSM which this service did not make is taken over."""

from clients import archive, resource_manager
from clients.ownership import find_usable_provider, hsm_exists, hsm_ours_already, is_ours
from domain.adoption import AdoptionRequest, parse_adoption, specify
from domain.errors import refused_fields
from domain.hsm import Hsm
from domain.policy_rules import find_refused_places
from domain.settings import deployment_policy
from triggers.door.calls import Answer, Call
from triggers.hsms.claiming import Accepted, Wanted, begin, find_last, join_running, try_until_settled
from triggers.hsms.permissions import choose_team, require_permission, settle_team
from triggers.hsms.resource import answer_accepted, hsm_name
from triggers.hsms.views import hsm_not_found


def adopt_hsm(call: Call) -> Answer:
    """Accept that an HSM is taken over, or find the operation that does it."""
    name, request = hsm_name(call), parse_adoption(call.body)
    _require_allowed(call, request)
    return answer_accepted(call, name, try_until_settled(lambda: _try_to_accept(call, name, request)))


def _try_to_accept(call: Call, name: str, request: AdoptionRequest) -> Accepted | None:
    """Accept an adoption by what is true now.

    Raises ServiceError: 404 `hsm_not_found` where Azure has none there, or it is another team's; 409
    `hsm_ours_already`, `hsm_exists`, `operation_in_progress`; 412 `precondition_failed`; 403 or 400 by the policy.
    """
    team = _settle_team(call, name, request)
    held = archive.find_claim(name)
    if held is not None and held.claim.running and held.claim.team != team:
        raise hsm_not_found()
    last = find_last(call, held)
    same = last is not None and (last.claim.kind, last.claim.digest) == ("adopt", request.digest())
    running = join_running(call, last, same=same)
    if running is not None:
        return running
    wanted = specify(_find(name, request, team), request)
    require_permission(call, name, team, wanted, "adopt")
    return begin(call, name, Wanted("adopt", team, wanted, request.digest()), last)


def _require_allowed(call: Call, request: AdoptionRequest) -> None:
    """Judge what the request says by itself, before anything is looked up: what is there is of others, too."""
    teamless = not call.grant.teams and not call.caller.operates
    if teamless or (request.team is not None and not call.sees(request.team)):
        choose_team(call, request.team)
    errors = find_refused_places(deployment_policy(), call.grant, request.environment, request.subscription_id)
    if errors:
        raise refused_fields(errors)


def _settle_team(call: Call, name: str, request: AdoptionRequest) -> str:
    record = archive.find_hsm_record(name)
    if record is not None and not call.sees(record.team):
        raise hsm_not_found()
    return settle_team(call, name, request.team)


def _find(name: str, request: AdoptionRequest, team: str) -> Hsm:
    """Find the HSM that is to be taken over."""
    find_usable_provider(request.subscription_id)
    hsm = resource_manager.find_hsm(request.subscription_id, request.resource_group, name)
    if hsm is None or hsm.provisioning_state == "Deleting":
        raise hsm_not_found()
    record = archive.find_hsm_record(name)
    if is_ours(hsm, record, team):
        raise hsm_ours_already()
    if record is not None and record.team != team:
        raise hsm_exists()
    return hsm
