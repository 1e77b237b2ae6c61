"""Check a change of an HSM against what is there, and pin it."""

from activities.context import claim_of, find_own_hsm, record_missing
from activities.pinning import check_policy, pin, tell
from clients import archive, resource_manager
from clients.backup_places import find_needed_identities
from clients.identities import require_identities
from clients.ownership import require_additional_regions, require_creation_allowed
from domain.changes import InPlaceChange, find_pending, find_removed_identities, keep_identities
from domain.errors import service_error
from domain.hsm import Hsm
from domain.outcomes import Outcome, Work
from domain.records import Claim, Plan


def preflight_update(work: Work) -> Outcome:
    """Hold the change against policy and Azure and write the plan, which is written once."""
    claim = claim_of(work, "update", cancelable=True)
    # Idempotent: a plan that exists was checked when it was written, and it alone holds.
    plan = archive.find_plan(claim.hsm, claim.operation_id)
    if plan is None:
        check_policy(claim, claim.request)
        plan = _pin(claim, find_own_hsm(claim.hsm, claim.team))
    return tell(plan)


def _pin(claim: Claim, hsm: Hsm) -> Plan:
    record = archive.find_hsm_record(claim.hsm)
    if record is None:
        raise record_missing()
    change = claim.change or InPlaceChange()
    removed = find_removed_identities(record.request, claim.request)
    change = change.model_copy(update={"removed_identities": removed})
    # Who asks for no identity may have full backups nevertheless: they are written with one.
    change = keep_identities(change, find_needed_identities(claim.request))
    _check_regions(change, hsm)
    attached = {f"identities[{index}]" for index, name in enumerate(claim.request.identities) if hsm.has_identity(name)}
    # What is attached already may be gone, and must not keep the HSM from another change.
    require_identities(claim.request.identities, but=attached)
    return pin(claim, hsm.resource_id, claim.request, change=change, warnings=[])


def _check_regions(change: InPlaceChange, hsm: Hsm) -> None:
    if not find_pending(change, hsm).extends:
        return
    require_creation_allowed()
    if not hsm.active:
        raise service_error(
            "hsm_not_active",
            "The HSM is not active, and Azure extends only one that is.",
            advice="Send its PUT with additionalRegions: once it is active, it is extended.",
        )
    _, _, subscription_id, *_ = hsm.resource_id.split("/")
    require_additional_regions(resource_manager.find_provider(subscription_id), change.additional_regions or [])
