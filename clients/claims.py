"""Claims that this service makes of itself: a schedule found something due, or a subscription appeared."""

from datetime import UTC, datetime
from typing import NamedTuple

from clients import archive
from clients.credential import own_identity
from domain.caller import Principal
from domain.fields import OperationKind, Origin
from domain.records import Claim
from domain.requests import HsmRequest, HsmSpecification
from domain.settings import settings


class Due(NamedTuple):
    """An operation that is due on an HSM, and why there is one."""

    hsm: str
    kind: OperationKind
    origin: Origin
    team: str
    request: HsmRequest | HsmSpecification
    purges: bool = False


def claim_what_is_due(due: Due) -> Claim | None:
    """Claim an HSM's name for what is due; None where another operation runs, or somebody was faster.

    Asked again it gives the claim that it made: whoever died before it was started finds it, and starts it.
    """
    held = archive.find_claim(due.hsm)
    if held is not None and held.claim.running:
        return held.claim if _is_for(held.claim, due) else None
    claim = _make_claim(due)
    # The claim decides: of a request and a schedule at the same instant one writes it.
    won = archive.create_claim(claim) if held is None else archive.replace_claim(claim, held.etag)
    if won:
        return claim
    again = archive.find_claim(due.hsm)
    # The SDK sends a write again whose answer was lost.
    return claim if again is not None and again.claim.operation_id == claim.operation_id else None


def _is_for(claim: Claim, due: Due) -> bool:
    mine = (claim.kind, claim.origin, claim.digest, claim.purges)
    return mine == (due.kind, due.origin, due.request.digest(), due.purges)


def _make_claim(due: Due) -> Claim:
    from ulid import ULID

    return Claim(
        hsm=due.hsm,
        operation_id=f"{due.hsm}-{ULID()}",
        kind=due.kind,
        origin=due.origin,
        team=due.team,
        requester=Principal(tenant_id=settings().tenant_id, object_id=own_identity().object_id, kind="application"),
        grant_ids=[],
        request=due.request,
        purges=due.purges,
        digest=due.request.digest(),
        claimed_at=datetime.now(UTC).replace(microsecond=0),
    )
