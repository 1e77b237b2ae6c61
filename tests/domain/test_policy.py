"""The policy document: what it may say, and each mistake in it by name, all at once."""

import json
import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.policy import Policy, PolicyInvalid, parse_policy, read_thumbprint
from tests.domain.policy_documents import (
    APPLICATION,
    BACKUP_PLACE,
    GROUP,
    SUBSCRIPTION,
    THUMBPRINT,
    caller,
    document,
    documents,
    text_of,
)

GUID = "This is a GUID such as 00000000-0000-0000-0000-000000000000."
STAR = '"*" means all, and stands alone.'
ENVIRONMENT = "An environment's name has 1 to 40 small letters, digits and hyphens, a letter first."
TEAM = "A team's name has 1 to 40 small letters, digits and hyphens."
VAULT = "This is the name of a key vault (not its URL): 3 to 24 letters, digits and hyphens."
THUMBPRINT_FORM = "This is a certificate's SHA-256 thumbprint: 64 hex digits, or 43 characters of base64url."
EMPTY = "This is empty: nothing would be allowed."
KINDS = "This is one of 'provision', 'update', 'adopt', 'rewrap', 'restore', 'decommission' or 'recover'."
ONE_ID = "A caller has exactly one of application and group."
NO_MEMBER = "There is no such member."
ALIKE = "Azure does not tell names of tags apart by case: two of these are one."


PLAIN_URL = "The address of a container is an https URL without user, port, query or fragment."
CONTAINER_FORM = "This is the address of a container: https://ACCOUNT.blob.core.windows.net/CONTAINER."
CONTAINER = BACKUP_PLACE["container"]


def place(**members: str) -> dict[str, str]:
    return BACKUP_PLACE | members


def mistakes(text: str) -> list[str]:
    with pytest.raises(PolicyInvalid) as invalid:
        parse_policy(text)
    return invalid.value.mistakes


def without(name: str) -> dict[str, Any]:
    return {member: value for member, value in document().items() if member != name}


