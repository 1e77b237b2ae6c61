"""What changes something is recorded in the audit log: the intent before, the result after."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Final

from activities.context import claim_of
from clients.audit_log import append, record_alone, record_intent, record_result
from domain.audit import AuditEvent
from domain.errors import ServiceError
from domain.onboarding import Conclusion
from domain.operations import Operation
from domain.outcomes import Outcome, Work
from domain.records import HsmRecord, Plan

AUDITED: Final = frozenset(
    {
        *("create_resource_group", "provision_hsm", "download_security_domain", "update_hsm", "adopt_hsm"),
        *("upload_security_domain", "back_up_hsm", "restore_backup", "give_up_administration"),
        *("create_private_endpoints", "delete_private_endpoints", "open_temporarily", "close_opening"),
        *("change_settings", "create_keys", "leave_keys", "define_local_roles", "assign_local_roles"),
        *("attach_backup_identity", "back_up", "delete_hsm", "purge_hsm", "delete_resource_group", "recover_hsm"),
        *("send_diagnostics", "create_alerts", "lock_hsm", "unlock_hsm", "delete_alerts"),
        *("add_regions", "remove_regions"),
    }
)


def run_audited(name: str, work: Work, run: Callable[[Work], Outcome]) -> Outcome:
    """Run an activity between two records; what cannot be recorded is not run.

    Raises what the activity raises; ServiceError `not_claimed`, `audit_unavailable`. A result that could not be
    recorded makes the step fail, so that it is looked at again.
    """
    # An operation that has ended has a closed chain, to which nobody adds.
    claim = claim_of(work, kind=None)
    intent = record_intent(work.operation_id, name, attempt=work.attempt or None, team=claim.team)
    try:
        outcome = run(work)
    except ServiceError as error:
        record_result(intent, error.detail.code)
        raise
    except Exception:
        record_result(intent, "unexpected_failure")
        raise
    record_result(intent, outcome.status, _account(outcome))
    return outcome


def _account(outcome: Outcome) -> dict[str, str | int | bool | None]:
    """Name the security domain that was stored, or brought into another HSM, by its hash, or the backup."""
    receipt, restored = outcome.result.get("receipt", {}), outcome.result.get("restored", {})
    if restored:
        return {"sha256": restored["sha256"], "source": restored["hsm"]}
    if "backup" in outcome.result:
        return {"backup": outcome.result["backup"]}
    return {"sha256": receipt["sha256"], "export": receipt["export"]} if receipt else {}


def record_expiry(plan: Plan, at: datetime) -> None:
    """Record that a plan is refused because nobody decided in time; raises ServiceError `audit_unavailable`."""
    append(
        AuditEvent(
            operation_id=plan.operation_id, at=at, kind="decision", hsm=plan.hsm, team=plan.team, outcome="expired"
        )
    )


def record_end(operation: Operation) -> None:
    """Close the chain of an operation; raises ServiceError `audit_unavailable`."""
    append(
        AuditEvent(
            operation_id=operation.id,
            at=datetime.now(UTC),
            kind="ended",
            hsm=operation.hsm,
            team=operation.team,
            outcome=operation.error.code if operation.error else operation.status,
        )
    )


def record_scheduled_backup(record: HsmRecord, outcome: str, **detail: str) -> None:
    """Record what becomes of a full backup by schedule, which is no operation; raises ServiceError `audit_unavailable`.

    It goes to the chain of the operation that made the HSM, or took it over.
    """
    append(
        AuditEvent(
            operation_id=record.created_by,
            at=datetime.now(UTC),
            kind="scheduled_backup",
            hsm=record.hsm,
            team=record.team,
            outcome=outcome,
            detail=dict(detail),
        )
    )


def record_decision_against(subscription_id: str, conclusion: Conclusion) -> None:
    """Record that nothing is begun for a subscription, and why; raises ServiceError `audit_unavailable`."""
    record_alone(
        AuditEvent(
            at=datetime.now(UTC),
            kind="onboarding",
            hsm=conclusion.hsm,
            outcome=conclusion.decision,
            detail={
                "subscriptionId": subscription_id,
                "why": conclusion.why,
                "error": conclusion.error.code if conclusion.error else None,
            },
        )
    )
