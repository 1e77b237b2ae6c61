"""Private DNS zones: how they are made and linked, and the records that zone groups keep in them."""

from collections.abc import Callable

from local.azure.control.client import ControlClient
from tests.local.azure.network.conftest import ZONE, Caller, Net, code


def test_a_zone_group_keeps_a_record_while_it_is_there(caller: Caller, net: Net, control: ControlClient) -> None:
    caller("PUT", net.endpoint, net.body())
    group, record = f"{net.endpoint}/privateDnsZoneGroups/default", f"{net.zone}/A/{net.hsm}"
    assert code(caller("GET", group)) == code(caller("GET", record)) == (404, "ResourceNotFound")
    control.change_timing(network_seconds=100)
    made = caller("PUT", group, net.zone_group())
    assert made.status_code == 201
    assert made.json()["properties"]["provisioningState"] == "Updating"
    assert caller("GET", record).status_code == 404
    control.change_clock(advance_seconds=101)
    assert caller("GET", made.headers["Azure-AsyncOperation"].partition("?")[0]).json()["status"] == "Succeeded"
    (config,) = caller("GET", group).json()["properties"]["privateDnsZoneConfigs"]
    (kept,) = config["properties"]["recordSets"]
    assert (kept["recordSetName"], kept["fqdn"], kept["ipAddresses"]) == (net.hsm, f"{net.hsm}.{ZONE}", ["10.1.1.4"])
    found = caller("GET", record).json()
    assert found["properties"]["aRecords"] == [{"ipv4Address": "10.1.1.4"}]
    assert "created by private endpoint pe-hsm" in found["properties"]["metadata"]["creator"]
    assert caller("GET", f"{net.zone}/A").json()["value"] == [found]
    assert caller("GET", net.zone).json()["properties"]["numberOfRecordSets"] == 2
    # The zone group has the address from now on.
    assert caller("GET", net.endpoint).json()["properties"]["customDnsConfigs"] == []
    control.change_timing(network_seconds=0)
    assert caller("PUT", group, net.zone_group()).status_code == 200
    assert [item["name"] for item in caller("GET", group.rpartition("/")[0]).json()["value"]] == ["default"]
    assert caller("DELETE", group).status_code == 202
    assert caller("DELETE", group).status_code == 204
    assert caller("GET", record).status_code == 404
    caller("PUT", group, net.zone_group())
    caller("DELETE", net.endpoint)
    assert caller("GET", record).status_code == 404
    assert caller("GET", group).status_code == 404


def test_what_is_wrong_with_a_zone_group_is_refused(
    caller: Caller, net: Net, control: ControlClient, sign_in: Callable[..., Caller]
) -> None:
    group = f"{net.endpoint}/privateDnsZoneGroups/default"
    assert code(caller("PUT", group, net.zone_group())) == (404, "ResourceNotFound")
    control.change_timing(network_seconds=100)
    caller("PUT", net.endpoint, net.body())
    assert code(caller("PUT", group, net.zone_group())) == (409, "AnotherOperationInProgress")
    control.change_clock(advance_seconds=101)
    control.change_timing(network_seconds=0)
    none = net.zone_group(f"{net.zone}.none")
    refused = caller("PUT", group, none)
    assert code(refused) == (400, "InvalidPrivateDnsZoneIds")
    assert f"{net.zone}.none" in refused.json()["error"]["message"]
    without = sign_in(["Microsoft.Network/privateEndpoints/*"])("PUT", group, net.zone_group())
    assert code(without) == (403, "LinkedAuthorizationFailed")
    assert "'Microsoft.Network/privateDnsZones/join/action'" in without.json()["error"]["message"]
    assert caller("PUT", group, net.zone_group()).status_code == 201
    second = caller("PUT", f"{group}-2", net.zone_group())
    assert code(second) == (400, "MoreThanOnePrivateDnsZoneGroupPerPrivateEndpointNotAllowed")
    assert code(caller("PUT", group, {"properties": {"privateDnsZoneConfigs": []}}))[0] == 400


