"""What the policy says to one request: grants, each refusal, each reason for approval, the limit."""

from datetime import UTC, datetime, timedelta
from typing import Any, get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.export_approval import FIRST
from domain.fields import OperationKind
from domain.policy import Policy, parse_policy
from domain.policy_rules import (
    Asked,
    AskedKey,
    Grant,
    describe_policy,
    find_approval_reasons,
    find_grant,
    find_violations,
    is_within_limit,
)
from tests.domain.policy_documents import (
    ADMINISTRATOR,
    APPLICATION,
    BACKUP_PLACE,
    GROUP,
    GUIDS,
    OTHER_SUBSCRIPTION,
    SUBSCRIPTION,
    THUMBPRINT,
    Document,
    caller,
    document,
    documents,
    text_of,
)

NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)
OTHER_THUMBPRINT = "1HNeOiZeFu7gP1lxi5tdAwGcB9i2xR-Q2jpmbuwTqzU"

IDENTITY = f"{BACKUP_PLACE['identity']}-of-keys"
IDENTITY_REFUSED = ("identities[1]", "identity_not_allowed")

ALLOWED = Asked(
    name="prod-payments",
    team="team-a",
    environment="development",
    subscription_id=SUBSCRIPTION,
    location="norwayeast",
    sku="Standard_B1",
    soft_delete_retention_days=7,
    purge_protection=False,
    network_denies_by_default=False,
    network_ranges=[],
    administrators=[ADMINISTRATOR],
    tags={},
    expires_at=None,
    wrapping_keys=[AskedKey("vault-a", None)],
    now=NOW,
)


def read(**members: Any) -> Policy:
    return parse_policy(text_of(document(**members)))


def violations(asked: Asked, policy: Policy) -> list[tuple[str, str]]:
    found = find_violations(policy, find_grant(policy, [APPLICATION]), asked)
    assert all(error.message.endswith(".") for error in found)
    return [(error.field, error.code) for error in found]


def environment(**rules: Any) -> Document:
    return {"environments": {"development": rules}}


@pytest.mark.parametrize(
    ("members", "asked"),
    [
        ({}, {}),
        ({"subscriptions": ["*"]}, {}),
        ({"callers": [caller(subscriptions=["*"])]}, {}),
        ({"callers": [caller(administrators=["*"])]}, {"administrators": [GROUP]}),
        ({"namePattern": "(?:prod|dev)-[a-z]+"}, {}),
        ({"requiredTags": {"costCenter": "[0-9]{4}"}}, {"tags": {"COSTcenter": "1234", "more": "x"}}),
        ({"minimumRetentionDays": 30}, {"soft_delete_retention_days": 30}),
        ({"purgeProtectionRequired": True}, {"purge_protection": True}),
        ({}, {"environment": "production", "purge_protection": True, "network_denies_by_default": True}),
        ({}, {"environment": "ephemeral", "expires_at": NOW + timedelta(days=5000)}),
        ({}, {"expires_at": NOW + timedelta(seconds=1)}),
        (environment(maximumLifetimeDays=14), {"expires_at": NOW + timedelta(days=14)}),
        ({"locations": ["norwayeast", "Sweden Central"]}, {"additional_regions": ["swedencentral"]}),
        ({"identities": ["*"]}, {"identities": [IDENTITY]}),
        ({"identities": [IDENTITY.upper().replace("/SUB", "/sub")]}, {"identities": [IDENTITY]}),
        ({"backupPlaces": [BACKUP_PLACE]}, {"identities": [BACKUP_PLACE["identity"].upper()]}),
    ],
)
def test_allowed(members: Document, asked: dict[str, Any]) -> None:
    assert violations(ALLOWED._replace(**asked), read(**members)) == []


