"""A subscription that appears and opted in gets its HSM, once; whatever else comes is recorded, and starts nothing."""

import hashlib
import itertools
import json
import os
import signal
import time
import uuid
from collections import defaultdict
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any, Final, cast
from urllib.parse import parse_qs, urlsplit

import azure.durable_functions as df
import pytest
import requests
from azure.core.credentials import AzureKeyCredential
from azure.eventgrid import EventGridEvent, EventGridPublisherClient
from azure.functions.eventgrid import EventGridEventInConverter
from azure.functions.meta import Datum
from durabletask.client import TaskHubGrpcClient
from hypothesis import given, settings

from activities.claim_new_subscription import claim_new_subscription
from domain import settings as app
from domain.errors import ServiceError
from domain.new_subscriptions import hsm_name_for
from domain.onboarding import NewSubscription
from domain.subscription_events.model import RefusedEvent
from domain.subscription_events.normalise import normalise_event
from local.azure.control.event_grid_models import MadeTopic
from local.azure.control.models import NewFault, NewHold
from local.azure.core.faults import Answer
from local.azure.event_grid.settings import Disorder
from local.policy import TEAM_A, caller, policy
from local.portal import Portal
from local.stack import Stack
from tests import stored
from tests.custodians import Custodian, request_for
from tests.domain.test_subscription_events import CASES, mutated
from tests.hosts import deployed
from tests.in_process import signed_in_as_the_app
from tests.people import Person, await_step
from tests.test_approval import durable
from triggers.onboarding import take_event
from triggers.whole_events import WholeEvent

FUNCTION: Final = "subscription_events"
TOPIC: Final = "new-subscriptions"
PREFIX: Final = "sub"
# What waits for approval here is none of what other tests list.
TEAM: Final = "team-events"
TAGS: Final = {"hsm": "wanted"}
ENVIRONMENTS: Final = {"development": {"purgeAllowed": True}}
REASON: Final = "Nobody asked for this HSM: a subscription appeared."
PERSON: Final = "00000000-0000-4000-8000-0000000a0061"
GROUP: Final = {"name": "mg-payments", "displayName": "Payments"}
SOMEWHERE_ELSE: Final = {"name": "mg-sandbox", "displayName": "Sandbox"}


def section(stack: Stack, custodians: list[Custodian], **members: Any) -> dict[str, Any]:
    """What a policy says of new subscriptions."""
    request = request_for(stack, custodians)
    del request["subscriptionId"]
    opt_in = {"tag": {"name": "hsm", "value": "wanted"}, "managementGroups": [GROUP["name"]]}
    return {
        "optIn": opt_in,
        "team": TEAM,
        "namePrefix": PREFIX,
        "request": request,
        **members,
    }