def test_no_other_zone_takes_the_place_of_one(
    caller: Caller, net: Net, control: ControlClient, sign_in: Callable[..., Caller]
) -> None:
    other = net.zone.replace(net.group, f"{net.group}-dns")
    control.plant_resource(other)
    caller("PUT", net.endpoint, net.body())
    group = f"{net.endpoint}/privateDnsZoneGroups/default"
    owner = sign_in("Owner", net.group.partition("/resourceGroups")[0])
    assert owner("PUT", group, net.zone_group()).status_code == 201
    assert code(owner("PUT", group, net.zone_group(other))) == (400, "PrivateDnsZoneIdCannotBeChanged")
    assert owner("DELETE", group).status_code == 202
    assert owner("PUT", group, net.zone_group(other)).status_code == 201
    control.forget_resource(f"{net.group}-dns")


def test_a_zone_of_another_name_gets_no_record(caller: Caller, net: Net) -> None:
    other = net.zone.replace(ZONE, "privatelink.vaultcore.azure.net")
    assert caller("PUT", other, {"location": "global"}).status_code == 202
    caller("PUT", net.endpoint, net.body())
    made = caller("PUT", f"{net.endpoint}/privateDnsZoneGroups/default", net.zone_group(other))
    assert made.status_code == 201
    assert made.json()["properties"]["privateDnsZoneConfigs"][0]["properties"]["recordSets"] == []
    assert caller("GET", f"{other}/A").json()["value"] == []


def test_zones_and_links_are_made_in_time(caller: Caller, net: Net, control: ControlClient) -> None:
    control.change_timing(network_seconds=100)
    zone = net.zone.replace(ZONE, "other.example")
    link = f"{zone}/virtualNetworkLinks/hub"
    body = {"location": "global", "properties": {"virtualNetwork": {"id": net.network}, "registrationEnabled": False}}
    made = caller("PUT", zone, {"location": "Global", "tags": {"owner": "net"}})
    assert made.status_code == 202
    assert made.json()["tags"] == {"owner": "net"}
    linked = caller("PUT", link, body)
    assert linked.status_code == 202
    assert caller("GET", link).json()["properties"]["virtualNetworkLinkState"] == "InProgress"
    operation = linked.headers["Azure-AsyncOperation"].partition("?")[0]
    assert caller("GET", operation).json()["status"] == "InProgress"
    control.change_clock(advance_seconds=101)
    assert caller("GET", operation).json()["status"] == "Succeeded"
    assert caller("GET", link).json()["properties"]["virtualNetworkLinkState"] == "Completed"
    assert [item["id"] for item in caller("GET", link.rpartition("/")[0]).json()["value"]] == [link]
    assert [item["id"] for item in caller("GET", zone.rpartition("/")[0]).json()["value"]] == [net.zone, zone]
    assert code(caller("PUT", net.zone.replace(ZONE, "x.example"), {"location": "norwayeast"})) == (400, "BadRequest")


def test_a_network_has_one_zone_of_a_name(
    caller: Caller, linked: Net, control: ControlClient, sign_in: Callable[..., Caller]
) -> None:
    other = linked.zone.replace(linked.group, f"{linked.group}-dns")
    control.plant_resource(other)
    owner = sign_in("Owner", linked.group.partition("/resourceGroups")[0])
    body = {"location": "global", "properties": {"virtualNetwork": {"id": linked.network}}}
    refused = owner("PUT", f"{other}/virtualNetworkLinks/hub", body)
    assert code(refused) == (400, "BadRequest")
    assert "overlapping namespaces" in refused.json()["error"]["message"]
    assert caller("PUT", f"{linked.zone}/virtualNetworkLinks/hub", body).status_code == 202
    none = {"location": "global", "properties": {"virtualNetwork": {"id": f"{linked.network}-none"}}}
    assert code(owner("PUT", f"{other}/virtualNetworkLinks/none", none)) == (400, "BadRequest")
    without = sign_in("Private DNS Zone Contributor", linked.zone)
    assert code(without("PUT", f"{linked.zone}/virtualNetworkLinks/two", body)) == (403, "LinkedAuthorizationFailed")
    control.forget_resource(f"{linked.group}-dns")