@pytest.mark.parametrize(
    ("policy", "mistake"),
    [
        ([], "policy: This is an object."),
        (without("subscriptions"), "subscriptions: This is required."),
        (without("locations"), "locations: This is required."),
        (without("skus"), "skus: This is required."),
        (without("callers"), "callers: This is required."),
        (document(subscriptions=[]), f"subscriptions: {EMPTY}"),
        (document(locations=[]), f"locations: {EMPTY}"),
        (document(skus=[]), f"skus: {EMPTY}"),
        (document(subscriptions=["x"]), f"subscriptions[0]: {GUID}"),
        (document(subscriptions=[SUBSCRIPTION, "*"]), f"subscriptions[1]: {STAR}"),
        (document(subscriptions=["*", "*"]), f"subscriptions[0]: {STAR}"),
        (document(subscriptions="*"), "subscriptions: This is a list."),
        (document(locations=["*"]), "locations[0]: This is the name of an Azure region, such as norwayeast."),
        (document(locations=[7]), "locations[0]: This is the name of an Azure region, such as norwayeast."),
        (document(skus=["Standard_B2"]), "skus[0]: This is one of 'Standard_B1', "),
        (document(skus=["*"]), "skus[0]: This is one of 'Standard_B1', "),
        (document(monthlyCostUsd={"Standard_B2": 1}), "monthlyCostUsd.Standard_B2: This is one of 'Standard_B1', "),
        (document(monthlyCostUsd={"Standard_B1": -1}), "monthlyCostUsd.Standard_B1: This is 0 or more."),
        (document(monthlyCostUsd={"Standard_B1": "1"}), "monthlyCostUsd.Standard_B1: This is a number."),
        (document(monthlyCostUsd={"Standard_B1": True}), "monthlyCostUsd.Standard_B1: This is a number."),
        (document(monthlyCostUsd={"Standard_B1": float("nan")}), "monthlyCostUsd.Standard_B1: This is a number."),
        (document(monthlyCostUsd={"Standard_B1": 10**400}), "monthlyCostUsd.Standard_B1: This is a number."),
        (document(namePattern="("), "namePattern: This is not a regular expression of Python's."),
        (document(namePattern="(a+)+"), "namePattern: This regular expression could take too long: "),
        (document(namePattern=r"(a)\1"), "namePattern: A regular expression has no look-around, "),
        (document(namePattern=7), "namePattern: This is a text in quotes."),
        (document(requiredTags={"a": "[a"}), "requiredTags.a: This is not a regular expression of Python's."),
        (document(requiredTags={"a": ".*.*.*"}), "requiredTags.a: This regular expression could take too long: "),
        (document(requiredTags={"a": ".", "A": "("}), f"requiredTags: {ALIKE}"),
        (document(requiredTags={"a/b": "."}), "requiredTags.(a name): A tag's name has 1 to 512 characters, "),
        (document(requiredTags={"": "."}), "requiredTags.(a name): A tag's name has 1 to 512 characters, "),
        (document(requiredTags=["a"]), "requiredTags: This is an object."),
        (document(minimumRetentionDays=6), "minimumRetentionDays: This is 7 or more."),
        (document(minimumRetentionDays=91), "minimumRetentionDays: This is 90 or less."),
        (document(minimumRetentionDays=7.5), "minimumRetentionDays: This is a whole number."),
        (document(purgeProtectionRequired="yes"), "purgeProtectionRequired: This is true or false."),
        (document(purgeProtectionRequired=1), "purgeProtectionRequired: This is true or false."),
        (document(maximumHsms=0), "maximumHsms: This is 1 or more."),
        (document(requestsPerMinute=0), "requestsPerMinute: This is 1 or more."),
        (document(approval=[]), "approval: This is an object."),
        (document(approval={"kinds": ["delete"]}), f"approval.kinds[0]: {KINDS}"),
        (document(approval={"kinds": "adopt"}), "approval.kinds: This is a list."),
        (document(approval={"aboveMonthlyCostUsd": -1}), "approval.aboveMonthlyCostUsd: This is 0 or more."),
        (document(approval={"expiresAfterHours": 0}), "approval.expiresAfterHours: This is 1 or more."),
        (document(approval={"expiresAfterHours": 721}), "approval.expiresAfterHours: This is 720 or less."),
        (document(environments={"Test": {}}), f"environments.Test: {ENVIRONMENT}"),
        (document(environments={"test": []}), "environments.test: This is an object."),
        (document(environments={"test": {"approval": ["x"]}}), f"environments.test.approval[0]: {KINDS}"),
        (
            document(environments={"test": {"maximumLifetimeDays": 0}}),
            "environments.test.maximumLifetimeDays: This is 1",
        ),
        (document(environments={"test": {"expiry": 1}}), f"environments.test.expiry: {NO_MEMBER}"),
        (
            document(environments={"production": {"purgeProtection": False}}),
            "environments.production.purgeProtection: This is always true in production, and cannot be false.",
        ),
        (
            document(environments={"production": {"denyByDefaultNetwork": False}}),
            "environments.production.denyByDefaultNetwork: This is always true in production, and cannot be false.",
        ),
        (
            document(environments={"ephemeral": {"expiryRequired": False}}),
            "environments.ephemeral.expiryRequired: This is always true in ephemeral, and cannot be false.",
        ),
        (document(backupPlaces={}), "backupPlaces: This is a list."),
        (document(backupPlaces=[{}]), "backupPlaces[0].container: This is required."),
        (document(backupPlaces=[place(container="backups")]), f"backupPlaces[0].container: {PLAIN_URL}"),
        (document(backupPlaces=[place(container=CONTAINER + "?sv=1")]), f"backupPlaces[0].container: {PLAIN_URL}"),
        (document(backupPlaces=[place(container=CONTAINER + "/a")]), f"backupPlaces[0].container: {CONTAINER_FORM}"),
        (
            document(backupPlaces=[place(container="https://a.example.com/blob.core.windows.net")]),
            f"backupPlaces[0].container: {CONTAINER_FORM}",
        ),
        (
            document(backupPlaces=[place(container="https://backups.blob.core.windows.net.example.com/hsm")]),
            f"backupPlaces[0].container: {CONTAINER_FORM}",
        ),
        (
            document(backupPlaces=[place(identity="hsm-backup")]),
            "backupPlaces[0].identity: This is the resource id of ",
        ),
        (
            document(backupPlaces=[place(identity=BACKUP_PLACE["identity"] + "/../x")]),
            "backupPlaces[0].identity: This is the resource id of a user-assigned identity: ",
        ),
        (
            document(backupPlaces=[place(), place(container=CONTAINER.replace("backups", "Backups"))]),
            "backupPlaces: A container is listed once: two of these are one.",
        ),
        (document(callers={}), "callers: This is a list."),
        (document(callers=["x"]), "callers[0]: This is an object."),
        (document(callers=[caller(name=None)]), "callers[0].name: This is required."),
        (document(callers=[caller(name="x" * 201)]), "callers[0].name: This has at most 200 characters."),
        (document(callers=[caller(application=None)]), f"callers[0]: {ONE_ID}"),
        (document(callers=[caller(group=GROUP)]), f"callers[0]: {ONE_ID}"),
        (document(callers=[caller(application="portal")]), f"callers[0].application: {GUID}"),
        (document(callers=[caller(application="*")]), f"callers[0].application: {GUID}"),
        (
            document(callers=[caller(), caller(application=None, group=APPLICATION.upper())]),
            "callers[1].group: callers[0] has this id, too: make them one entry.",
        ),
        (document(callers=[caller(teams=["Team"])]), f"callers[0].teams[0]: {TEAM}"),
        (document(callers=[caller(teams=["*"])]), f"callers[0].teams[0]: {TEAM}"),
        (document(callers=[caller(teams=["x" * 41])]), f"callers[0].teams[0]: {TEAM}"),
        (document(callers=[caller(subscriptions=["*", SUBSCRIPTION])]), f"callers[0].subscriptions[0]: {STAR}"),
        (document(callers=[caller(administrators=["me"])]), f"callers[0].administrators[0]: {GUID}"),
        (
            document(callers=[caller(wrappingVaults=["https://a.vault.azure.net"])]),
            f"callers[0].wrappingVaults[0]: {VAULT}",
        ),
        (document(callers=[caller(wrappingVaults=["vault-a", "*"])]), f"callers[0].wrappingVaults[1]: {STAR}"),
        (
            document(callers=[caller(wrappingThumbprints=["ab"])]),
            f"callers[0].wrappingThumbprints[0]: {THUMBPRINT_FORM}",
        ),
        (document(callers=[caller(requestsPerMinute=0)]), "callers[0].requestsPerMinute: This is 1 or more."),
        (document(callers=[caller(vaults=[])]), f"callers[0].vaults: {NO_MEMBER}"),
        (document(skuss=[]), f"skuss: {NO_MEMBER}"),
        (document(name_pattern="a"), f"name_pattern: {NO_MEMBER}"),
        (document(**{"x" * 41: 1}), f"(a name): {NO_MEMBER}"),
        (document(**{"\ud800": 1}), "policy: This holds something that is not Unicode."),
        (document(callers=[caller(name="\ud800")]), "callers[0].name: This holds something that is not Unicode."),
    ],
)
def test_each_mistake_has_its_sentence(policy: object, mistake: str) -> None:
    found = mistakes(json.dumps(policy))
    assert any(one.startswith(mistake) for one in found), found
    assert all(one.endswith(".") for one in found)


