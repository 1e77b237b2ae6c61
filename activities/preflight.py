"""Check everything that can be checked before money is spent, and pin what was checked."""

from activities.context import claim_of
from activities.pinning import candidate_of, pin, pin_keys, tell
from clients import archive
from clients.preflight import CHECKS, Candidate
from domain.custody import find_custody_warnings
from domain.names import resource_id
from domain.outcomes import Outcome, Work
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
        check_request(candidate.whole_request, candidate.now)
        for check in CHECKS:
            check.run(candidate)
        plan = _pin(claim, candidate)
    return tell(plan)


def _pin(claim: Claim, candidate: Candidate) -> Plan:
    request = claim.whole_request
    keys = pin_keys(request, candidate.require_keys())
    replaced = _find_replaced(candidate, request, keys)
    warnings = [OLD_QUORUM_STILL_OPENS] if replaced and not _is_for(replaced, request, keys) else []
    return pin(
        claim,
        resource_id(request.subscription_id, request.resource_group, claim.hsm),
        request,
        keys=keys,
        replaces=Replaced(operation_id=replaced.operation_id, sha256=replaced.sha256) if replaced else None,
        reason=candidate.export_reason,
        warnings=[*warnings, *find_custody_warnings(request), *candidate.administration_warnings],
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
