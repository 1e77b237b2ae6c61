"""What the policy says of new subscriptions: which opted in, what they get, and each mistake by its place."""

import json
import re
from datetime import UTC, datetime, timedelta
from typing import Any, get_args

import pytest

from domain.drift_findings import MissingOutcome
from domain.fields import Origin
from domain.names import normalise_hsm_name
from domain.new_subscriptions import has_tag, hsm_name_for, is_below, request_for
from domain.onboarding import Decision
from domain.policy import NewSubscriptions, OptIn, Policy, PolicyInvalid, parse_policy
from domain.policy_rules import find_approval_reasons
from domain.subscription_events.model import SubscriptionEvent
from domain.subscription_events.normalise import normalise_event
from tests.domain.policy_documents import (
    ADMINISTRATOR,
    OTHER_SUBSCRIPTION,
    SUBSCRIPTION,
    Document,
    caller,
    document,
    text_of,
)
from tests.domain.policy_members import GUIDE

NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)
TAG = {"name": "hsm", "value": "wanted"}
KEY = "https://vault-a.vault.azure.net/certificates/custodian-"


def request(**members: Any) -> Document:
    keys = [{"certificateId": f"{KEY}{number}"} for number in range(3)]
    return {
        "resourceGroup": "rg-hsm",
        "location": "norwayeast",
        "administrators": [ADMINISTRATOR],
        "environment": "development",
        "securityDomain": {"quorum": 2, "wrappingKeys": keys},
    } | members


def new_subscriptions(**members: Any) -> Document:
    section = {"optIn": {"tag": TAG}, "team": "team-a", "namePrefix": "sub", "request": request()} | members
    return {name: value for name, value in section.items() if value is not None}


def read(section: Any, **members: Any) -> Policy:
    return parse_policy(text_of(document(newSubscriptions=section, **members)))


def section_of(policy: Policy) -> NewSubscriptions:
    assert policy.new_subscriptions is not None
    return policy.new_subscriptions


def test_the_request_for_a_subscription() -> None:
    new = section_of(read(new_subscriptions(lifetimeDays=30)))
    made = request_for(new, SUBSCRIPTION, NOW)
    assert (made.subscription_id, made.expires_at, made.team) == (SUBSCRIPTION, NOW + timedelta(days=30), None)
    assert request_for(section_of(read(new_subscriptions())), SUBSCRIPTION, NOW).expires_at is None


@pytest.mark.parametrize("prefix", ["s", "sub", "new-subs", "abcdefghijk"])
def test_the_name_is_the_same_for_a_subscription_however_it_is_written(prefix: str) -> None:
    name = hsm_name_for(prefix, SUBSCRIPTION.upper())
    assert name == normalise_hsm_name(name) == hsm_name_for(prefix, SUBSCRIPTION)
    assert re.fullmatch(rf"{prefix}-[0-9a-f]{{12,22}}", name)
    assert len(name) == 24
    assert name != hsm_name_for(prefix, OTHER_SUBSCRIPTION)


@pytest.mark.parametrize(
    ("opt_in", "tags", "groups", "tagged", "placed"),
    [
        ({"tag": TAG}, {"hsm": "wanted"}, [], True, True),
        ({"tag": TAG}, {"HSM": "wanted"}, [], True, True),
        ({"tag": TAG}, {"hsm": "Wanted"}, [], False, True),
        ({"tag": TAG}, {}, ["any"], False, True),
        ({"managementGroups": ["mg-a", "MG-B"]}, {}, ["root", "Mg-b"], True, True),
        ({"managementGroups": ["mg-a"]}, {"hsm": "wanted"}, ["root", "mg-a2"], True, False),
        ({"tag": TAG, "managementGroups": ["mg-a"]}, {"hsm": "wanted"}, ["mg-a"], True, True),
        ({"tag": TAG, "managementGroups": ["mg-a"]}, {"hsm": "wanted"}, [], True, False),
        ({"tag": TAG, "managementGroups": ["mg-a"]}, {}, ["mg-a"], False, True),
    ],
)
def test_what_a_subscription_must_have(
    opt_in: Document, tags: dict[str, str], groups: list[str], tagged: bool, placed: bool
) -> None:
    read_opt_in = OptIn.model_validate(opt_in)
    assert (has_tag(read_opt_in, tags), is_below(read_opt_in, groups)) == (tagged, placed)


PLACE = "newSubscriptions"
KINDS: Document = {"development": {}, "ephemeral": {"maximumLifetimeDays": 14}, "production": {}}