@pytest.mark.parametrize(
    ("text", "mistake"),
    [
        ("", "policy: This is not JSON: see line 1, column 1."),
        ("{\n  'a': 1}", "policy: This is not JSON: see line 2, column 3."),
        ("7" * 5000, "policy: This is not JSON: a number in it has too many digits."),
        ("[" * 100_000, "policy: This is nested too deeply."),
        ('{"x":' * 100_000 + "1" + "}" * 100_000, "policy: This is nested too deeply."),
        (text_of(document())[:-1] + ', "skus": ["Standard_B1"]}', "skus: This is said more than once."),
        (
            text_of(document()).replace('"name": "portal"', '"name": "a", "name": "b"'),
            "callers[0].name: This is said more than once.",
        ),
    ],
)
def test_what_json_itself_can_have_wrong(text: str, mistake: str) -> None:
    assert mistakes(text) == [mistake]


def test_all_mistakes_are_named_at_once() -> None:
    policy = document(
        locations=[],
        namePattern="(a+)+",
        requiredTags={"a": "(", "A": "."},
        environments={"production": {"purgeProtection": False, "approval": ["x"]}},
        callers=[caller(subscriptions=["x"]), caller(group=GROUP, teams=["*", "Y"])],
    )
    assert [one.partition(": ")[0] for one in mistakes(text_of(policy))] == [
        "environments.production.purgeProtection",
        "requiredTags",
        "callers[1]",
        "callers[1].application",
        "locations",
        "namePattern",
        "requiredTags.a",
        "environments.production.approval[0]",
        "callers[0].subscriptions[0]",
        "callers[1].teams[0]",
        "callers[1].teams[1]",
    ]