@pytest.mark.parametrize(
    ("members", "asked", "refused"),
    [
        ({}, {"team": "team-b"}, [("team", "team_not_yours")]),
        ({"callers": [caller(teams=[])]}, {}, [("team", "team_not_yours")]),
        ({}, {"environment": "test"}, [("environment", "environment_unknown")]),
        ({"environments": {}}, {}, [("environment", "environment_unknown")]),
        ({}, {"subscription_id": OTHER_SUBSCRIPTION}, [("subscriptionId", "subscription_not_allowed")]),
        (
            {"callers": [caller(subscriptions=["*"])]},
            {"subscription_id": OTHER_SUBSCRIPTION},
            [("subscriptionId", "subscription_not_allowed")],
        ),
        (
            {"subscriptions": ["*"]},
            {"subscription_id": OTHER_SUBSCRIPTION},
            [("subscriptionId", "subscription_not_allowed")],
        ),
        ({}, {"location": "westeurope"}, [("location", "location_not_allowed")]),
        ({}, {"sku": "Custom_B32"}, [("sku", "sku_not_allowed")]),
        ({"namePattern": "prod"}, {}, [("name", "name_not_allowed")]),
        ({"namePattern": "dev-.*"}, {}, [("name", "name_not_allowed")]),
        ({"requiredTags": {"costCenter": "[0-9]{4}"}}, {}, [("tags.costCenter", "tag_required")]),
        (
            {"requiredTags": {"costCenter": "[0-9]{4}"}},
            {"tags": {"costCenter": "12345"}},
            [("tags.costCenter", "tag_not_allowed")],
        ),
        (
            {"requiredTags": {"costCenter": "[0-9]*"}},
            {"tags": {"costCenter": "1" * 257}},
            [("tags.costCenter", "tag_not_allowed")],
        ),
        ({"minimumRetentionDays": 30}, {}, [("softDeleteRetentionDays", "retention_too_short")]),
        ({"purgeProtectionRequired": True}, {}, [("purgeProtection", "purge_protection_required")]),
        (environment(purgeProtection=True), {}, [("purgeProtection", "purge_protection_required")]),
        (environment(denyByDefaultNetwork=True), {}, [("network.defaultAction", "network_must_deny")]),
        (
            {},
            {"environment": "production"},
            [("purgeProtection", "purge_protection_required"), ("network.defaultAction", "network_must_deny")],
        ),
        ({}, {"environment": "ephemeral"}, [("expiresAt", "expiry_required")]),
        (environment(expiryRequired=True), {}, [("expiresAt", "expiry_required")]),
        (environment(maximumLifetimeDays=14), {}, [("expiresAt", "expiry_required")]),
        (
            environment(maximumLifetimeDays=14),
            {"expires_at": NOW + timedelta(days=14, seconds=1)},
            [("expiresAt", "expiry_too_far")],
        ),
        (
            environment(maximumLifetimeDays=3650),
            {"now": datetime.max.replace(tzinfo=UTC), "expires_at": datetime.max.replace(tzinfo=UTC)},
            [("expiresAt", "expiry_in_past")],
        ),
        ({}, {"expires_at": NOW}, [("expiresAt", "expiry_in_past")]),
        ({}, {"additional_regions": ["westeurope"]}, [("additionalRegions[0]", "location_not_allowed")]),
        ({}, {"identities": [IDENTITY]}, [("identities[0]", "identity_not_allowed")]),
        ({"identities": [IDENTITY]}, {"identities": [IDENTITY, f"{IDENTITY}-2"]}, [IDENTITY_REFUSED]),
        (
            {},
            {"administrators": [GROUP, ADMINISTRATOR, APPLICATION]},
            [
                ("administrators[0]", "administrator_not_allowed"),
                ("administrators[2]", "administrator_not_allowed"),
            ],
        ),
    ],
)
def test_each_refusal(members: Document, asked: dict[str, Any], refused: list[tuple[str, str]]) -> None:
    assert violations(ALLOWED._replace(**asked), read(**members)) == refused


