"""Private endpoints of HSMs, their connections, and what is refused."""

from collections.abc import Callable
from typing import Any

import pytest

from local.azure.control.client import ControlClient
from tests.local.azure.network.conftest import Caller, Net, code

JOIN = "Microsoft.Network/virtualNetworks/subnets/join/action"
APPROVE = "Microsoft.KeyVault/managedHSMs/privateEndpointConnectionsApproval/action"


def connections(caller: Caller, net: Net) -> list[dict[str, Any]]:
    listed: list[dict[str, Any]] = caller("GET", f"{net.hsm_id}/privateEndpointConnections").json()["value"]
    return listed


def status(document: dict[str, Any]) -> str:
    return str(document["properties"]["privateLinkServiceConnectionState"]["status"])


def test_an_endpoint_is_made_in_time_and_its_connection_approved(
    caller: Caller, net: Net, control: ControlClient
) -> None:
    control.change_timing(network_seconds=100)
    made = caller("PUT", net.endpoint, net.body())
    assert made.status_code == 201
    assert made.json()["properties"]["provisioningState"] == "Updating"
    assert int(made.headers["Retry-After"]) <= 10
    operation = made.headers["Azure-AsyncOperation"]
    assert caller("GET", operation.partition("?")[0]).json() == {"status": "InProgress"}
    control.change_clock(advance_seconds=101)
    assert caller("GET", operation.partition("?")[0]).json() == {"status": "Succeeded"}
    endpoint = caller("GET", net.endpoint).json()
    properties = endpoint["properties"]
    assert properties["provisioningState"] == "Succeeded"
    # The subnet's first free address.
    assert properties["customDnsConfigs"] == [{"fqdn": f"{net.hsm}.managedhsm.azure.net", "ipAddresses": ["10.1.1.4"]}]
    (link,) = properties["privateLinkServiceConnections"]
    assert (link["properties"]["privateLinkServiceId"], status(link)) == (net.hsm_id, "Approved")
    (connection,) = connections(caller, net)
    assert connection["properties"]["privateEndpoint"]["id"] == net.endpoint
    assert status(connection) == "Approved"
    interface = caller("GET", properties["networkInterfaces"][0]["id"]).json()
    assert interface["properties"]["ipConfigurations"][0]["properties"]["privateIPAddress"] == "10.1.1.4"
    subnet = caller("GET", net.subnet).json()
    assert subnet["properties"]["privateEndpoints"] == [{"id": net.endpoint}]
    assert [item["id"] for item in caller("GET", net.endpoint.rpartition("/")[0]).json()["value"]] == [net.endpoint]


def test_the_same_again_changes_nothing_and_another_target_is_refused(caller: Caller, net: Net) -> None:
    assert caller("PUT", net.endpoint, net.body(link={"groupIds": ["managedhsms"]})).status_code == 201
    again = caller("PUT", net.endpoint, net.body(link={"groupIds": ["managedhsms"]}))
    assert again.status_code == 200
    assert len(connections(caller, net)) == 1
    for other in ({"groupIds": ["managedhsm"]}, {"privateLinkServiceId": f"{net.hsm_id}-2"}):
        refused = caller("PUT", net.endpoint, net.body(link={"groupIds": ["managedhsms"], **other}))
        assert code(refused) == (400, "CannotChangePrivateLinkConnectionOnPrivateEndpoint")


def test_an_endpoint_goes_with_its_connection(caller: Caller, net: Net, control: ControlClient) -> None:
    caller("PUT", net.endpoint, net.body())
    control.change_timing(network_seconds=100)
    gone = caller("DELETE", net.endpoint)
    assert gone.status_code == 202
    assert caller("GET", net.endpoint).json()["properties"]["provisioningState"] == "Deleting"
    assert code(caller("PUT", net.endpoint, net.body())) == (409, "AnotherOperationInProgress")
    assert caller("GET", gone.headers["Location"].partition("?")[0]).status_code == 202
    control.change_clock(advance_seconds=101)
    assert caller("GET", gone.headers["Location"].partition("?")[0]).status_code == 204
    assert caller("GET", gone.headers["Azure-AsyncOperation"].partition("?")[0]).json()["status"] == "Succeeded"
    assert code(caller("GET", net.endpoint)) == (404, "ResourceNotFound")
    assert connections(caller, net) == []
    assert caller("DELETE", net.endpoint).status_code == 204


def test_who_owns_the_hsm_approves_rejects_and_removes(caller: Caller, net: Net) -> None:
    caller("PUT", net.endpoint, net.body(manual=True, link={"requestMessage": "please"}))

    def endpoint_status() -> str:
        (link,) = caller("GET", net.endpoint).json()["properties"]["manualPrivateLinkServiceConnections"]
        return status(link)

    (connection,) = connections(caller, net)
    assert status(connection) == endpoint_status() == "Pending"
    assert connection["properties"]["privateLinkServiceConnectionState"]["description"] == "please"
    for decision in ("Approved", "Rejected"):
        state = {"properties": {"privateLinkServiceConnectionState": {"status": decision}}}
        assert caller("PUT", connection["id"], state).status_code == 200
        assert endpoint_status() == decision
    assert caller("DELETE", connection["id"]).status_code == 200
    assert endpoint_status() == "Disconnected"


