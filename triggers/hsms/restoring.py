"""Accepting that the security domain of an HSM is restored into a new one."""

from clients import archive
from clients.hsm_limit import require_place
from clients.ownership import hsm_exists, require_not_stopped, require_usable_subscription
from clients.restores import find_kept_domain, require_restorable, source_not_found
from domain.errors import refused_fields
from domain.hsm import Hsm
from domain.policy_rules import require_backup_place
from domain.records import HsmRecord, PinnedSource
from domain.restores import RestoreRequest, parse_restore
from domain.settings import deployment_policy
from triggers.door.calls import Answer, Call
from triggers.hsms.acceptance import find_lasting_differences, find_team_hsm
from triggers.hsms.claiming import Accepted, Wanted, begin, find_last, join_running, try_until_settled
from triggers.hsms.permissions import require_permission, settle_team
from triggers.hsms.resource import answer_accepted, hsm_name


def restore_hsm(call: Call) -> Answer:
    """Accept that a security domain is restored, or find the operation that does it."""
    name = hsm_name(call)
    request = parse_restore(call.body, name)
    team = settle_team(call, name, request.team)
    require_permission(call, name, team, request.specification(), "restore")
    if request.backup is not None:
        require_backup_place(deployment_policy(), request.backup.container)
    return answer_accepted(call, name, try_until_settled(lambda: _try_to_accept(call, name, team, request)))


def _try_to_accept(call: Call, name: str, team: str, request: RestoreRequest) -> Accepted | None:
    """Accept a restore by what is true now.

    Raises ServiceError: 404 `hsm_not_found`, `security_domain_not_found` of the source; 409 `operation_in_progress`,
    `hsm_exists`, `hsm_ours_already`, `hsm_differs`, `hsm_soft_deleted`; 403 or 400 by the policy and the subscription.
    """
    held = archive.find_claim(name)
    if held is not None and held.claim.running and held.claim.team != team:
        raise hsm_exists()
    last = find_last(call, held)
    same = last is not None and (last.claim.kind, last.claim.digest) == ("restore", request.digest())
    running = join_running(call, last, same=same)
    if running is not None:
        return running
    source = _find_source(call, request)
    wanted, record = request.specification(), archive.find_hsm_record(name)
    require_usable_subscription(wanted.subscription_id, wanted.location)
    hsm = find_team_hsm(name, team, wanted, record)
    require_not_stopped(hsm, "restore")
    if hsm is None:
        require_place(name)
    _require_resumable(hsm, record, source, request)
    claimed = Wanted(
        "restore",
        team,
        wanted,
        request.digest(),
        source=source.hsm,
        source_operation_id=source.operation_id,
        backup=request.backup,
    )
    return begin(call, name, claimed, last)


def _find_source(call: Call, request: RestoreRequest) -> PinnedSource:
    """Find what is to be restored; to whom it does not belong it does not exist."""
    record = archive.find_hsm_record_of(request.source.hsm, request.source.operation_id)
    if record is None or not call.sees(record.team):
        raise source_not_found()
    return find_kept_domain(record).source


def _require_resumable(
    hsm: Hsm | None, record: HsmRecord | None, source: PinnedSource, request: RestoreRequest
) -> None:
    """Take an HSM that is there only to go on with it: ours, as asked, and not active with anything else."""
    if hsm is None or record is None:
        return
    require_restorable(hsm, record, source, request.backup)
    differences = find_lasting_differences(hsm, record.request, request)
    if differences:
        raise refused_fields(differences)