@pytest.mark.parametrize(
    ("vaults", "thumbprints", "key", "allowed"),
    [
        (["vault-a"], [], AskedKey("vault-a", None), True),
        (["vault-a"], [], AskedKey("vault-a", THUMBPRINT), True),
        (["vault-a"], [], AskedKey("vault-b", None), False),
        (["vault-a"], [], AskedKey("vault-b", THUMBPRINT), False),
        (["*"], [], AskedKey("vault-b", None), True),
        (["*"], [], AskedKey(None, THUMBPRINT), False),
        ([], [], AskedKey(None, THUMBPRINT), False),
        ([], [], AskedKey("vault-a", None), False),
        ([], [THUMBPRINT], AskedKey(None, THUMBPRINT), True),
        ([], [THUMBPRINT], AskedKey(None, OTHER_THUMBPRINT), False),
        ([], [THUMBPRINT], AskedKey("vault-b", THUMBPRINT), True),
        ([], [THUMBPRINT], AskedKey("vault-b", OTHER_THUMBPRINT), False),
        ([], [THUMBPRINT], AskedKey("vault-b", None), True),
        ([], ["*"], AskedKey(None, OTHER_THUMBPRINT), True),
        ([], ["*"], AskedKey("vault-b", None), True),
        (["*"], ["*"], AskedKey(None, None), False),
    ],
)
def test_a_wrapping_key_is_allowed_by_its_vault_or_its_thumbprint(
    vaults: list[str], thumbprints: list[str], key: AskedKey, allowed: bool
) -> None:
    policy = read(callers=[caller(wrappingVaults=vaults, wrappingThumbprints=thumbprints)])
    refused = violations(ALLOWED._replace(wrapping_keys=[AskedKey("vault-a", None), key]), policy)
    assert (("securityDomain.wrappingKeys[1]", "wrapping_key_not_allowed") not in refused) is allowed


def test_all_that_is_refused_is_named_at_once_and_not_repeated() -> None:
    hostile = "<script>"
    asked = ALLOWED._replace(
        name=hostile,
        team=hostile,
        environment=hostile,
        subscription_id=hostile,
        location=hostile,
        sku=hostile,
        soft_delete_retention_days=1,
        administrators=[hostile],
        tags={"costCenter": hostile},
        expires_at=NOW - timedelta(days=1),
        wrapping_keys=[AskedKey(hostile, hostile)],
    )
    policy = read(
        namePattern="[a-z]+",
        requiredTags={"costCenter": "[0-9]+", "owner": "."},
        purgeProtectionRequired=True,
    )
    found = find_violations(policy, find_grant(policy, []), asked)
    assert [error.code for error in found] == [
        "team_not_yours",
        "environment_unknown",
        "subscription_not_allowed",
        "location_not_allowed",
        "sku_not_allowed",
        "name_not_allowed",
        "tag_not_allowed",
        "tag_required",
        "retention_too_short",
        "purge_protection_required",
        "expiry_in_past",
        "administrator_not_allowed",
        "wrapping_key_not_allowed",
    ]
    assert hostile not in "".join(error.to_json() for error in found)


GRANTED = Grant(
    caller_ids=frozenset(),
    teams=frozenset(),
    subscriptions=frozenset(),
    administrators=frozenset(),
    wrapping_vaults=frozenset(),
    wrapping_thumbprints=frozenset(),
    requests_per_minute=60,
)
BY_APPLICATION = caller(requestsPerMinute=10)
BY_GROUP = caller(
    application=None,
    group=GROUP,
    teams=["team-b"],
    subscriptions=["*"],
    administrators=[GROUP],
    wrappingVaults=[],
    wrappingThumbprints=[THUMBPRINT],
)
OF_APPLICATION = GRANTED.model_copy(
    update={
        "caller_ids": frozenset({APPLICATION}),
        "teams": frozenset({"team-a"}),
        "subscriptions": frozenset({SUBSCRIPTION}),
        "administrators": frozenset({ADMINISTRATOR}),
        "wrapping_vaults": frozenset({"vault-a"}),
        "requests_per_minute": 10,
    }
)
OF_BOTH = OF_APPLICATION.model_copy(
    update={
        "caller_ids": frozenset({APPLICATION, GROUP}),
        "teams": frozenset({"team-a", "team-b"}),
        "subscriptions": frozenset({SUBSCRIPTION, "*"}),
        "administrators": frozenset({ADMINISTRATOR, GROUP}),
        "wrapping_thumbprints": frozenset({THUMBPRINT}),
    }
)