def test_endpoints_of_a_recovered_hsm_stay_disconnected(caller: Caller, net: Net, control: ControlClient) -> None:
    caller("PUT", net.endpoint, net.body())
    control.change_timing(provisioning_seconds=0)
    tenant = caller("GET", net.hsm_id).json()["properties"]["tenantId"]
    assert caller("DELETE", net.hsm_id).status_code == 202

    def current() -> str:
        (link,) = caller("GET", net.endpoint).json()["properties"]["privateLinkServiceConnections"]
        return status(link)

    assert current() == "Disconnected"
    body = {
        "location": net.location,
        "sku": {"family": "B", "name": "Standard_B1"},
        "properties": {"createMode": "recover", "tenantId": tenant},
    }
    assert caller("PUT", net.hsm_id, body).status_code == 202
    assert caller("PUT", net.endpoint, net.body()).status_code == 200
    assert current() == "Disconnected"
    caller("DELETE", net.endpoint)
    caller("PUT", net.endpoint, net.body())
    assert current() == "Approved"


def test_an_endpoint_that_fails_can_be_put_again(caller: Caller, net: Net, control: ControlClient) -> None:
    control.change_resource_manager(network_failures=1)
    failed = caller("PUT", net.endpoint, net.body())
    assert failed.status_code == 201
    ended = caller("GET", failed.headers["Azure-AsyncOperation"].partition("?")[0]).json()
    assert (ended["status"], ended["error"]["code"]) == ("Failed", "InternalServerError")
    assert caller("GET", net.endpoint).json()["properties"]["provisioningState"] == "Failed"
    assert caller("PUT", net.endpoint, net.body()).status_code == 200
    assert caller("GET", net.endpoint).json()["properties"]["provisioningState"] == "Succeeded"


def test_what_is_wrong_with_an_endpoint_is_refused(caller: Caller, net: Net) -> None:
    missing = net.subnet.replace("endpoints", "missing")
    cases = (
        (net.body(subnet={"id": missing}), "InvalidResourceReference", missing),
        ({**net.body(), "location": "uksouth"}, "InvalidResourceReference", "same region"),
        (net.body(link={"privateLinkServiceId": f"{net.hsm_id}-2"}), "InvalidResourceReference", f"{net.hsm_id}-2"),
        (net.body(link={"groupIds": ["vault"]}), "BadRequest", "Invalid groupId"),
        (net.body(link={"groupIds": []}), "MissingParameterOnPrivateLinkServiceConnection", "'group Id'"),
        (net.body(link={"groupIds": ["managedhsm", "vault"]}), "OnlyOneGroupIdPermitted", "managedhsm, vault"),
        (net.body(privateLinkServiceConnections=[]), "InvalidRequestFormat", "exactly one"),
    )
    for body, expected, words in cases:
        refused = caller("PUT", net.endpoint, body)
        assert code(refused) == (400, expected)
        assert words in refused.json()["error"]["message"]
    assert code(caller("PUT", net.endpoint.replace("rg-net", "rg-none"), net.body()))[0] in (403, 404)
    assert connections(caller, net) == []


def test_a_subnet_has_only_so_many_addresses(caller: Caller, net: Net) -> None:
    # A /29 has eight, of which Azure keeps five.
    for number in range(3):
        assert caller("PUT", f"{net.endpoint}-{number}", net.body()).status_code == 201
    assert code(caller("PUT", f"{net.endpoint}-3", net.body())) == (400, "SubnetIsFull")
    caller("DELETE", f"{net.endpoint}-1")
    made = caller("PUT", f"{net.endpoint}-3", net.body()).json()
    assert made["properties"]["customDnsConfigs"][0]["ipAddresses"] == ["10.1.1.5"]


@pytest.mark.parametrize(
    ("actions", "manual", "lacks"),
    [
        (["Microsoft.Network/privateEndpoints/*"], False, JOIN),
        (["Microsoft.Network/privateEndpoints/*", JOIN], False, APPROVE),
        (["Microsoft.Network/privateEndpoints/*", JOIN], True, None),
        (["Microsoft.Network/privateEndpoints/*", JOIN, APPROVE], False, None),
        ("Network Contributor", False, APPROVE),
        ("Reader", False, "Microsoft.Network/privateEndpoints/write"),
    ],
)
def test_who_may_connect(
    sign_in: Callable[..., Caller], net: Net, actions: Any, *, manual: bool, lacks: str | None
) -> None:
    answer = sign_in(actions)("PUT", net.endpoint, net.body(manual=manual))
    if lacks is None:
        assert answer.status_code == 201
        return
    expected = "AuthorizationFailed" if actions == "Reader" else "LinkedAuthorizationFailed"
    assert code(answer) == (403, expected)
    assert f"'{lacks}'" in answer.json()["error"]["message"]