@pytest.mark.parametrize(
    ("section", "mistake"),
    [
        ([], f"{PLACE}: This is an object."),
        ({}, f"{PLACE}.optIn: This is required."),
        (new_subscriptions(optIn={}), f"{PLACE}.optIn: This has tag or managementGroups, or both"),
        (new_subscriptions(optIn={"tag": None}), f"{PLACE}.optIn: This has tag or managementGroups, or both"),
        (new_subscriptions(optIn={"managementGroups": []}), f"{PLACE}.optIn.managementGroups: This is empty"),
        (
            new_subscriptions(optIn={"managementGroups": ["/providers/x"]}),
            f"{PLACE}.optIn.managementGroups[0]: This is a management group's name",
        ),
        (new_subscriptions(optIn={"tag": {"name": "a"}}), f"{PLACE}.optIn.tag.value: This is required."),
        (new_subscriptions(optIn={"tag": {**TAG, "value": ""}}), f"{PLACE}.optIn.tag.value: "),
        (new_subscriptions(team=None), f"{PLACE}.team: This is required."),
        *(
            (new_subscriptions(namePrefix=wrong), f"{PLACE}.namePrefix: This has 1 to 11 small letters")
            for wrong in ("", "Sub", "1sub", "sub-", "a--b", "abcdefghijkl", "sub\n")
        ),
        (new_subscriptions(approval="no"), f"{PLACE}.approval: This is true or false."),
        (new_subscriptions(lifetimeDays=0), f"{PLACE}.lifetimeDays: This is 1 or more."),
        (new_subscriptions(request=None), f"{PLACE}.request: This is required."),
        (new_subscriptions(request=[]), f"{PLACE}.request: This is an object."),
        *(
            (new_subscriptions(request=request(**{name: "x"})), f"{PLACE}.request.{name}: There is no such member.")
            for name in ("subscriptionId", "team", "requestedBy", "expiresAt", "colour")
        ),
        (new_subscriptions(request=request(location=7)), f"{PLACE}.request.location: This is the name of an Azure"),
        (
            new_subscriptions(request=request(securityDomain={"quorum": 2, "wrappingKeys": [{}] * 3})),
            f"{PLACE}.request.securityDomain.wrappingKeys[0]: A wrapping key has exactly one",
        ),
        (
            new_subscriptions(
                request=request(securityDomain={"quorum": 2, "wrappingKeys": [{"certificateId": KEY + "1"}] * 3})
            ),
            f"{PLACE}.request.securityDomain.wrappingKeys[1]: This is the certificate of",
        ),
        (
            new_subscriptions(request=request(location="westeurope")),
            f"{PLACE}.request.location: The policy allows no HSM in this region",
        ),
        (
            new_subscriptions(request=request(environment="staging")),
            f"{PLACE}.request.environment: There is no such environment here.",
        ),
        (
            new_subscriptions(request=request(environment="production")),
            f"{PLACE}.request.purgeProtection: The policy wants purge protection",
        ),
        (new_subscriptions(request=request(environment="ephemeral")), f"{PLACE}.lifetimeDays: In this environment"),
        (
            new_subscriptions(request=request(environment="ephemeral"), lifetimeDays=15),
            f"{PLACE}.lifetimeDays: In this environment the policy wants an HSM to expire within 14 days.",
        ),
    ],
)
def test_a_mistake_is_named_by_its_place(section: Any, mistake: str) -> None:
    with pytest.raises(PolicyInvalid) as invalid:
        read(section, environments=KINDS)
    assert [one for one in invalid.value.mistakes if one.startswith(mistake)], invalid.value.mistakes


def test_what_the_policy_says_of_all_holds_here_too() -> None:
    section = new_subscriptions(request=request(tags={"owner": "7"}))
    with pytest.raises(PolicyInvalid) as invalid:
        read(section, namePattern="prod-[a-z]+", requiredTags={"owner": "[a-z]+"}, minimumRetentionDays=90)
    assert [mistake.partition(":")[0] for mistake in invalid.value.mistakes] == [
        f"{PLACE}.namePrefix",
        f"{PLACE}.request.tags.owner",
    ]
    read(new_subscriptions(request=request(environment="ephemeral"), lifetimeDays=14), environments=KINDS)


def reasons(policy: Policy, origin: Origin) -> list[str]:
    return find_approval_reasons(policy, "development", "Standard_B1", "provision", origin=origin)


def test_what_nobody_asked_for_is_approved_unless_the_policy_says_otherwise() -> None:
    (reason,) = reasons(read(new_subscriptions()), "event")
    assert reason == "Nobody asked for this HSM: a subscription appeared."
    assert reasons(read(new_subscriptions()), "request") == []
    assert reasons(read(new_subscriptions(approval=False)), "event") == []
    # The section was taken out meanwhile.
    assert reasons(parse_policy(text_of(document())), "event") == [reason]


def test_the_guide_shows_what_is_taken() -> None:
    guide = GUIDE.with_name("subscription-events.md").read_text()
    section, event = (json.loads(text) for text in re.findall(r"^```json\n(.*?)^```", guide, re.MULTILINE | re.DOTALL))
    callers = [caller(teams=["payments"])]
    assert section_of(read(section, callers=callers)).team == "payments"
    (result,) = normalise_event(event)
    assert isinstance(result, SubscriptionEvent)
    assert result.kind == "subscription_created"
    # `wanted` is a word of the code's own, between two steps.
    decisions = set(get_args(Decision)) - {"wanted", "not_configured"}
    looks, lost, _ = re.split(r"^## (?:When an event is lost|What the identity needs)$", guide, flags=re.MULTILINE)
    assert find_rows(looks) == decisions
    assert find_rows(lost) == set(get_args(MissingOutcome))


def find_rows(guide: str) -> set[str]:
    return set(re.findall(r"^\| `([a-z_]+)` \|", guide, re.MULTILINE))