@pytest.fixture(scope="module")
def deployment(stack: Stack, custodians: list[Custodian], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    callers = [caller("the team", TEAM_A, [TEAM])]
    text = policy(newSubscriptions=section(stack, custodians), environments=ENVIRONMENTS, callers=callers)
    with deployed(stack, tmp_path_factory.mktemp("events"), {"HSM_PROVISIONER_POLICY": text}) as running:
        yield running


@pytest.fixture(scope="module")
def portal(deployment: Stack) -> Portal:
    return Portal(deployment)


@pytest.fixture(scope="module")
def approver(deployment: Stack) -> Person:
    return Person(deployment, 62, ["Hsm.Approve"])


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


def begun(portal: Portal, conclusion: dict[str, Any]) -> dict[str, Any]:
    """Give the operation that was begun, once it waits for its approval."""
    assert conclusion["decision"] == "started", conclusion
    return await_step(portal, conclusion["operationId"], "await_approval")


def approve(portal: Portal, approver: Person, operation: dict[str, Any]) -> dict[str, Any]:
    assert approver.decide(operation, "approve").status_code == 200
    ended = portal.follow(operation["id"])
    assert ended["status"] == "Succeeded", ended
    return ended


def audited(stack: Stack, **query: str) -> list[dict[str, Any]]:
    """Read the audit log as an auditor."""
    auditor = Person(stack, 63, ["Hsm.Audit"])
    records: list[dict[str, Any]] = []
    page = auditor.send("GET", "audit", params=query).json()
    records += page["value"]
    while "nextLink" in page:
        token = parse_qs(urlsplit(page["nextLink"]).query)["continuationToken"][0]
        page = auditor.send("GET", "audit", params={**query, "continuationToken": token}).json()
        records += page["value"]
    return records


def decided_against(stack: Stack) -> dict[str, list[str]]:
    """Give each subscription's decisions that began nothing, as the audit log has them."""
    found: dict[str, list[str]] = defaultdict(list)
    for record in audited(stack, kind="onboarding"):
        if "operationId" not in record:
            found[record["detail"]["subscriptionId"]].append(record["outcome"])
    return found


def operations_of(portal: Portal, subscription_id: str) -> list[dict[str, Any]]:
    """List what was ever begun on the HSM of a subscription."""
    name = hsm_name_for(PREFIX, subscription_id)
    operations: list[dict[str, Any]] = portal.send("GET", "operations", params={"hsm": name}).json()["value"]
    return operations


def await_deliveries(stack: Stack, name: str, count: int, *, seconds: float = 90) -> list[dict[str, Any]]:
    """Wait until as many deliveries as were asked for have been taken, and give them all."""
    deadline = time.monotonic() + seconds
    while True:
        deliveries = stack.event_grid.deliveries(name)
        if sum(delivery["state"] == "delivered" for delivery in deliveries) >= count:
            return deliveries
        assert time.monotonic() < deadline, deliveries[-3:]
        time.sleep(0.1)


def deliver(stack: Stack, events: list[Any]) -> int:
    """Give events to the webhook as Event Grid does, in one delivery."""
    headers = {"aeg-event-type": "Notification", "Content-Type": "application/json"}
    with requests.Session() as session:
        session.trust_env = False
        url = stack.host.event_grid_url(FUNCTION)
        return session.post(url, data=json.dumps(events), headers=headers, timeout=120).status_code


def event_records(stack: Stack) -> dict[str, bytes]:
    """Read what is recorded of events, by path."""
    records = stored.service(stack).get_container_client("hsm-records")
    paths = list(records.list_blob_names(name_starts_with="events/"))
    with ThreadPoolExecutor(8) as pool:
        return dict(zip(paths, pool.map(lambda path: records.download_blob(path).readall(), paths), strict=True))


def test_a_subscription_that_opted_in_gets_its_hsm_once_it_is_approved(
    deployment: Stack, portal: Portal, approver: Person, topic: MadeTopic
) -> None:
    deployment.control.change_timing(registration_seconds=2)
    since = len(deployment.control.journal("resource_manager"))
    subscription_id = appear(deployment)
    publish(topic, created(subscription_id))
    waiting = begun(portal, await_conclusion(deployment, subscription_id))
    assert waiting["approval"]["reasons"] == [REASON]
    assert not [hsm for hsm in deployment.control.hsms() if hsm["name"] == waiting["hsm"]]
    operation = approve(portal, approver, waiting)
    name = hsm_name_for(PREFIX, subscription_id)
    assert (operation["hsm"], operation["origin"], operation["kind"]) == (name, "event", "provision")
    hsm = portal.send("GET", f"hsms/{name}").json()
    assert (hsm["state"], hsm["team"]) == ("Active", TEAM)
    assert f"/subscriptions/{subscription_id}/" in hsm["resourceId"]
    # New subscriptions are not registered; one registration is asked for, and awaited.
    paths = [entry["path"] for entry in deployment.control.journal("resource_manager")[since:]]
    assert sum(path.endswith(f"{subscription_id}/providers/Microsoft.KeyVault/register") for path in paths) == 1
    chain = audited(deployment, operation=operation["id"])
    assert [record["kind"] for record in chain[:2]] == ["onboarding", "accepted"]
    assert sum(record["kind"] == "onboarding" for record in chain) == 1
    assert (chain[0]["outcome"], chain[0]["detail"]["subscriptionId"]) == ("started", subscription_id)


def test_many_events_at_once_and_out_of_order_begin_one(
    deployment: Stack, portal: Portal, approver: Person, topic: MadeTopic
) -> None:
    subscription_id = appear(deployment, registered=True)
    grid, before = deployment.event_grid, len(deployment.event_grid.deliveries(TOPIC))
    grid.change_disorder(TOPIC, Disorder(copies=10, order="shuffled", hold=True))
    publish(topic, *(created(subscription_id, id=f"{subscription_id}-{number}") for number in range(5)))
    grid.change_disorder(TOPIC, Disorder())
    # Each with the first attempt: no event is sent back because another of its subscription is being looked at.
    deliveries = await_deliveries(deployment, TOPIC, before + 50)[before:]
    assert {attempt["status"] for delivery in deliveries for attempt in delivery["attempts"]} == {202}
    operation = approve(portal, approver, begun(portal, await_conclusion(deployment, subscription_id)))
    assert [one["id"] for one in operations_of(portal, subscription_id)] == [operation["id"]]
    recorded = [json.loads(content)["results"][0] for content in event_records(deployment).values()]
    assert sum(result.get("subscriptionId") == subscription_id for result in recorded) == 5
    publish(topic, created(subscription_id))
    assert await_decision(deployment, subscription_id, "begun_before")["hsm"] == operation["hsm"]
    assert [one["id"] for one in operations_of(portal, subscription_id)] == [operation["id"]]


def await_decision(stack: Stack, subscription_id: str, decision: str) -> dict[str, Any]:
    """Wait for a decision in place of the one before."""
    deadline = time.monotonic() + 60
    while True:
        conclusion = await_conclusion(stack, subscription_id)
        if conclusion["decision"] == decision:
            return conclusion
        assert time.monotonic() < deadline, conclusion
        time.sleep(0.1)


NOT_WANTED: Final[dict[str, tuple[dict[str, Any], str]]] = {
    "no tag": ({"tags": {}}, "not_opted_in"),
    "another value": ({"tags": {"hsm": "Wanted"}}, "not_opted_in"),
    "no management group": ({"management_groups": []}, "not_opted_in"),
    "another management group": ({"management_groups": [SOMEWHERE_ELSE]}, "not_opted_in"),
    "disabled": ({"state": "Disabled"}, "not_enabled"),
    "past due": ({"state": "PastDue"}, "not_enabled"),
}


def test_whatever_an_event_says_a_subscription_that_did_not_opt_in_gets_nothing(
    deployment: Stack, portal: Portal, topic: MadeTopic
) -> None:
    forged = {
        "tenantId": deployment.azure.endpoints.tenant_id,
        "tags": TAGS,
        "state": "Enabled",
        "managementGroups": [GROUP],
        "hsm": {"name": "mine", "sku": "Custom_B32", "team": "team-b", "administrators": [PERSON]},
    }
    decisions = {appear(deployment, **members): decision for members, decision in NOT_WANTED.values()}
    decisions[deployment.azure.endpoints.other_tenant_subscription_id] = "not_ours"
    decisions[str(uuid.uuid4())] = "not_ours"
    events = [created(one, data={"subscriptionId": one, **forged}) for one in decisions]
    publish(topic, *events)
    assert {one: await_conclusion(deployment, one)["decision"] for one in decisions} == decisions
    assert [operation for one in decisions for operation in operations_of(portal, one)] == []
    publish(topic, *(created(one) for one in list(decisions)[:2]))
    # Whoever holds the host's keys can do no more than an event.
    instances = [f"subscription-{one}" for one in list(decisions)[:2]]
    with TaskHubGrpcClient(host_address=deployment.host.durable_address) as engine:
        for instance in instances:
            engine.wait_for_orchestration_completion(instance, timeout=60)
            assert durable(deployment, f"orchestrators/subscription_onboarding/{instance}", forged).ok
            engine.wait_for_orchestration_completion(instance, timeout=60)
    assert {one: await_conclusion(deployment, one)["decision"] for one in decisions} == decisions
    assert [operation for one in decisions for operation in operations_of(portal, one)] == []
    assert deployment.control.hsms() == []
    # What was decided once more is no news.
    told = decided_against(deployment)
    assert {one: told[one] for one in decisions} == {one: [decision] for one, decision in decisions.items()}


def test_an_event_that_comes_while_one_is_decided_on_is_not_lost(
    deployment: Stack, portal: Portal, topic: MadeTopic
) -> None:
    subscription_id = appear(deployment, tags={}, registered=True)
    hold = deployment.control.hold(
        NewHold(service="blob_storage", method="PUT", path=f"/onboarding/{subscription_id}", phase="before", skip=1)
    )
    publish(topic, created(subscription_id))
    # It has decided, and is about to say so.
    assert deployment.control.await_hold(hold, 30)
    deployment.control.change_subscription(subscription_id, tags=TAGS)
    before = len(deployment.event_grid.deliveries(TOPIC))
    publish(topic, created(subscription_id))
    await_deliveries(deployment, TOPIC, before + 1)
    deployment.control.release(hold)
    operation = begun(portal, await_decision(deployment, subscription_id, "started"))
    # What the first look was about to conclude is on record, though the second one counts.
    assert decided_against(deployment)[subscription_id] == ["not_opted_in"]
    assert audited(deployment, operation=operation["id"])[0]["kind"] == "onboarding"


def test_where_a_subscription_is_placed_may_be_known_later(deployment: Stack, portal: Portal, topic: MadeTopic) -> None:
    deployment.control.change_resource_manager(graph_lag_seconds=3)
    try:
        subscription_id = appear(deployment, registered=True)
        publish(topic, created(subscription_id))
        begun(portal, await_conclusion(deployment, subscription_id))
    finally:
        deployment.control.change_resource_manager(graph_lag_seconds=0)


def test_what_fails_is_recorded_and_the_next_event_begins_anew(
    deployment: Stack, portal: Portal, topic: MadeTopic
) -> None:
    subscription_id = appear(deployment)
    fault = NewFault(service="resource_manager", method="POST", path="/register", count=1, effect=Answer(status=400))
    deployment.control.inject_fault(fault)
    publish(topic, created(subscription_id))
    failed = await_conclusion(deployment, subscription_id)
    assert (failed["decision"], failed["error"]["code"]) == ("failed", "azure_refused")
    publish(topic, created(subscription_id))
    begun(portal, await_decision(deployment, subscription_id, "started"))


def test_a_worker_that_dies_once_it_has_claimed_the_name_begins_one(
    deployment: Stack, portal: Portal, topic: MadeTopic
) -> None:
    subscription_id = appear(deployment, registered=True)
    claim = f"/claims/{hsm_name_for(PREFIX, subscription_id)}"
    hold = deployment.control.hold(NewHold(service="blob_storage", method="PUT", path=claim, phase="after"))
    publish(topic, created(subscription_id))
    assert deployment.control.await_hold(hold, 30)
    os.kill(deployment.host.worker_process_id(), signal.SIGKILL)
    deployment.control.release(hold)
    begun(portal, await_conclusion(deployment, subscription_id))
    assert len(operations_of(portal, subscription_id)) == 1


@contextmanager
def with_policy(stack: Stack, text: str) -> Iterator[None]:
    """Let the app's own code run in this process under a policy."""
    with signed_in_as_the_app(stack), pytest.MonkeyPatch.context() as patch:
        patch.setenv("HSM_PROVISIONER_POLICY", text)
        app.settings.cache_clear()
        app.deployment_policy.cache_clear()
        yield
    app.deployment_policy.cache_clear()


def test_the_claim_is_held_against_policy_and_subscription_again(stack: Stack, custodians: list[Custodian]) -> None:
    wanted, unwanted = appear(stack, registered=True), appear(stack, tags={})
    members: dict[str, Any] = {"newSubscriptions": section(stack, custodians)}
    with with_policy(stack, policy(subscriptions=[stack.azure.endpoints.subscription_id], **members)):
        with pytest.raises(ServiceError) as refused:
            claim_new_subscription(NewSubscription(subscription_id=wanted))
        assert refused.value.detail.code == "subscription_not_allowed"
    with with_policy(stack, policy()):
        nothing = claim_new_subscription(NewSubscription(subscription_id=wanted)).result
        assert nothing["decision"] == "not_configured"
    with with_policy(stack, policy(**members)):
        assert claim_new_subscription(NewSubscription(subscription_id=unwanted)).result["decision"] == "not_opted_in"
        claimed, again = (claim_new_subscription(NewSubscription(subscription_id=wanted)).result for _ in range(2))
        assert claimed["decision"] == "started"
        assert again == claimed
    # Nobody starts it here, and other tests list what was claimed.
    stored.service(stack).get_blob_client("hsm-records", f"claims/{claimed['hsm']}").delete_blob()


def test_what_was_rejected_or_canceled_is_begun_again_by_a_request_only(
    stack: Stack, deployment: Stack, portal: Portal, approver: Person, topic: MadeTopic, custodians: list[Custodian]
) -> None:
    rejected, canceled = (appear(deployment, registered=True) for _ in range(2))
    publish(topic, created(rejected), created(canceled))
    waiting = begun(portal, await_conclusion(deployment, rejected))
    assert approver.decide(waiting, "reject").status_code == 200
    assert portal.follow(waiting["id"])["error"]["code"] == "approval_rejected"
    waiting = begun(portal, await_conclusion(deployment, canceled))
    assert portal.send("POST", f"operations/{waiting['id']}/cancel").status_code == 202
    assert portal.follow(waiting["id"])["status"] == "Canceled"
    publish(topic, created(rejected), created(canceled))
    for one in (rejected, canceled):
        await_decision(deployment, one, "begun_before")
        assert len(operations_of(portal, one)) == 1
    body = request_for(stack, custodians, subscriptionId=canceled)
    operation = portal.follow(portal.put_hsm(hsm_name_for(PREFIX, canceled), body).json()["id"])
    assert operation["status"] == "Succeeded", operation
    assert operation["origin"] == "request"


def test_what_was_purged_stays_so(deployment: Stack, portal: Portal, approver: Person, topic: MadeTopic) -> None:
    subscription_id = appear(deployment, registered=True)
    publish(topic, created(subscription_id))
    approve(portal, approver, begun(portal, await_conclusion(deployment, subscription_id)))
    name = hsm_name_for(PREFIX, subscription_id)
    purge = portal.send("DELETE", f"hsms/{name}", params={"purge": "true", "requestedBy": PERSON})
    approve(portal, approver, await_step(portal, purge.json()["id"], "await_approval"))
    publish(topic, created(subscription_id))
    await_decision(deployment, subscription_id, "begun_before")
    assert portal.send("GET", f"hsms/{name}").json()["state"] == "Purged"
    assert len(operations_of(portal, subscription_id)) == 2


def test_storage_that_is_down_has_the_event_sent_again(deployment: Stack, portal: Portal, topic: MadeTopic) -> None:
    subscription_id = appear(deployment, registered=True)
    before = len(deployment.event_grid.deliveries(TOPIC))
    fault = NewFault(service="blob_storage", method="PUT", path="/events/", count=1, effect=Answer(status=503))
    deployment.control.inject_fault(fault)
    publish(topic, created(subscription_id))
    (delivery,) = await_deliveries(deployment, TOPIC, before + 1)[before:]
    assert [attempt["status"] for attempt in delivery["attempts"]] == [500, 202]
    begun(portal, await_conclusion(deployment, subscription_id))


def test_every_shape_is_taken_whatever_is_wrong_with_it(deployment: Stack) -> None:
    known = set(event_records(deployment))
    for _, case in CASES:
        assert deliver(deployment, [case["event"]]) == 202, case["name"]
    results = [
        json.loads(content)["results"] for path, content in event_records(deployment).items() if path not in known
    ]
    # Some of one id are written in several shapes.
    wanted = [case["results"] for _, case in CASES]
    assert all(result in wanted for result in results)
    found = {json.dumps(one) for result in results for one in result}
    assert {json.dumps(one) for result in wanted for one in result if "reason" in one} <= found


ODD: Final[list[Any]] = [
    {},
    {"records": []},
    {"specversion": "1.0", "type": "a.SubscriptionCreated", "id": "1", "source": "a", "time": "soon"},
    {"specversion": "1.0", "type": "a.SubscriptionCreated", "id": "1", "source": "a", "time": 7, "self": "b"},
    {"eventType": "a.SubscriptionCreated", "id": "2", "eventTime": ["2026"], "data": {"subscriptionId": ["x"]}},
    {"eventType": 7, "data": "text", "id": None, "topic": {}, "subject": "\ud800"},
]


def fuzzed(count: int) -> list[Any]:
    """Give changed events, always the same."""
    events: list[Any] = []

    @settings(derandomize=True, max_examples=count, database=None)
    @given(mutated())
    def collect(event: Any) -> None:
        events.append(event)

    collect()
    return [event for event in events if isinstance(event, dict)]


def test_without_a_word_of_new_subscriptions_events_are_recorded_and_nothing_is_begun(stack: Stack) -> None:
    subscription_id = appear(stack)
    known = set(event_records(stack))
    proper = {"eventType": "a.SubscriptionCreated", "id": subscription_id, "data": {"subscriptionId": subscription_id}}
    events = [*ODD, *fuzzed(300), proper]
    assert {deliver(stack, events[begin : begin + 50]) for begin in range(0, len(events), 50)} == {202}
    results = [json.loads(content)["results"] for path, content in event_records(stack).items() if path not in known]
    assert [one["kind"] for result in results for one in result if one.get("subscriptionId") == subscription_id] == [
        "subscription_created"
    ]
    assert all(results)
    assert all(one.get("reason") or one["subscriptionId"] for result in results for one in result)
    assert find_onboarding(stack, subscription_id) == {}


def take(event: Any, client: df.SyncDurableFunctionsClient) -> None:
    """Have the function's own code take an event, as the worker gives it."""
    whole = EventGridEventInConverter.decode(Datum(json.dumps(event), "json"), trigger_metadata={})
    assert isinstance(whole, WholeEvent)
    take_event(whole, client)


@pytest.fixture
def dead() -> Iterator[df.SyncDurableFunctionsClient]:
    """The client of an engine that there is not."""
    with TaskHubGrpcClient(host_address="127.0.0.1:1") as client:
        yield cast("df.SyncDurableFunctionsClient", client)


def test_a_thousand_changed_events_are_recorded(stack: Stack, dead: df.SyncDurableFunctionsClient) -> None:
    events = fuzzed(1000)
    assert len(events) > 800
    with signed_in_as_the_app(stack), ThreadPoolExecutor(8) as pool:
        list(pool.map(take, events, itertools.repeat(dead)))
    refused = [event for event in events if all(isinstance(one, RefusedEvent) for one in normalise_event(event))]
    assert len(refused) > 200
    records = stored.service(stack).get_container_client("hsm-records")
    recorded = {path.rpartition("/")[2] for path in records.list_blob_names(name_starts_with="events/")}
    assert {hashlib.sha256(json.dumps(event).encode()).hexdigest() for event in refused} <= recorded


def test_an_engine_that_is_down_has_the_event_sent_again(
    stack: Stack, dead: df.SyncDurableFunctionsClient, custodians: list[Custodian]
) -> None:
    event = {"eventType": "a.SubscriptionCreated", "id": "1", "data": {"subscriptionId": str(uuid.uuid4())}}
    with with_policy(stack, policy(newSubscriptions=section(stack, custodians))):
        with pytest.raises(ServiceError) as failure:
            take(event, dead)
        assert failure.value.detail.code == "engine_unavailable"