@pytest.mark.parametrize(
    ("ids", "grant"),
    [
        ([], GRANTED),
        ([ADMINISTRATOR], GRANTED),
        ([APPLICATION], OF_APPLICATION),
        ([APPLICATION.upper()], OF_APPLICATION),
        ([GROUP, ADMINISTRATOR, APPLICATION], OF_BOTH),
    ],
)
def test_a_grant_joins_all_entries_that_name_the_caller(ids: list[str], grant: Grant) -> None:
    assert find_grant(read(callers=[BY_APPLICATION, BY_GROUP]), ids) == grant


@pytest.mark.parametrize(("rates", "rate"), [([None, None], 60), ([5, None], 5), ([5, 90], 90), ([90, 5], 90)])
def test_the_rate_is_the_largest_that_an_entry_says(rates: list[int | None], rate: int) -> None:
    entries = [
        caller(requestsPerMinute=rates[0]),
        caller(application=None, group=GROUP, requestsPerMinute=rates[1]),
    ]
    assert find_grant(read(callers=entries), [APPLICATION, GROUP]).requests_per_minute == rate


KEYS = st.builds(
    AskedKey, st.sampled_from([None, "vault-a", "vault-b"]), st.sampled_from([None, THUMBPRINT, OTHER_THUMBPRINT])
)


@given(documents(), st.data())
def test_more_entries_never_refuse_more(policy_document: Document, data: st.DataObject) -> None:
    policy = parse_policy(text_of(policy_document))
    ids = [one for entry in policy.callers for one in entry.ids]
    vaults = [vault for entry in policy.callers for vault in entry.wrapping_vaults]
    fewer = data.draw(st.sets(st.sampled_from(ids))) if ids else set()
    asked = ALLOWED._replace(
        subscription_id=data.draw(GUIDS),
        administrators=data.draw(st.lists(GUIDS, max_size=4)),
        wrapping_keys=data.draw(
            st.lists(KEYS | st.builds(AskedKey, st.sampled_from([*vaults, None]), st.none()), max_size=4)
        ),
    )
    by_fewer, by_all = (
        {(error.field, error.code) for error in find_violations(policy, find_grant(policy, some), asked)}
        for some in (fewer, ids)
    )
    assert by_all <= by_fewer


@pytest.mark.parametrize("kind", get_args(OperationKind))
@pytest.mark.parametrize("environment_name", ["development", "production", "unknown"])
def test_who_gets_hold_of_an_hsm_or_ends_one_of_production_is_approved_also_if_the_policy_is_silent(
    kind: OperationKind, environment_name: str
) -> None:
    in_production = environment_name == "production" and kind in ("decommission", "recover")
    always = kind in ("adopt", "rewrap", "restore") or in_production
    assert bool(find_approval_reasons(read(), environment_name, "Standard_B1", kind)) is always


@pytest.mark.parametrize(
    ("ranges", "refused"),
    [
        ([], False),
        (["203.0.113.0/24", "203.0.113.0/24"], False),
        (["10.0.0.0/8", "10.1.0.0/16"], False),
        (["10.0.0.0/7"], True),
        (["0.0.0.0/0"], True),
        (["0.0.0.0/1", "128.0.0.0/1"], True),
        ([f"{first}.0.0.0/8" for first in range(256)], True),
        (["10.0.0.0/8", "203.0.113.7/32"], True),
    ],
)
@pytest.mark.parametrize("kind", ["provision", "update", "adopt"])
def test_a_network_that_denies_by_default_does_not_let_everybody_in(
    ranges: list[str], refused: bool, kind: OperationKind
) -> None:
    policy = read(**environment(denyByDefaultNetwork=True))
    asked = ALLOWED._replace(network_denies_by_default=True, network_ranges=ranges)
    found = find_violations(policy, find_grant(policy, [APPLICATION]), asked, kind)
    assert ("network.ipRules", "network_too_open") in {(error.field, error.code) for error in found} or not refused
    assert refused or not found
    assert find_violations(read(), find_grant(policy, [APPLICATION]), asked, kind) == []