def test_the_journal_and_the_group_name_an_endpoint(caller: Caller, net: Net, control: ControlClient) -> None:
    since = len(control.journal())
    caller("PUT", net.endpoint, net.body())
    assert [entry["action"] for entry in control.journal("resource_manager", since=since)] == [
        "Microsoft.Network/privateEndpoints/write"
    ]
    kinds = [item["type"] for item in caller("GET", f"{net.group}/resources").json()["value"]]
    assert kinds == [
        "Microsoft.KeyVault/managedHSMs",
        "Microsoft.Network/virtualNetworks",
        "Microsoft.Network/privateDnsZones",
        "Microsoft.Network/privateEndpoints",
    ]


def test_a_lock_on_an_endpoint_keeps_it_and_its_group(
    sign_in: Callable[..., Caller], net: Net, control: ControlClient
) -> None:
    owner = sign_in("Owner")
    owner("PUT", net.endpoint, net.body())
    lock = f"{net.endpoint}/providers/Microsoft.Authorization/locks/keep"
    assert owner("PUT", lock, {"properties": {"level": "CanNotDelete"}}).status_code == 201
    assert code(owner("DELETE", net.endpoint)) == (409, "ScopeLocked")
    assert code(owner("DELETE", net.group)) == (409, "ScopeLocked")
    elsewhere = lock.replace("pe-hsm", "pe-none")
    assert code(owner("PUT", elsewhere, {"properties": {"level": "CanNotDelete"}})) == (404, "ResourceNotFound")
    assert owner("DELETE", lock).status_code == 200
    assert owner("DELETE", net.group).status_code in (200, 202)
    control.change_clock(advance_seconds=1)
    assert code(owner("GET", net.endpoint)) == (404, "ResourceNotFound")


def test_an_endpoint_in_a_group_that_goes_disconnects(
    sign_in: Callable[..., Caller], net: Net, caller: Caller, control: ControlClient
) -> None:
    other = f"{net.group}-other"
    control.plant_resource(f"{other}/providers/Microsoft.Network/privateDnsZones/any.example")
    owner = sign_in("Owner", net.group.partition("/resourceGroups")[0])
    elsewhere = net.endpoint.replace(net.group, other)
    assert owner("PUT", elsewhere, net.body()).status_code == 201
    assert len(connections(caller, net)) == 1
    owner("DELETE", other)
    control.change_clock(advance_seconds=1)
    assert connections(caller, net) == []


def test_networks_are_made_by_requests_too(caller: Caller, net: Net) -> None:
    network = f"{net.network}-2"
    body = {
        "location": "norwayeast",
        "properties": {
            "addressSpace": {"addressPrefixes": ["10.9.0.0/16"]},
            "subnets": [{"name": "a", "properties": {"addressPrefix": "10.9.1.0/24"}}],
        },
    }
    assert caller("PUT", network, body).status_code == 201
    subnet = {"properties": {"addressPrefix": "10.9.2.0/24", "privateEndpointNetworkPolicies": "enabled"}}
    assert caller("PUT", f"{network}/subnets/b", subnet).status_code == 201
    assert caller("PUT", network, body).status_code == 200
    found = caller("GET", network).json()["properties"]["subnets"]
    assert [item["name"] for item in found] == ["a", "b"]
    assert found[1]["properties"]["privateEndpointNetworkPolicies"] == "Enabled"
    listed = caller("GET", f"{network}/subnets").json()["value"]
    assert [item["id"] for item in listed] == [f"{network}/subnets/{name}" for name in "ab"]
    outside = {"properties": {"addressPrefix": "10.8.0.0/24"}}
    assert code(caller("PUT", f"{network}/subnets/c", outside)) == (400, "NetcfgSubnetRangeOutsideVnet")
    assert code(caller("GET", f"{network}/subnets/c")) == (404, "ResourceNotFound")
    assert len(caller("GET", network.rpartition("/")[0]).json()["value"]) == 2


def test_network_rules_of_an_hsm_name_subnets_with_the_service_endpoint(
    sign_in: Callable[..., Caller], caller: Caller, net: Net
) -> None:
    def rules(subnet: str) -> dict[str, Any]:
        acls = {"defaultAction": "Deny", "virtualNetworkRules": [{"id": subnet}], "serviceTags": [{"tag": "DevOps"}]}
        return {"properties": {"networkAcls": acls}}

    assert caller("PATCH", net.hsm_id, rules(net.functions)).status_code == 202
    kept = caller("GET", net.hsm_id).json()["properties"]["networkAcls"]
    assert kept["virtualNetworkRules"] == [{"id": net.functions}]
    assert kept["serviceTags"] == [{"tag": "DevOps"}]
    refused = caller("PATCH", net.hsm_id, rules(net.subnet))
    assert code(refused) == (400, "SubnetsHaveNoServiceEndpointsConfigured")
    assert code(caller("PATCH", net.hsm_id, rules(f"{net.subnet}-2"))) == (400, "VirtualNetworkNotFound")
    without = sign_in(["Microsoft.KeyVault/managedHSMs/*"])
    assert code(without("PATCH", net.hsm_id, rules(net.functions))) == (403, "LinkedAuthorizationFailed")
