"""Which accepted operations should have begun, and which subscriptions should have an HSM."""

from datetime import UTC, datetime, timedelta
from typing import Any, Final

import pytest

from domain.caller import Principal
from domain.decommissioning import Decommissioned
from domain.drift_findings import AbandonedOperation, AbandonedOutcome, MissingHsm
from domain.errors import ErrorDetail
from domain.lost_starts import (
    BEGINS_WITHIN,
    FORGOTTEN_AFTER,
    INTERRUPTED,
    LEFT_FOR,
    Abandoned,
    BegunHsm,
    Waiting,
    find_missing,
    find_next,
    group_begun,
    is_left,
    is_lost,
    is_overdue,
    name_abandonment,
    name_opt_in,
)
from domain.names import resource_id
from domain.new_subscriptions import hsm_name_for, is_named_for
from domain.policy import NewSubscriptions
from domain.settings import Settings
from domain.summaries import ClaimSummary, HsmRecordSummary

NOW: Final = datetime(2026, 11, 30, 12, tzinfo=UTC)
SUBSCRIPTIONS: Final = [f"00000000-0000-4000-8000-00000000000{number}" for number in range(6)]
FIRST: Final = SUBSCRIPTIONS[0]
HSM: Final = hsm_name_for("sub", FIRST)
_ALIKE: Final[dict[str, Any]] = {
    "team": "team-a",
    "environment": "development",
    "location": "norwayeast",
    "sku": "Standard_B1",
}


def claim(hsm: str = HSM, subscription_id: str = FIRST, **changes: Any) -> ClaimSummary:
    members: dict[str, Any] = {
        "hsm": hsm,
        "operation_id": f"{hsm}-01HZZZZZZZZZZZZZZZZZZZZZZZ",
        "kind": "provision",
        "requester": Principal(tenant_id="t", object_id="o", kind="application"),
        "claimed_at": NOW - timedelta(hours=1),
        "running": True,
        "resource_id": resource_id(subscription_id, "rg", hsm),
    }
    return ClaimSummary(**{**_ALIKE, **members, **changes})


def record(hsm: str = HSM, subscription_id: str = FIRST, *, dead: bool = False) -> HsmRecordSummary:
    return HsmRecordSummary(
        **_ALIKE,
        hsm=hsm,
        resource_id=resource_id(subscription_id, "rg", hsm),
        created_at=NOW,
        decommissioned=Decommissioned(operation_id="o", asked_at=NOW, was_active=True) if dead else None,
    )


def purged(hsm: str) -> HsmRecordSummary:
    gone = Decommissioned(operation_id="o", asked_at=NOW, was_active=True, purged_at=NOW)
    return record(hsm).model_copy(update={"decommissioned": gone})


def missing(
    *opted_in: str,
    begun: dict[str, list[BegunHsm]] | None = None,
    looked_at: dict[str, datetime] | None = None,
    waiting: Waiting = "over_limit",
) -> list[MissingHsm]:
    return find_missing("sub", opted_in, begun or {}, looked_at or {}, NOW, waiting=waiting)


@pytest.mark.parametrize(
    ("age", "running", "overdue"),
    [
        (BEGINS_WITHIN + timedelta(seconds=1), True, True),
        (BEGINS_WITHIN, True, False),
        (timedelta(0), True, False),
        (timedelta(days=9), False, False),
    ],
)
def test_what_was_accepted_a_moment_ago_is_left_alone(*, age: timedelta, running: bool, overdue: bool) -> None:
    assert is_overdue(claim(claimed_at=NOW - age, running=running), NOW) == overdue


@pytest.mark.parametrize(
    ("claims", "records", "tombstone"),
    [
        ([claim()], [], False),
        ([claim(running=False)], [], False),
        ([], [record()], False),
        ([claim(running=False)], [record()], False),
        ([claim(running=False)], [record(dead=True)], True),
        ([], [record(dead=True)], True),
        ([claim()], [record(dead=True)], False),
    ],
)
def test_what_was_begun(claims: list[ClaimSummary], records: list[HsmRecordSummary], *, tombstone: bool) -> None:
    begun = group_begun(claims, {one.hsm: one for one in records})
    there = bool(records) or any(one.running for one in claims)
    assert begun == {FIRST: [BegunHsm(HSM, tombstone, there)]}
    found = missing(FIRST, begun=begun)
    assert [one.outcome for one in found] == (["tombstone"] if tombstone else [])


def test_an_hsm_of_another_prefix_is_the_subscriptions_own_and_of_another_name_is_not() -> None:
    before = hsm_name_for("earlier", FIRST)
    assert is_named_for(before, FIRST)
    assert not is_named_for(before, SUBSCRIPTIONS[1])
    assert missing(FIRST, begun={FIRST: [BegunHsm(before, tombstone=False)]}) == []
    assert [one.hsm for one in missing(FIRST, begun={FIRST: [BegunHsm(before, tombstone=True)]})] == [before]
    others = ["payments", "payments-a", before[:-1], f"{before[:-1]}-", "a-" + "b" * 22]
    assert not any(is_named_for(other, FIRST) for other in others)
    (found,) = missing(FIRST, begun={FIRST: [BegunHsm(other, tombstone=True) for other in others]})
    assert (found.outcome, found.hsm) == ("over_limit", HSM)


