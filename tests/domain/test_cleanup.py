"""What becomes of HSMs: whatever fleet, clock and policy, only what costs money for nothing, and is surely ours."""

from datetime import UTC, datetime, timedelta
from typing import Any, Final, get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.caller import Principal
from domain.cleanup import DeletedAt, Facts, Reason, Rules, Verdict, Warned, find_due, judge, rules_for
from domain.cleanup_reports import CleanupRun, JudgedHsm, MoneyBurnt, make_report
from domain.decommissioning import Decommissioned
from domain.hsm import Hsm
from domain.policy import CleanupRules, EnvironmentRules, Policy
from domain.records import HsmRecord, Receipt, RestoredFrom
from domain.requests import HsmSpecification, NetworkRequest

NOW: Final = datetime(2026, 11, 24, 12, tzinfo=UTC)
OURS: Final = "00000000-0000-4000-8000-00000000aaaa"
OTHERS: Final = "00000000-0000-4000-8000-00000000bbbb"
PLACE: Final = "/subscriptions/3f0c5c52-6a3b-4f6e-8f0e-5d1f0f6b7a21/resourceGroups/rg-hsm/providers/Microsoft.KeyVault"
ID: Final = f"{PLACE}/managedHSMs/contoso-hsm"
SPECIFICATION: Final = HsmSpecification(
    subscription_id="3f0c5c52-6a3b-4f6e-8f0e-5d1f0f6b7a21",
    resource_group="rg-hsm",
    location="norwayeast",
    administrators=[OTHERS],
    environment="ephemeral",
)
MADE: Final = NOW - timedelta(days=30)
RECEIPT: Final = Receipt(
    operation_id="contoso-hsm-01HZZZZZZZZZZZZZZZZZZZZZZZ",
    attempt=1,
    blob_url="https://a",
    etag="e",
    sha256="0",
    size=1,
    quorum=2,
    thumbprints=[],
    export=1,
    alone=True,
    stored_at=MADE,
)
EPHEMERAL: Final = EnvironmentRules(expiry_required=True, purge_allowed=True)


def a_record(expires_at: datetime | None = None, **changes: Any) -> HsmRecord:
    record = HsmRecord(
        hsm="contoso-hsm",
        resource_id=ID,
        team="team-a",
        requester=Principal(tenant_id="t", object_id="o", kind="application"),
        request=SPECIFICATION.model_copy(update={"expires_at": expires_at}),
        created_by=RECEIPT.operation_id,
        created_at=MADE,
        made_at=MADE,
    )
    return record.model_copy(update=changes)


def a_live_hsm(**changes: Any) -> Hsm:
    hsm = Hsm(
        name="contoso-hsm",
        resource_id=ID,
        uri="https://contoso-hsm.managedhsm.azure.net",
        provisioning_state="Succeeded",
        activation="Active",
        location="norwayeast",
        sku="Standard_B1",
        administrators=[],
        soft_delete_retention_days=7,
        purge_protection=False,
        public_network_access="Enabled",
        network=NetworkRequest(),
        tags={},
        made_at=MADE,
        made_by=OURS,
    )
    return hsm.model_copy(update=changes)


def some_facts(record: HsmRecord, **others: Any) -> Facts:
    return Facts(record, frozenset({OURS}), **others)


def some_rules(environment: EnvironmentRules | None = EPHEMERAL, **cleanup: Any) -> Rules:
    return Rules(CleanupRules(**cleanup), environment)


def moments(days: int = 60) -> st.SearchStrategy[datetime]:
    return st.integers(-days * 24, days * 24).map(lambda hours: NOW + timedelta(hours=hours))


def maybe[Value](values: st.SearchStrategy[Value]) -> st.SearchStrategy[Value | None]:
    return st.none() | values


