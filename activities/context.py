"""What every activity begins with: the claim that gives it the right to act, and the plan that says on what."""

from datetime import UTC, datetime
from typing import Final

from clients import archive, resource_manager
from clients.archive import HeldClaim, PinnedPlan
from clients.ownership import hsm_exists, is_ours
from domain.approvals import is_approved, require_approved
from domain.errors import ServiceError, service_error
from domain.fields import OperationKind
from domain.hsm import Hsm
from domain.names import hsm_of_operation, instance_id
from domain.outcomes import Work
from domain.records import Claim, ExportEntry, Plan
from domain.trace import follow

type Kinds = OperationKind | tuple[OperationKind, ...] | None

MAKING: Final[tuple[OperationKind, ...]] = ("provision", "restore")
"""The kinds of operations that make an HSM."""
EXPORTING: Final[tuple[OperationKind, ...]] = ("provision", "rewrap")
"""The kinds of operations that export a security domain."""
_ATTEMPTS: Final = 4


def now() -> datetime:
    """Give the time, to the second."""
    return datetime.now(UTC).replace(microsecond=0)


def claim_of(work: Work, kind: Kinds = "provision", *, cancelable: bool = False) -> Claim:
    """Read the claim of an operation of a kind, of one of several, or of any.

    Raises ServiceError `not_claimed` unless this operation holds the claim and still runs: whoever starts an
    orchestration by other means than the API gets nothing done, nor does one of another kind. `operation_canceled`
    where somebody asked for that and the step can be left: `cancelable`.
    """
    claim = hold(work, kind).claim
    if cancelable and claim.cancel is not None:
        raise operation_canceled()
    return claim


def commit(work: Work, kind: Kinds, *, anew: bool = False) -> None:
    """Have no cancel accepted from here on: what comes next cannot be left alone.

    The claim's ETag decides whether a cancel came before: ServiceError `operation_canceled` then. Raises
    `record_changed`, and as `claim_of` does. `anew` writes the claim also where another execution of the step committed
    before: it may be about to `release`, which then fails.
    """
    for _ in range(_ATTEMPTS):
        held = hold(work, kind)
        before = held.claim.committed_at
        # Idempotent: whoever committed was not canceled, and is not any more.
        if before is not None and not anew:
            return
        if before is None and held.claim.cancel is not None:
            raise operation_canceled()
        if archive.replace_claim(held.claim.model_copy(update={"committed_at": before or now()}), held.etag):
            return
    raise _contested()


def release(held: HeldClaim) -> None:
    """Have cancels accepted again, unless the claim was written since it was read.

    What could not be left alone was refused, and did not happen.
    """
    if held.claim.committed_at is not None:
        archive.replace_claim(held.claim.model_copy(update={"committed_at": None}), held.etag)


def _contested() -> ServiceError:
    return service_error(
        "record_changed", "The claim was changed meanwhile.", advice="It is tried again.", retryable=True
    )


def hold(work: Work, kind: Kinds) -> HeldClaim:
    """Read the claim of an operation, and the ETag that it has; raises ServiceError as `claim_of` does."""
    hsm = hsm_of_operation(work.operation_id)
    held = archive.find_claim(hsm) if hsm else None
    if held is None or held.claim.operation_id != work.operation_id or not held.claim.running:
        raise not_claimed()
    # Whoever may start orchestrations by other means could run a claimed operation twice at the same time.
    if work.instance_id != instance_id(held.claim.hsm) or not _includes(kind, held.claim.kind):
        raise not_claimed()
    follow(held.claim.trace)
    return held


def _includes(kind: Kinds, claimed: OperationKind) -> bool:
    return kind is None or claimed in (kind if isinstance(kind, tuple) else (kind,))


def pinned_plan_of(work: Work, kind: Kinds = "provision", *, cancelable: bool = False) -> PinnedPlan:
    """Read the plan of an operation, and its SHA-256; raises ServiceError `not_planned`, and as `claim_of` does."""
    claim = claim_of(work, kind, cancelable=cancelable)
    pinned = archive.find_pinned_plan(claim.hsm, claim.operation_id)
    if pinned is None:
        raise service_error("not_planned", "This operation has no plan.", advice="Send the request again.")
    return pinned


def plan_of(work: Work, kind: Kinds = "provision", *, cancelable: bool = False) -> Plan:
    """Read the plan of an operation; raises ServiceError as `pinned_plan_of` does."""
    return pinned_plan_of(work, kind, cancelable=cancelable).plan


def approved_plan_of(work: Work, kind: Kinds = "provision", *, cancelable: bool = False) -> Plan:
    """Read the plan of an operation, and make sure that it may be carried out.

    Raises ServiceError `approval_missing`, and as `pinned_plan_of` does. The decision is read each time: nothing that
    an orchestration says stands in for it.
    """
    pinned = pinned_plan_of(work, kind, cancelable=cancelable)
    require_approved(pinned.sha256, pinned.plan.approval_reasons, archive.find_decision(pinned.plan))
    return pinned.plan


def was_approved(plan: Plan) -> bool:
    """Say whether somebody approved exactly this plan, also where the operation has ended."""
    pinned = archive.find_pinned_plan(plan.hsm, plan.operation_id)
    return pinned is not None and is_approved(pinned.sha256, archive.find_decision(plan))


def export_entry(work: Work) -> ExportEntry:
    """Make an entry for the journal of an HSM's exports."""
    return ExportEntry(operation_id=work.operation_id, attempt=work.attempt, at=now())


def find_own_hsm(name: str, team: str) -> Hsm:
    """Find the HSM of our record.

    Raises ServiceError `record_missing`, `hsm_gone`, and `hsm_exists` where it is another of its name.
    """
    record = archive.find_hsm_record(name)
    if record is None:
        raise record_missing()
    _, _, subscription_id, _, resource_group, *_ = record.resource_id.split("/")
    hsm = resource_manager.find_hsm(subscription_id, resource_group, name)
    if hsm is None or hsm.provisioning_state == "Deleting":
        raise hsm_gone()
    if not is_ours(hsm, record, team):
        raise hsm_exists()
    return hsm


def record_missing() -> ServiceError:
    """Make the error of an HSM of which we have no record (any more)."""
    return service_error(
        "record_missing",
        "Our record of the HSM is gone.",
        advice="Restore the container hsm-records, then send the request again.",
    )


def hsm_gone() -> ServiceError:
    """Make the error of an HSM that is not there (any more)."""
    return service_error(
        "hsm_gone",
        "The HSM does not exist, or not any more: Azure did not make it, or somebody deleted it.",
        advice="If somebody deleted it and it is needed: az keyvault recover --hsm-name NAME; do not purge it.",
    )


def hsm_not_active() -> ServiceError:
    """Make the error of an HSM that is not active (yet)."""
    return service_error(
        "hsm_not_active",
        "The HSM is not active, so nothing of it can be exported, and nobody else administers it.",
        advice="Send the PUT again: it activates the HSM for the custodians that it names.",
    )


def operation_canceled() -> ServiceError:
    """Make the error of an operation that somebody asked to end."""
    return service_error(
        "operation_canceled",
        "The operation was canceled.",
        advice="Nothing was deleted. Send the request again to go on from what exists.",
    )


def not_claimed() -> ServiceError:
    """Make the error of an operation that has no right to act."""
    return service_error(
        "not_claimed",
        "This operation does not hold the claim on its HSM.",
        advice="Operations are started by the API only: send the request there.",
    )