@pytest.mark.parametrize(
    ("tags", "refused"),
    [
        (["AzureDevOps", "Storage.NorwayEast"], []),
        (["Storage", "internet"], [("network.serviceTags[1]", "network_too_open")]),
        (["AzureCloud.norwayeast"], [("network.serviceTags[0]", "network_too_open")]),
    ],
)
@pytest.mark.parametrize("kind", ["provision", "update", "adopt"])
def test_no_service_tag_opens_a_network_that_denies_by_default(
    tags: list[str], refused: list[tuple[str, str]], kind: OperationKind
) -> None:
    policy = read(**environment(denyByDefaultNetwork=True))
    asked = ALLOWED._replace(network_denies_by_default=True, network_service_tags=tags)
    found = find_violations(policy, find_grant(policy, [APPLICATION]), asked, kind)
    assert [(error.field, error.code) for error in found] == refused
    assert find_violations(read(), find_grant(policy, [APPLICATION]), asked, kind) == []


@pytest.mark.parametrize("kind", get_args(OperationKind))
def test_a_reason_by_what_is_there_counts_where_something_is_exported_or_purged(kind: OperationKind) -> None:
    silent, exporting = (
        find_approval_reasons(read(), "development", "Standard_B1", kind, reason=reason) for reason in (None, FIRST)
    )
    assert exporting == silent + ([FIRST] if kind in ("provision", "rewrap", "restore", "decommission") else [])


@pytest.mark.parametrize(
    ("members", "sku", "kind", "parts"),
    [
        ({}, "Standard_B1", "adopt", ["did not make"]),
        ({"approval": {"kinds": ["adopt"]}}, "Standard_B1", "adopt", ["did not make"]),
        ({}, "Standard_B1", "restore", ["becomes a clone"]),
        ({"approval": {"kinds": ["provision"]}}, "Standard_B1", "restore", ["becomes a clone"]),
        ({"approval": {"kinds": ["provision"]}}, "Standard_B1", "provision", ["every provision."]),
        ({"approval": {"kinds": ["provision"]}}, "Standard_B1", "update", []),
        (environment(approval=["update"]), "Standard_B1", "update", ["every update in the environment development"]),
        (environment(approval=["update"]), "Standard_B1", "provision", []),
        (
            {"approval": {"aboveMonthlyCostUsd": 2499}},
            "Standard_B1",
            "provision",
            ["2,500 USD a month; the policy wants approval above 2,499"],
        ),
        ({"approval": {"aboveMonthlyCostUsd": 2500}}, "Standard_B1", "provision", []),
        ({"approval": {"aboveMonthlyCostUsd": 0}}, "Standard_B1", "update", []),
        ({"approval": {"aboveMonthlyCostUsd": 99999}}, "Custom_B32", "provision", ["not known"]),
        ({"approval": {"aboveMonthlyCostUsd": 99999}}, "Custom_B32", "adopt", ["did not make", "not known"]),
        (
            {"approval": {"aboveMonthlyCostUsd": 9}, "monthlyCostUsd": {"Custom_B32": 9.5}},
            "Custom_B32",
            "provision",
            ["10 USD a month"],
        ),
        (
            {"approval": {"kinds": ["provision"], "aboveMonthlyCostUsd": 1}, **environment(approval=["provision"])},
            "Standard_B1",
            "provision",
            ["every provision.", "in the environment", "USD"],
        ),
    ],
)
def test_each_reason_for_approval(members: Document, sku: str, kind: OperationKind, parts: list[str]) -> None:
    reasons = find_approval_reasons(read(**members), "development", sku, kind)
    assert len(reasons) == len(parts)
    assert all(part in reason for part, reason in zip(parts, reasons, strict=True))