@pytest.mark.parametrize(
    ("claims", "records", "there"),
    [
        ([claim("payments")], [], True),
        ([claim("payments", running=False)], [record("payments")], True),
        ([claim("payments", running=False)], [], False),
        ([claim("payments", running=False)], [purged("payments")], False),
        ([], [record("payments"), record(dead=True)], True),
        ([claim("payments", SUBSCRIPTIONS[1])], [record("payments", SUBSCRIPTIONS[1])], False),
    ],
)
def test_a_subscription_with_an_hsm_of_ours_is_not_missing_whatever_its_name(
    claims: list[ClaimSummary], records: list[HsmRecordSummary], *, there: bool
) -> None:
    begun = group_begun(claims, {one.hsm: one for one in records})
    assert [one.outcome for one in missing(FIRST, begun=begun)] == ([] if there else ["over_limit"])


def test_another_opt_in_is_named_otherwise() -> None:
    new = NewSubscriptions.model_validate(
        {"optIn": {"tag": {"name": "hsm", "value": "wanted"}}, "team": "team-a", "namePrefix": "sub", "request": {}}
    )
    names = [name_opt_in(new, subscriptions) for subscriptions in ([FIRST], ["*"], [FIRST, SUBSCRIPTIONS[1]])]
    assert len({*names, name_opt_in(new.model_copy(update={"name_prefix": "other"}), [FIRST])}) == 4
    assert name_opt_in(new, SUBSCRIPTIONS[:2]) == name_opt_in(new, [SUBSCRIPTIONS[1], FIRST])


def test_whichever_was_looked_at_longest_ago_comes_first_and_tombstones_last() -> None:
    a, b, c, d, e, f = SUBSCRIPTIONS
    looked_at = {
        b: NOW - timedelta(hours=1),
        c: NOW - timedelta(hours=2),
        d: NOW - BEGINS_WITHIN,
        f: NOW - timedelta(days=9),
    }
    begun = {e: [BegunHsm(hsm_name_for("sub", e), tombstone=True)]}
    found = missing(e, d, b, a, c, f, begun=begun, looked_at=looked_at, waiting="report_only")
    assert [(one.subscription_id, one.outcome) for one in found] == [
        (a, "report_only"),
        (f, "report_only"),
        (c, "report_only"),
        (b, "report_only"),
        (e, "tombstone"),
    ]
    assert find_next(found, 100) is None


def test_what_the_engine_may_have_forgotten_is_not_begun_anew() -> None:
    shortest = timedelta(days=least_history_days())
    assert is_lost(NOW - shortest, NOW)
    assert not is_lost(NOW - timedelta(hours=22), NOW)


def least_history_days() -> int:
    """Give the least for which the engine keeps what ended."""
    (least,) = (item.ge for item in Settings.model_fields["history_days"].metadata if hasattr(item, "ge"))
    return int(least)


@pytest.mark.parametrize(
    ("outcome", "code", "abandoned", "after"),
    [
        ("report_only", None, "never_began", FORGOTTEN_AFTER),
        ("failed", INTERRUPTED, "interrupted", LEFT_FOR),
        ("failed", "record_unreadable", None, None),
        ("started", None, None, None),
        ("over_limit", None, None, None),
    ],
)
def test_what_nobody_asked_for_again_is_ended_whether_it_began_or_not(
    outcome: AbandonedOutcome, code: str | None, abandoned: Abandoned | None, after: timedelta | None
) -> None:
    found = AbandonedOperation(
        hsm=HSM, operation_id="o", claimed_at=NOW, outcome=outcome, error=error(code) if code else None
    )
    assert name_abandonment(found) == abandoned
    if abandoned is not None and after is not None:
        assert not is_left(abandoned, NOW - after, NOW)
        assert is_left(abandoned, NOW - after - timedelta(seconds=1), NOW)


def error(code: str) -> ErrorDetail:
    return ErrorDetail(code=code, message="m", advice="a", retryable=False)


def test_what_was_tried_counts_and_what_was_never_to_be_does_not() -> None:
    waiting = missing(*SUBSCRIPTIONS)
    assert find_next(waiting, 1) == waiting[0]
    assert find_next(waiting, 0) is None
    started = waiting[0].model_copy(update={"outcome": "started"})
    failed = waiting[1].model_copy(update={"outcome": "failed", "error": error("engine_unavailable")})
    interrupted = waiting[2].model_copy(update={"outcome": "failed", "error": error(INTERRUPTED)})
    tombstone = waiting[3].model_copy(update={"outcome": "tombstone"})
    tried = [started, failed, interrupted, tombstone, *waiting[4:]]
    assert find_next(tried, 2) is None
    assert find_next(tried, 3) == waiting[4]
