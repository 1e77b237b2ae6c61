"""What changes something is recorded in the audit log: the intent before, the result after."""

from collections.abc import Callable
from typing import Final

from activities.context import claim_of
from clients.audit_log import record_intent, record_result
from domain.errors import ServiceError
from domain.outcomes import Outcome, Work

AUDITED: Final = frozenset({"create_resource_group", "provision_hsm", "download_security_domain"})


def run_audited(name: str, work: Work, run: Callable[[Work], Outcome]) -> Outcome:
    """Run an activity between two records; what cannot be recorded is not run.

    Raises what the activity raises; ServiceError `not_claimed`, `audit_unavailable`. A result that could not be
    recorded makes the step fail, so that it is looked at again.
    """
    # An operation that has ended has a closed chain, to which nobody adds.
    claim = claim_of(work)
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
    """Name the security domain that was stored, by its hash."""
    receipt = outcome.result.get("receipt", {})
    return {"sha256": receipt["sha256"], "export": receipt["export"]} if receipt else {}