decommissions = st.builds(
    Decommissioned,
    operationId=st.just("o"),
    askedAt=moments(),
    wasActive=st.booleans(),
    deletedAt=maybe(moments()),
    purgedAt=maybe(moments()),
)
records = st.builds(
    a_record,
    expires_at=maybe(moments()),
    created_at=moments(),
    made_at=maybe(st.just(MADE) | moments()),
    adopted=st.booleans(),
    made_for_restore=st.booleans(),
    security_domain=maybe(st.just(RECEIPT)),
    restored_from=maybe(st.just(RestoredFrom(hsm="a", operation_id="o", sha256="0"))),
    decommissioned=maybe(decommissions),
)
live_hsms = st.builds(
    a_live_hsm,
    resource_id=st.sampled_from([ID, ID.upper(), f"{PLACE}/managedHSMs/another"]),
    provisioning_state=st.sampled_from(["Succeeded", "Failed", "Provisioning", "Updating", "Deleting", "Unknown"]),
    activation=st.sampled_from(["Active", "NotActivated", "Failed", "Unknown"]),
    purge_protection=st.booleans(),
    tags=st.dictionaries(st.sampled_from(["createdBy", "expiresAt", "team"]), st.sampled_from(["2020-01-01", OURS])),
    made_at=maybe(st.just(MADE) | moments()),
    made_by=st.sampled_from([OURS, OTHERS, ""]),
)
environments = maybe(st.builds(EnvironmentRules, expiry_required=st.booleans(), purge_allowed=st.booleans()))
rules_of = st.builds(
    Rules,
    st.builds(
        CleanupRules,
        never_activated_after_hours=st.integers(1, 200),
        warn_before_days=st.integers(0, 10),
        purge_after_days=st.integers(1, 20),
    ),
    environments,
    st.booleans(),
)


@st.composite
def facts_of(draw: st.DrawFn) -> Facts:
    record = draw(records)
    ended = record.decommissioned.deleted_at if record.decommissioned else None
    when = moments() if ended is None else st.just(ended) | moments()
    expiry = record.request.expires_at
    warned = st.builds(Warned, expiresAt=moments() if expiry is None else st.just(expiry) | moments(), at=moments())
    return some_facts(
        record,
        live=draw(maybe(live_hsms)),
        deleted=draw(maybe(st.builds(DeletedAt, when, st.booleans()))),
        warned=draw(maybe(warned)),
        held=draw(st.booleans()),
        operation_running=draw(st.booleans()),
        locked=draw(st.booleans()),
        tried_at=draw(maybe(moments())),
    )


@given(facts_of(), rules_of, moments())
def test_what_is_destroyed_is_ours_and_in_nobodys_use(facts: Facts, rules: Rules, now: datetime) -> None:
    verdict = judge(facts, rules, now)
    record, live, deleted = facts.record, facts.live, facts.deleted
    assert verdict.reason in get_reasons()
    if verdict.action not in ("delete", "purge"):
        assert not verdict.purges
        return
    assert (facts.held, facts.operation_running, facts.locked) == (False, False, False)
    assert rules.environment is not None
    assert rules.subscription_allowed
    assert verdict.purges <= rules.environment.purge_allowed
    if verdict.action == "purge":
        assert (live, deleted is not None) == (None, True)
        assert record.decommissioned is not None
        assert deleted is not None
        assert deleted.deleted_at == record.decommissioned.deleted_at
        assert not deleted.purge_protected
        assert now - deleted.deleted_at >= timedelta(days=rules.cleanup.purge_after_days)
        return
    assert live is not None
    assert live.resource_id.lower() == record.resource_id.lower()
    assert live.made_by == OURS
    assert record.made_at in (None, live.made_at)
    assert not record.adopted
    expires_at = record.request.expires_at
    expired = expires_at is not None and expires_at <= now and rules.environment.expiry_required
    if live.activation == "Active":
        assert expired
        assert not verdict.purges
    if expired and verdict.reason == "expired" and rules.cleanup.warn_before_days:
        assert facts.warned is not None
        assert facts.warned.expires_at == expires_at
        assert facts.warned.at <= now - timedelta(days=1)
    if not expired:
        assert live.activation in ("NotActivated", "Failed")
        assert record.security_domain is None
        age = now - max(record.created_at, live.made_at or record.created_at)
        assert age >= timedelta(hours=rules.cleanup.never_activated_after_hours)
    assert not (verdict.purges and (record.may_hold_keys or live.purge_protection))


def get_reasons() -> set[str]:
    return {word for part in get_args(Reason) for word in (get_args(part) or (part,))}


