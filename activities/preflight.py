"""Check everything that can be checked before money is spent, and pin what was checked."""

from activities.context import claim_of
from activities.granting import run_checks, tell_granted
from activities.pinning import candidate_of, pin, pin_keys, tell
from clients import archive
from clients.preflight import CHECKS, Candidate
from domain.custody import find_custody_warnings
from domain.names import resource_id
from domain.outcomes import Outcome, Work, done
from domain.records import Claim, PinnedKey, Plan, Receipt, Replaced
from domain.requests import HsmRequest, check_request
from domain.rewrapping import OLD_QUORUM_STILL_OPENS


def preflight(work: Work) -> Outcome:
    """Check the request against Azure, pin the wrapping certificates and write the plan, which is written once."""
    claim = claim_of(work, cancelable=True)
    # Idempotent: a plan that exists was checked when it was written, and it alone holds.
    plan = archive.find_plan(claim.hsm, claim.operation_id)
    if plan is None:
        candidate = candidate_of(claim)
        # Whether the certificates are valid is asked with the other checks of keys, where something is exported.
        check_request(candidate.whole_request)
        run_checks(candidate, CHECKS)
        plan = _pin(claim, candidate)
    return done(**tell(plan).result, **tell_granted(claim.hsm))


def _pin(claim: Claim, candidate: Candidate) -> Plan:
    request = claim.whole_request
    # What is stored as asked is not exported again because a certificate has a newer version by now.
    keys = candidate.kept_keys or pin_keys(request, candidate.require_keys())
    replaced = _find_replaced(candidate, request, keys)
    warnings = [OLD_QUORUM_STILL_OPENS] if replaced and not _is_for(replaced, request, keys) else []
    return pin(
        claim,
        resource_id(request.subscription_id, request.resource_group, claim.hsm),
        request,
        keys=keys,
        handover=candidate.handover,
        backup_target=candidate.backup_target,
        confirmed_administrators=candidate.unconfirmed_administrators,
        replaces=Replaced(operation_id=replaced.operation_id, sha256=replaced.sha256) if replaced else None,
        reason=candidate.reason,
        warnings=[
            *warnings,
            *find_custody_warnings(request),
            *candidate.administration_warnings,
            *candidate.principal_warnings,
        ],
    )


def _find_replaced(candidate: Candidate, request: HsmRequest, keys: list[PinnedKey]) -> Receipt | None:
    """Find the receipt of the security domain that the HSM has, where another one is to be stored in its place."""
    record = candidate.record if candidate.existing else None
    receipt = record.security_domain if record else None
    if receipt is None or (_is_for(receipt, request, keys) and archive.is_kept(receipt)):
        return None
    return receipt


def _is_for(receipt: Receipt, request: HsmRequest, keys: list[PinnedKey]) -> bool:
    asked = [key.thumbprint for key in keys], request.security_domain.quorum
    return (receipt.thumbprints, receipt.quorum) == asked