@pytest.mark.parametrize(
    ("listed", "granted", "shown"),
    [
        (["*"], ["*"], ["*"]),
        (["*"], [SUBSCRIPTION], [SUBSCRIPTION]),
        ([SUBSCRIPTION], ["*"], [SUBSCRIPTION]),
        ([SUBSCRIPTION], [OTHER_SUBSCRIPTION], []),
        ([OTHER_SUBSCRIPTION, SUBSCRIPTION], [SUBSCRIPTION], [SUBSCRIPTION]),
        ([SUBSCRIPTION], [], []),
    ],
)
def test_a_caller_is_shown_the_subscriptions_that_both_allow(
    listed: list[str], granted: list[str], shown: list[str]
) -> None:
    policy = read(subscriptions=listed, callers=[caller(subscriptions=granted)])
    assert describe_policy(policy, find_grant(policy, [APPLICATION])).subscriptions == shown


def test_a_caller_is_shown_what_is_its_own_and_nobody_elses() -> None:
    policy = read(callers=[BY_APPLICATION, BY_GROUP], namePattern="[a-z]+", maximumHsms=3)
    shown = describe_policy(policy, find_grant(policy, [APPLICATION])).model_dump(by_alias=True, exclude_none=True)
    assert shown == {
        "subscriptions": [SUBSCRIPTION],
        "locations": ["norwayeast"],
        "skus": ["Standard_B1"],
        "namePattern": "[a-z]+",
        "requiredTags": {},
        "minimumRetentionDays": 7,
        "purgeProtectionRequired": False,
        "administrators": [ADMINISTRATOR],
        "wrappingVaults": ["vault-a"],
        "wrappingThumbprints": [],
        "environments": shown["environments"],
        "maximumHsms": 3,
        "monthlyCostUsd": {"Standard_B1": 2500},
        "identities": [],
        "backupContainers": [],
        "linkedResources": [],
        "approval": {"kinds": [], "expiresAfterHours": 72},
        "requestsPerMinute": 10,
    }
    assert shown["environments"]["production"] == {
        "purgeProtection": True,
        "denyByDefaultNetwork": True,
        "expiryRequired": False,
        "purgeAllowed": False,
        "approval": [],
        "handover": {},
        "temporaryOpeningAllowed": False,
    }


TIMES = st.integers(0, 3).map(lambda hours: NOW + timedelta(hours=hours))
BEGUN = st.dictionaries(st.sampled_from(["hsm-a", "hsm-b", "hsm-c", "hsm-d", "hsm-e"]), TIMES, min_size=1)


@given(BEGUN, st.integers(1, 6))
def test_just_so_many_are_let_in(begun: dict[str, datetime], limit: int) -> None:
    let_in = [name for name in begun if is_within_limit(limit, name, begun)]
    assert len(let_in) == min(limit, len(begun))
    assert all(is_within_limit(None, name, begun) for name in begun)


@given(BEGUN, st.integers(1, 6), st.sampled_from(["hsm-0", "hsm-c", "hsm-z"]))
def test_who_is_in_stays_in(begun: dict[str, datetime], limit: int, late: str) -> None:
    later = {late: NOW + timedelta(hours=4)} | begun
    for name in begun:
        assert is_within_limit(limit, name, later) is is_within_limit(limit, name, begun)


def test_of_two_at_once_one_is_let_in() -> None:
    begun = {"hsm-b": NOW, "hsm-a": NOW}
    assert [name for name in begun if is_within_limit(1, name, begun)] == ["hsm-a"]


def test_who_has_not_begun_has_no_place() -> None:
    with pytest.raises(KeyError):
        is_within_limit(1, "hsm-a", {})