@given(facts_of(), rules_of, moments())
def test_tags_decide_nothing_and_whatever_is_in_the_way_only_keeps(facts: Facts, rules: Rules, now: datetime) -> None:
    verdict = judge(facts, rules, now)
    assert verdict == judge(facts, rules, now)
    if facts.live is not None:
        bare = facts._replace(live=facts.live.model_copy(update={"tags": {}}))
        assert judge(bare, rules, now) == verdict
    hindered = (
        facts._replace(held=True),
        facts._replace(operation_running=True),
        facts._replace(locked=True),
        facts._replace(tried_at=now),
    )
    for one in hindered:
        kept = judge(one, rules, now)
        assert kept.action == "keep"
        assert kept.due == find_due(facts, rules, now).due


@given(facts_of(), rules_of, moments())
def test_what_is_deleted_was_warned_about_at_an_earlier_hour(facts: Facts, rules: Rules, now: datetime) -> None:
    verdict = judge(facts, rules, now)
    if verdict.reason == "expired" and verdict.action == "delete" and rules.cleanup.warn_before_days:
        assert judge(facts._replace(warned=None), rules, now) == Verdict("warn", "expired", "expired")


EXPIRED: Final = NOW - timedelta(hours=1)
WARNED: Final = Warned(expires_at=EXPIRED, at=NOW - timedelta(days=2))
DELETED: Final = NOW - timedelta(days=8)
ENDED: Final = Decommissioned(operation_id="o", asked_at=DELETED, was_active=True, deleted_at=DELETED)
IDLE: Final = a_live_hsm(activation="NotActivated")
CASES: Final[dict[str, tuple[Facts, Rules, tuple[str, str, bool]]]] = {
    "in use": (some_facts(a_record(), live=a_live_hsm()), some_rules(), ("keep", "not_due", False)),
    "never activated": (some_facts(a_record(), live=IDLE), some_rules(), ("delete", "never_activated", True)),
    "never activated, no purge": (
        some_facts(a_record(), live=IDLE),
        some_rules(EnvironmentRules()),
        ("delete", "never_activated", False),
    ),
    "never activated, purge protection": (
        some_facts(a_record(), live=IDLE.model_copy(update={"purge_protection": True})),
        some_rules(),
        ("delete", "never_activated", False),
    ),
    "young": (
        some_facts(a_record(), live=IDLE),
        some_rules(never_activated_after_hours=30 * 24 + 1),
        ("keep", "not_due", False),
    ),
    "expiring": (
        some_facts(a_record(NOW + timedelta(days=2)), live=a_live_hsm()),
        some_rules(),
        ("warn", "expiring", False),
    ),
    "expired": (
        some_facts(a_record(EXPIRED), live=a_live_hsm(), warned=WARNED),
        some_rules(),
        ("delete", "expired", False),
    ),
    "expired and never warned": (
        some_facts(a_record(EXPIRED), live=a_live_hsm()),
        some_rules(),
        ("warn", "expired", False),
    ),
    "expired, no warning wanted": (
        some_facts(a_record(EXPIRED), live=a_live_hsm()),
        some_rules(warn_before_days=0),
        ("delete", "expired", False),
    ),
    "expired where no expiry is required": (
        some_facts(a_record(EXPIRED), live=a_live_hsm(), warned=WARNED),
        some_rules(EnvironmentRules(purge_allowed=True)),
        ("keep", "not_due", False),
    ),
    "an expiry in a tag": (
        some_facts(a_record(), live=a_live_hsm(tags={"expiresAt": "2020-01-01T00:00:00Z"})),
        some_rules(),
        ("keep", "not_due", False),
    ),
    "made by others": (
        some_facts(a_record(), live=IDLE.model_copy(update={"made_by": OTHERS})),
        some_rules(),
        ("keep", "not_ours", False),
    ),
    "made again": (
        some_facts(a_record(), live=IDLE.model_copy(update={"made_at": MADE + timedelta(seconds=1)})),
        some_rules(),
        ("keep", "not_ours", False),
    ),
    "taken over": (
        some_facts(a_record(EXPIRED, adopted=True), live=a_live_hsm(made_by=OTHERS), warned=WARNED),
        some_rules(),
        ("keep", "taken_over", False),
    ),
    "recovered": (
        some_facts(a_record(EXPIRED, decommissioned=ENDED), live=a_live_hsm(), warned=WARNED),
        some_rules(),
        ("keep", "recovered", False),
    ),
    "inactive, and a security domain is stored": (
        some_facts(a_record(security_domain=RECEIPT), live=IDLE),
        some_rules(),
        ("keep", "record_disagrees", False),
    ),
    "deleted long ago": (
        some_facts(a_record(decommissioned=ENDED), deleted=DeletedAt(DELETED, purge_protected=False)),
        some_rules(),
        ("purge", "deleted_long_ago", True),
    ),
    "deleted lately": (
        some_facts(a_record(decommissioned=ENDED), deleted=DeletedAt(DELETED, purge_protected=False)),
        some_rules(purge_after_days=9),
        ("keep", "deleted_lately", False),
    ),
    "deleted by others": (
        some_facts(
            a_record(decommissioned=ENDED), deleted=DeletedAt(DELETED - timedelta(days=1), purge_protected=False)
        ),
        some_rules(),
        ("keep", "deletion_not_ours", False),
    ),
    "deleted, purge protection": (
        some_facts(a_record(decommissioned=ENDED), deleted=DeletedAt(DELETED, purge_protected=True)),
        some_rules(),
        ("keep", "purge_protected", False),
    ),
    "deleted, no purge": (
        some_facts(a_record(decommissioned=ENDED), deleted=DeletedAt(DELETED, purge_protected=False)),
        some_rules(EnvironmentRules()),
        ("keep", "purge_not_allowed", False),
    ),
    "an environment that the policy has no more": (
        some_facts(a_record(), live=IDLE),
        some_rules(None),
        ("keep", "environment_unknown", False),
    ),
    "tried lately": (
        some_facts(a_record(), live=IDLE, tried_at=NOW - timedelta(days=6)),
        some_rules(),
        ("keep", "tried_lately", False),
    ),
    "gone": (some_facts(a_record()), some_rules(), ("keep", "gone", False)),
}