def test_no_mistake_repeats_a_value() -> None:
    secret = "s3cret-of-somebody"
    policy = dict.fromkeys(document(), secret) | {
        "approval": {"kinds": [secret], "expiresAfterHours": secret},
        "environments": {"production": {"approval": secret}},
        "callers": [caller(**dict.fromkeys(caller(), secret)), caller(**{name: [secret] for name in caller()}), secret],
    }
    found = mistakes(text_of(policy))
    assert len(found) > 15
    assert secret not in "".join(found)


def test_only_what_is_required_need_be_said() -> None:
    policy = parse_policy(text_of(document(callers=[])))
    assert policy.minimum_retention_days == 7
    assert policy.requests_per_minute == 60
    assert policy.maximum_hsms is None
    assert policy.approval.expires_after_hours == 72
    assert set(policy.environments) == {"production", "ephemeral", "development"}


@pytest.mark.parametrize("environments", [{}, {"environments": {"production": {}, "ephemeral": {}, "development": {}}}])
def test_what_production_and_ephemeral_always_ask_for(environments: dict[str, Any]) -> None:
    rules = parse_policy(text_of(document(**environments))).environments
    assert rules["production"].purge_protection
    assert rules["production"].deny_by_default_network
    assert not rules["production"].expiry_required
    assert rules["ephemeral"].expiry_required
    assert not rules["development"].purge_protection


def test_what_is_written_in_many_ways_has_one_form() -> None:
    entry = caller(
        application=APPLICATION.upper(),
        subscriptions=["{" + SUBSCRIPTION + "}"],
        wrappingVaults=["Vault-A"],
        wrappingThumbprints=[THUMBPRINT],
    )
    policy = parse_policy(text_of(document(locations=["Norway East"], callers=[entry])))
    assert policy.locations == ["norwayeast"]
    assert policy.callers[0].application == APPLICATION
    assert policy.callers[0].subscriptions == [SUBSCRIPTION]
    assert policy.callers[0].wrapping_vaults == ["vault-a"]
    assert policy.callers[0].wrapping_thumbprints == [THUMBPRINT]


def test_each_form_of_a_thumbprint_is_one_thumbprint() -> None:
    # SHA-256 of the text "1", as sha256sum and openssl write it.
    digits = "6b86b273ff34fce19d6b804eff5a3f5747ada4eaa22f1d49c01e52ddb7875b4b"
    colons = ":".join(re.findall("..", digits.upper()))
    assert {read_thumbprint(text) for text in (digits, digits.upper(), colons, THUMBPRINT)} == {THUMBPRINT}


@pytest.mark.parametrize("text", ["", "ab" * 31, "ab" * 33, "g" * 64, THUMBPRINT[:-1] + "t", THUMBPRINT + "=", "*"])
def test_what_is_no_thumbprint(text: str) -> None:
    with pytest.raises(ValueError, match="SHA-256 thumbprint"):
        read_thumbprint(text)


@given(documents())
def test_what_was_read_can_be_written_and_read_again(policy: dict[str, Any]) -> None:
    read = parse_policy(text_of(policy))
    assert parse_policy(read.to_json()) == read


def parse(text: str) -> Policy | list[str]:
    """Read a policy, or give its mistakes; anything else that is raised fails the test."""
    try:
        return parse_policy(text)
    except PolicyInvalid as invalid:
        return invalid.mistakes


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5) | st.sampled_from(["*", APPLICATION]),
    lambda values: st.lists(values, max_size=3) | st.dictionaries(st.text(max_size=5), values, max_size=3),
    max_leaves=5,
)


@given(st.text())
def test_no_text_raises_anything_else(text: str) -> None:
    assert parse(text) != []


@given(documents(), st.data())
def test_no_broken_policy_raises_anything_else(policy: dict[str, Any], data: st.DataObject) -> None:
    owner: dict[str, Any] = data.draw(
        st.sampled_from([policy, *policy["callers"], *policy.get("environments", {}).values()])
    )
    name = data.draw(st.sampled_from([*Policy.model_json_schema()["properties"], *owner, "x"]))
    owner[name] = data.draw(JSON)
    text = text_of(policy)
    assert parse(data.draw(st.sampled_from([text, text[:-3], text.replace('"', "", 1)]))) != []
