"""How many HSMs there are and may be: the policy's `maximumHsms`, over all teams."""

from datetime import UTC, datetime
from typing import Final

from clients.summaries import list_claims, list_hsm_records
from domain.errors import service_error
from domain.policy_rules import is_within_limit
from domain.settings import deployment_policy

_LONG_AGO: Final = datetime.min.replace(tzinfo=UTC)
_NOT_YET: Final = datetime.max.replace(tzinfo=UTC)


def require_place(hsm: str) -> None:
    """Raise ServiceError `hsm_limit_reached` unless this HSM is among as many as the policy allows.

    Asked before an HSM is claimed, when it is planned, and when it is about to be made: of two that come at the same
    instant each sees the other by then.
    """
    limit = deployment_policy().maximum_hsms
    if limit is None:
        return
    # What was made once has its place until it is purged, also while it is made again.
    recorded = [name for name, record in list_hsm_records().items() if record.billed]
    if hsm in recorded:
        return
    # What is not claimed yet comes after all that is.
    begun = {hsm: _NOT_YET} | _list_claimed() | dict.fromkeys(recorded, _LONG_AGO)
    if not is_within_limit(limit, hsm, begun):
        raise service_error(
            "hsm_limit_reached",
            f"There are {limit} HSMs or more, and the policy allows no other.",
            advice="Ask the platform's operators: the policy of the deployment decides this.",
        )


def _list_claimed() -> dict[str, datetime]:
    """List the HSMs that operations in progress are to make, with when each operation was accepted."""
    return {
        claim.hsm: _accepted_at(claim.operation_id)
        for claim in list_claims()
        if claim.running and claim.kind in ("provision", "restore")
    }


def _accepted_at(operation_id: str) -> datetime:
    """Read when an operation was accepted from its id, whose ULID has it to the millisecond."""
    from ulid import ULID

    return ULID.from_str(operation_id[-26:]).datetime
