"""What every activity begins with: the claim that gives it the right to act, and the plan that says on what."""

from datetime import UTC, datetime

from clients import archive
from domain.errors import ServiceError, service_error
from domain.names import hsm_of_operation
from domain.outcomes import Work
from domain.records import Claim, Plan


def now() -> datetime:
    """Give the time, to the second."""
    return datetime.now(UTC).replace(microsecond=0)


def claim_of(work: Work) -> Claim:
    """Read the claim of an operation.

    Raises ServiceError `not_claimed` unless this operation holds the claim and still runs: whoever starts an
    orchestration by other means than the API gets nothing done.
    """
    hsm = hsm_of_operation(work.operation_id)
    held = archive.find_claim(hsm) if hsm else None
    if held is None or held.claim.operation_id != work.operation_id or not held.claim.running:
        raise not_claimed()
    return held.claim


def plan_of(work: Work) -> Plan:
    """Read the pinned plan of an operation that holds its claim; raises ServiceError `not_claimed` or `not_planned`."""
    claim = claim_of(work)
    plan = archive.find_plan(claim.hsm, claim.operation_id)
    if plan is None:
        raise service_error("not_planned", "This operation has no plan.", advice="Send the request again.")
    return plan


def not_claimed() -> ServiceError:
    """Make the error of an operation that has no right to act."""
    return service_error(
        "not_claimed",
        "This operation does not hold the claim on its HSM.",
        advice="Operations are started by the API only: send the request there.",
    )