@pytest.mark.parametrize("case", CASES)
def test_a_case(case: str) -> None:
    facts, rules, (action, reason, purges) = CASES[case]
    verdict = judge(facts, rules, NOW)
    assert (verdict.action, verdict.reason, verdict.purges) == (action, reason, purges)


def test_a_subscription_that_the_policy_has_no_more_is_left_alone() -> None:
    policy = Policy(subscriptions=[OTHERS], locations=["norwayeast"], skus=["Standard_B1"], callers=[])
    assert judge(some_facts(a_record(), live=IDLE), rules_for(policy, a_record()), NOW).reason == (
        "subscription_not_allowed"
    )
    everywhere = policy.model_copy(update={"subscriptions": ["*"]})
    assert judge(some_facts(a_record(), live=IDLE), rules_for(everywhere, a_record()), NOW).action == "delete"


def test_a_report_counts_what_its_own_run_left() -> None:
    def judged(hsm: str, run: str = "2", **changes: Any) -> JudgedHsm:
        plain: dict[str, Any] = {"action": "keep", "reason": "not_due", "monthly_cost_usd": 2500.0}
        return JudgedHsm(hsm=hsm, run=run, at=NOW, **{**plain, **changes})

    left = [
        judged("used"),
        judged("idle", action="delete", reason="never_activated", burning="never_activated", operation_id="idle-1"),
        judged("gone", reason="gone", saved_run="2"),
        judged("gone-before", reason="gone", saved_run="1"),
        judged("odd", reason="unknown", error="azure_throttled"),
        judged("old", run="1", action="delete", reason="expired"),
    ]
    fleet = [item.hsm for item in left]
    report = make_report(CleanupRun(id="2", started_at=NOW), fleet, left, NOW, enforced=True)
    assert report.counts == {"gone": 2, "never_activated": 1, "not_due": 1, "unknown": 1}
    assert [item.hsm for item in report.verdicts] == ["idle", "odd"]
    assert (report.judged, report.unjudged, report.operations) == (5, ["odd", "old"], ["idle-1"])
    one = MoneyBurnt(hsms=1, monthly_usd=2500.0)
    assert (report.saved, report.burning["never_activated"], report.burning["expired"]) == (one, one, MoneyBurnt())
