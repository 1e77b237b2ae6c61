"""Claims that this service makes of itself: a schedule found something due, or a subscription appeared."""

from datetime import UTC, datetime
from typing import NamedTuple

from clients import archive
from clients.archive import HeldClaim
from clients.credential import own_identity
from domain.caller import Principal
from domain.changes import InPlaceChange
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
    change: InPlaceChange | None = None


def claim_what_is_due(due: Due, seen: HeldClaim | None = None) -> Claim | None:
    """Claim an HSM's name for what is due; None where another operation runs, or somebody was faster.

    `seen` is the claim under which it was found due: where there is another one by now, nobody knows whether it is.
    Asked again it gives the claim that it made: whoever died before it was started finds it, and starts it.
    """
    held = archive.find_claim(due.hsm)
    if held is not None and held.claim.running:
        return held.claim if _is_for(held.claim, due) else None
    if seen is not None and (held is None or held.etag != seen.etag):
        return None
    claim = _make_claim(due)
    # The claim decides: of a request and a schedule at the same instant one writes it.
    won = archive.create_claim(claim) if held is None else archive.replace_claim(claim, held.etag)
    if won:
        return claim
    again = archive.find_claim(due.hsm)
    # The SDK sends a write again whose answer was lost.
    return claim if again is not None and again.claim.operation_id == claim.operation_id else None


def _is_for(claim: Claim, due: Due) -> bool:
    mine = (claim.kind, claim.origin, claim.digest, claim.purges, claim.change)
    return mine == (due.kind, due.origin, due.request.digest(), due.purges, due.change)


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
        change=due.change,
        purges=due.purges,
        digest=due.request.digest(),
        claimed_at=datetime.now(UTC).replace(microsecond=0),
    )
