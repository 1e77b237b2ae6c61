"""What every activity begins with: the claim that gives it the right to act, and the plan that says on what."""

from datetime import UTC, datetime

from clients import archive
from domain.errors import ServiceError, service_error
from domain.names import hsm_of_operation, instance_id
from domain.outcomes import Work
from domain.records import Claim, ExportEntry, Plan
from domain.trace import follow


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
    # Whoever may start orchestrations by other means could run a claimed operation twice at the same time.
    if work.instance_id != instance_id(held.claim.hsm):
        raise not_claimed()
    follow(held.claim.trace)
    return held.claim


def plan_of(work: Work) -> Plan:
    """Read the pinned plan of an operation that holds its claim; raises ServiceError `not_claimed` or `not_planned`."""
    claim = claim_of(work)
    plan = archive.find_plan(claim.hsm, claim.operation_id)
    if plan is None:
        raise service_error("not_planned", "This operation has no plan.", advice="Send the request again.")
    return plan


def export_entry(work: Work) -> ExportEntry:
    """Make an entry for the journal of an HSM's exports."""
    return ExportEntry(operation_id=work.operation_id, attempt=work.attempt, at=now())


def hsm_gone() -> ServiceError:
    """Make the error of an HSM that is not there (any more)."""
    return service_error(
        "hsm_gone",
        "The HSM does not exist, or not any more: Azure did not make it, or somebody deleted it.",
        advice="A deleted HSM is billed until it is purged. Send the request again to make a new one.",
    )


def not_claimed() -> ServiceError:
    """Make the error of an operation that has no right to act."""
    return service_error(
        "not_claimed",
        "This operation does not hold the claim on its HSM.",
        advice="Operations are started by the API only: send the request there.",
    )
