"""Check for whom a security domain is to be exported again, and pin their certificates."""

from activities.context import claim_of, find_own_hsm, hsm_not_active, record_missing
from activities.granting import run_checks, tell_granted
from activities.pinning import candidate_of, pin, pin_keys, tell
from clients import archive
from clients.ownership import require_destruction_and_export_allowed
from clients.preflight import REWRAP_CHECKS
from domain.custody import find_custody_warnings
from domain.errors import service_error
from domain.handover.request import only_administration
from domain.hsm import Hsm
from domain.outcomes import Outcome, Work, done
from domain.records import Claim, Plan, Receipt, Replaced
from domain.rewrapping import OLD_QUORUM_STILL_OPENS


def preflight_rewrap(work: Work) -> Outcome:
    """Check the new wrapping keys by the policy, pin them and write the plan, which is written once."""
    claim = claim_of(work, "rewrap", cancelable=True)
    hsm = find_own_hsm(claim.hsm, claim.team)
    if not hsm.active:
        raise hsm_not_active()
    # Idempotent: a plan that exists was checked when it was written, and it alone holds.
    plan = archive.find_plan(claim.hsm, claim.operation_id) or _pin(claim, hsm)
    told = tell(plan)
    return done(**told.result, resourceId=hsm.resource_id, uri=hsm.uri, **tell_granted(claim.hsm))


def _pin(claim: Claim, hsm: Hsm) -> Plan:
    request = claim.whole_request
    candidate = candidate_of(claim)
    run_checks(candidate, REWRAP_CHECKS)
    require_destruction_and_export_allowed()
    keys = pin_keys(request, candidate.require_keys())
    before = _find_before(claim.hsm)
    same = sorted(before.thumbprints) == sorted(key.thumbprint for key in keys)
    if same and before.quorum == request.security_domain.quorum and archive.is_kept(before):
        raise service_error(
            "rewrap_changes_nothing",
            "The stored security domain is encrypted to exactly these certificates, with this quorum.",
            advice="Nothing is to be done. Name other certificates, or new versions of these.",
        )
    return pin(
        claim,
        hsm.resource_id,
        request,
        keys=keys,
        handover=only_administration(candidate.handover),
        confirmed_administrators=candidate.unconfirmed_administrators,
        reason=candidate.reason,
        replaces=Replaced(operation_id=before.operation_id, sha256=before.sha256),
        warnings=[OLD_QUORUM_STILL_OPENS, *find_custody_warnings(request)],
    )


def _find_before(name: str) -> Receipt:
    """Give the receipt of the security domain that is to be replaced."""
    record = archive.find_hsm_record(name)
    if record is None or record.security_domain is None:
        raise record_missing()
    return record.security_domain
