"""A subscription that appears and opted in gets its HSM, once; whatever else comes is recorded, and starts nothing."""

import json
import time
from collections.abc import Iterator
from typing import Any, Final

import pytest
from azure.core.credentials import AzureKeyCredential
from azure.eventgrid import EventGridEvent, EventGridPublisherClient

from domain.new_subscriptions import hsm_name_for
from local.azure.control.event_grid_models import MadeTopic
from local.policy import policy
from local.portal import Portal
from local.stack import Stack
from tests import stored
from tests.custodians import Custodian, request_for
from tests.hosts import deployed

FUNCTION: Final = "subscription_events"
TOPIC: Final = "new-subscriptions"
PREFIX: Final = "sub"
TAGS: Final = {"hsm": "wanted"}
GROUP: Final = {"name": "mg-payments", "displayName": "Payments"}
SOMEWHERE_ELSE: Final = {"name": "mg-sandbox", "displayName": "Sandbox"}


def section(stack: Stack, custodians: list[Custodian], **members: Any) -> dict[str, Any]:
    """What a policy says of new subscriptions."""
    request = request_for(stack, custodians)
    del request["subscriptionId"]
    opt_in = {"tag": {"name": "hsm", "value": "wanted"}, "managementGroups": [GROUP["name"]]}
    return {
        "optIn": opt_in,
        "team": "team-a",
        "namePrefix": PREFIX,
        "approval": False,
        "request": request,
        **members,
    }


@pytest.fixture(scope="module")
def deployment(stack: Stack, custodians: list[Custodian], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    settings = {"HSM_PROVISIONER_POLICY": policy(newSubscriptions=section(stack, custodians))}
    with deployed(stack, tmp_path_factory.mktemp("events"), settings) as running:
        yield running


@pytest.fixture(scope="module")
def portal(deployment: Stack) -> Portal:
    return Portal(deployment)


@pytest.fixture(scope="module")
def topic(deployment: Stack) -> MadeTopic:
    made = deployment.event_grid.put_topic(TOPIC)
    deployment.subscribe_function(FUNCTION, TOPIC, topic=TOPIC)
    return made


@pytest.fixture(autouse=True)
def room(stack: Stack) -> Iterator[None]:
    """Give the quota back of what a test had made."""
    yield
    stack.control.forget_hsms()


def appear(stack: Stack, **members: Any) -> str:
    """Have a subscription that opted in, but for what is said, and give its id."""
    return stack.control.create_subscription(**{"tags": TAGS, "management_groups": [GROUP], **members})


def created(subscription_id: str, **members: Any) -> EventGridEvent:
    """What a pipeline publishes that makes subscriptions."""
    data = {"subscriptionId": subscription_id}
    return EventGridEvent(
        **{
            "subject": f"/subscriptions/{subscription_id}",
            "event_type": "Contoso.SubscriptionCreated",
            "data": data,
            "data_version": "1",
            **members,
        }
    )


def publish(topic: MadeTopic, *events: EventGridEvent) -> None:
    """Publish as a pipeline does, with Microsoft's SDK."""
    with EventGridPublisherClient(topic.endpoint, AzureKeyCredential(topic.keys[0])) as client:
        client.send(list(events))


def find_onboarding(stack: Stack, subscription_id: str) -> dict[str, Any]:
    """Read what became of a subscription; nothing where nobody looked at it."""
    records = stored.service(stack).get_container_client("hsm-records")
    blob = records.get_blob_client(f"onboarding/{subscription_id}")
    document: dict[str, Any] = json.loads(blob.download_blob().readall()) if blob.exists() else {}
    return document


def await_conclusion(stack: Stack, subscription_id: str, *, seconds: float = 60) -> dict[str, Any]:
    """Wait until somebody has looked at a subscription, and give what was decided."""
    deadline = time.monotonic() + seconds
    while "conclusion" not in (onboarding := find_onboarding(stack, subscription_id)):
        assert time.monotonic() < deadline, onboarding
        time.sleep(0.1)
    conclusion: dict[str, Any] = onboarding["conclusion"]
    return conclusion


def follow(portal: Portal, conclusion: dict[str, Any]) -> dict[str, Any]:
    """Follow the operation that was begun."""
    assert conclusion["decision"] == "started", conclusion
    operation = portal.follow(conclusion["operationId"])
    assert operation["status"] == "Succeeded", operation
    return operation


def test_a_subscription_that_opted_in_gets_its_hsm(deployment: Stack, portal: Portal, topic: MadeTopic) -> None:
    subscription_id = appear(deployment)
    publish(topic, created(subscription_id))
    operation = follow(portal, await_conclusion(deployment, subscription_id))
    name = hsm_name_for(PREFIX, subscription_id)
    assert (operation["hsm"], operation["origin"], operation["kind"]) == (name, "event", "provision")
    hsm = portal.send("GET", f"hsms/{name}").json()
    assert (hsm["state"], hsm["team"]) == ("Active", "team-a")
    assert f"/subscriptions/{subscription_id}/" in hsm["resourceId"]
