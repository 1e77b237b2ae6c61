"""Accepting that the security domain of an active HSM is exported again, for other custodians."""

from datetime import UTC, datetime
from typing import Final

from clients import archive
from clients.ownership import require_destruction_and_export_allowed
from domain.errors import service_error
from domain.records import HsmRecord
from domain.rewrapping import RewrapRequest, parse_rewrap, rewrap
from triggers.door.calls import Answer, Call
from triggers.hsms.claiming import Accepted, Wanted, begin, find_last, join_running, try_until_settled
from triggers.hsms.permissions import require_permission
from triggers.hsms.resource import answer_accepted, hsm_name
from triggers.hsms.views import hsm_not_found

_KIND: Final = "rewrap"


def rewrap_security_domain(call: Call) -> Answer:
    """Accept that an HSM's security domain is re-wrapped, or find the operation that does it."""
    name, asked = hsm_name(call), parse_rewrap(call.body)
    return answer_accepted(call, name, try_until_settled(lambda: _try_to_accept(call, name, asked)))


def _try_to_accept(call: Call, name: str, asked: RewrapRequest) -> Accepted | None:
    """Accept a re-wrap by what is true now.

    Raises ServiceError: 404 `hsm_not_found`, also where the HSM is another team's; 409 `security_domain_missing`,
    `operation_in_progress`; 412 `precondition_failed`; 503 `destruction_and_export_stopped`; 403 or 400 by the policy.
    """
    held = archive.find_claim(name)
    record = archive.find_hsm_record(name)
    if held is None or record is None or not call.sees(record.team) or not call.sees(held.claim.team):
        raise hsm_not_found()
    _require_exported(record)
    request = rewrap(record.request, asked, datetime.now(UTC))
    require_permission(call, name, record.team, request, _KIND)
    last = find_last(call, held)
    same = last is not None and (last.claim.kind, last.claim.digest) == (_KIND, request.digest())
    running = join_running(call, last, same=same)
    if running is not None:
        return running
    require_destruction_and_export_allowed()
    return begin(call, name, Wanted(_KIND, record.team, request, request.digest()), last)


def _require_exported(record: HsmRecord) -> None:
    """Raise ServiceError `security_domain_missing` where no security domain of an HSM was ever recorded.

    What became of its bytes does not matter: it is exported anew.
    """
    if record.security_domain is None:
        raise service_error(
            "security_domain_missing",
            "This service has no security domain of the HSM that could be re-wrapped.",
            advice="Send a PUT with the wrapping keys: it exports the security domain for the first time.",
        )
