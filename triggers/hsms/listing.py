"""The list of HSMs: what we keep of them, and what Azure says of those that are shown."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import NamedTuple

from clients import summaries
from clients.many_subscriptions import list_hsms_of
from clients.ownership import is_ours
from clients.summaries import VerificationSummary
from domain.decommissioning import state_without_hsm
from domain.hsm import Hsm
from domain.paging import Position
from domain.policy_rules import monthly_cost
from domain.settings import deployment_policy
from domain.summaries import ClaimSummary, HsmRecordSummary
from triggers.door.calls import Answer, Call
from triggers.lists.page_links import cut
from triggers.lists.queries import HsmListQuery
from triggers.operations.glances import status_of
from triggers.representations import HsmPage, HsmSummary, LastOperation


class _Kept(NamedTuple):
    """What we keep of an HSM: its last claim, and its record once it was to be made."""

    claim: ClaimSummary
    record: HsmRecordSummary | None

    @property
    def name(self) -> str:
        return self.claim.hsm

    @property
    def described(self) -> ClaimSummary | HsmRecordSummary:
        return self.record or self.claim

    @property
    def created_at(self) -> datetime:
        return self.record.created_at if self.record else self.claim.claimed_at

    @property
    def cost(self) -> float | None:
        # What was never made costs nothing, nor does what is purged.
        record = self.record
        if record is None or not record.billed:
            return None
        return monthly_cost(deployment_policy(), record.sku, record.additional_regions)


class _Seen(NamedTuple):
    """What we keep of an HSM, and how Azure sees it."""

    kept: _Kept
    state: str
    hsm: Hsm | None = None


def list_hsms(call: Call) -> Answer:
    """List the HSMs that exist for the caller; a list by state asks Azure for all of them, any other for a page."""
    query: HsmListQuery = call.query
    fleet = [kept for kept in _find_kept() if call.sees(kept.claim.team) and _matches(kept, query)]
    seen: dict[str, _Seen] = {}
    if query.state is not None:
        seen = _look(fleet)
        fleet = [kept for kept in fleet if seen[kept.name].state == query.state]
    page = cut(call, "hsms", fleet, lambda kept: _place(kept, query.order.by))
    seen = seen or _look(page.items)
    verifications = summaries.list_verifications()
    value = [_show(call, seen[kept.name], verifications.get(kept.name)) for kept in page.items]
    return Answer(200, HsmPage(value=value, next_link=page.next_link))


def _find_kept() -> list[_Kept]:
    records = summaries.list_hsm_records()
    kept = [_Kept(claim, _record_of(claim, records)) for claim in summaries.list_claims()]
    # Until it is taken over, an HSM is not the team's: its name does not exist.
    return [one for one in kept if one.record is not None or one.claim.kind != "adopt"]


def _record_of(claim: ClaimSummary, records: dict[str, HsmRecordSummary]) -> HsmRecordSummary | None:
    """Give the record that belongs to a claim: another team's is of an HSM that had the name before."""
    record = records.get(claim.hsm)
    return record if record is not None and record.team == claim.team else None


def _matches(kept: _Kept, query: HsmListQuery) -> bool:
    described = kept.described
    asked = (
        (query.team, kept.claim.team),
        (query.environment, described.environment),
        (query.location, described.location),
    )
    return all(wanted is None or wanted == value for wanted, value in asked)


def _place(kept: _Kept, by: str) -> Position:
    # What costs an unknown sum comes before what costs little: no HSM is free.
    numbers = {"createdAt": kept.created_at.timestamp(), "monthlyCostUsd": -1.0 if kept.cost is None else kept.cost}
    return Position(numbers.get(by, 0.0), kept.name)


def _look(fleet: Sequence[_Kept]) -> dict[str, _Seen]:
    """Ask Azure how HSMs are, once for each subscription; one that it does not answer for is Unknown."""
    answers = list_hsms_of({kept.record.subscription_id for kept in fleet if kept.record is not None})
    by_id = {hsm.resource_id.lower(): hsm for hsms in answers.values() for hsm in hsms}
    return {kept.name: _see(kept, answers.keys(), by_id) for kept in fleet}


def _see(kept: _Kept, answered: Collection[str], by_id: Mapping[str, Hsm]) -> _Seen:
    if kept.record is None:
        return _Seen(kept, "NotCreated")
    if kept.record.subscription_id not in answered:
        return _Seen(kept, "Unknown")
    hsm = by_id.get(kept.record.resource_id.lower())
    if hsm is None:
        return _Seen(kept, state_without_hsm(kept.record.decommissioned))
    if not is_ours(hsm, kept.record, kept.claim.team):
        return _Seen(kept, "NotFound")
    return _Seen(kept, hsm.state, hsm)


def _show(call: Call, seen: _Seen, verification: VerificationSummary | None) -> HsmSummary:
    claim, described, hsm = seen.kept.claim, seen.kept.described, seen.hsm
    return HsmSummary(
        name=seen.kept.name,
        team=claim.team,
        environment=described.environment,
        location=hsm.location if hsm else described.location,
        sku=hsm.sku if hsm else described.sku,
        state=seen.state,
        uri=hsm.uri if hsm else None,
        resource_id=described.resource_id,
        created_at=seen.kept.created_at,
        expires_at=described.expires_at,
        monthly_cost_usd=monthly_cost(deployment_policy(), hsm.sku, hsm.additional_regions) if hsm else seen.kept.cost,
        quorum_health=verification.quorum_health if verification else "Unknown",
        verified_at=verification.verified_at if verification else None,
        last_operation=LastOperation(id=claim.operation_id, kind=claim.kind, status=status_of(claim, call.client)),
    )
