"""Every property of an HSM through the whole stack: at creation, and changed in place with all else as it was."""

from collections.abc import Iterator
from typing import Any, Final, NamedTuple

import pytest
import requests

from activities.extending import wait_for_regions
from domain.errors import ServiceError
from domain.hsm import ExtendedRegion
from local.policy import policy
from local.portal import Portal
from local.stack import Stack
from tests.custodians import Custodian, request_for
from tests.domain.test_properties import VALUES, make_hsm, specify
from tests.hosts import deployed
from tests.in_process import signed_in_as_the_app
from tests.test_idempotency import await_instance

ARM: Final = "https://management.azure.com"
NAME: Final = "hsm-properties"
REGION: Final = "swedencentral"
# What lets the app in, which downloads the security domain.
HOME: Final = {"defaultAction": "Deny", "ipRules": ["127.0.0.0/8"]}
# What changes by itself.
OF_ARM: Final = ("systemData", "properties.provisioningState", "properties.statusMessage")


class Site(NamedTuple):
    """A deployment whose policy lets any identity be attached, and an HSM that was made with everything."""

    stack: Stack
    portal: Portal
    group: str
    body: dict[str, Any]
    operation: dict[str, Any]

    def identity(self, name: str) -> str:
        return f"{self.group}/providers/Microsoft.ManagedIdentity/userAssignedIdentities/{name}"

    @property
    def subnet(self) -> str:
        return f"{self.group}/providers/Microsoft.Network/virtualNetworks/apps/subnets/one"

    def send(self, method: str, resource_id: str, version: str, body: dict[str, Any] | None = None) -> Any:
        """Ask ARM as somebody with rights on the subscription, who does not ask us."""
        with self.stack.portal_credential() as credential:
            token = credential.get_token(f"{ARM}/.default").token
        url = f"{ARM}{resource_id}?api-version={version}"
        response = requests.request(method, url, json=body, headers={"Authorization": f"Bearer {token}"}, timeout=30)
        response.raise_for_status()
        return response.json() if response.content else None

    def resource(self) -> dict[str, Any]:
        """Give each property of the resource, by its path."""
        document = self.send("GET", f"{self.group}/providers/Microsoft.KeyVault/managedHSMs/{NAME}", "2026-05-15")
        return dict(_flatten(document))

    def change(self, body: dict[str, Any]) -> dict[str, Any]:
        response = self.portal.send("PATCH", f"hsms/{NAME}", json=body)
        assert response.status_code == 202, response.text
        operation = self.portal.follow(response.json()["id"])
        assert operation["status"] == "Succeeded", operation
        return operation


def _flatten(value: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    if path.startswith(OF_ARM):
        return
    if isinstance(value, dict) and value and not path.startswith("tags"):
        for name, member in value.items():
            yield from _flatten(member, f"{path}.{name}".lstrip("."))
    else:
        yield path, value


@pytest.fixture(scope="module")
def site(stack: Stack, custodians: list[Custodian], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    settings = {"HSM_PROVISIONER_POLICY": policy(identities=["*"])}
    with deployed(stack, tmp_path_factory.mktemp("properties") / "host", settings) as running:
        group = f"/subscriptions/{stack.azure.endpoints.subscription_id}/resourceGroups/rg-properties"
        bare = Site(running, Portal(running), group, {}, {})
        prepare(bare)
        body = request_for(
            stack,
            custodians,
            resourceGroup="rg-properties",
            network={
                **HOME,
                "virtualNetworkRules": [bare.subnet],
                "serviceTags": ["AzureDevOps"],
                "bypass": "None",
            },
            identities=[bare.identity("one")],
            additionalRegions=[REGION],
        )
        operation = bare.portal.follow(bare.portal.put_hsm(NAME, body).json()["id"])
        assert operation["status"] == "Succeeded", operation
        await_instance(running, NAME)
        yield bare._replace(body=body, operation=operation)
        stack.control.forget_hsms()


def prepare(site: Site) -> None:
    site.send("PUT", site.group, "2025-04-01", {"location": "norwayeast"})
    for name in ("one", "two", "theirs"):
        site.send("PUT", site.identity(name), "2023-01-31", {"location": "norwayeast"})
    endpoint = {"service": "Microsoft.KeyVault"}
    subnets = [
        {"name": name, "properties": {"addressPrefix": prefix, "serviceEndpoints": [endpoint]}}
        for name, prefix in (("one", "10.0.0.0/24"), ("two", "10.0.1.0/24"))
    ]
    network = site.subnet.partition("/subnets/")[0]
    site.stack.control.plant_resource(network, addressSpace={"addressPrefixes": ["10.0.0.0/16"]}, subnets=subnets)


def test_all_of_it_is_there_from_the_beginning(site: Site) -> None:
    resource = site.resource()
    acls = "properties.networkAcls"
    assert (resource[f"{acls}.bypass"], resource[f"{acls}.defaultAction"]) == ("None", "Deny")
    assert resource[f"{acls}.ipRules"] == [{"value": "127.0.0.0/8"}]
    assert resource[f"{acls}.virtualNetworkRules"] == [{"id": site.subnet}]
    assert resource[f"{acls}.serviceTags"] == [{"tag": "AzureDevOps"}]
    assert [region["name"] for region in resource["properties.regions"]] == ["norwayeast", REGION]
    assert any(path.startswith(f"identity.userAssignedIdentities.{site.identity('one')}") for path in resource)
    steps = {step["name"]: step["status"] for step in site.operation["steps"]}
    assert (steps["add_regions"], steps["await_regions"]) == ("Succeeded", "Succeeded")
    assert site.operation["plan"]["monthlyCostUsd"] == 5000
    shown = site.portal.send("GET", f"hsms/{NAME}").json()
    assert (shown["additionalRegions"], shown["identities"]) == ([REGION], [site.identity("one")])
    assert (shown["network"]["bypass"], shown["monthlyCostUsd"]) == ("None", 5000)
    assert site.portal.put_hsm(NAME, site.body).status_code == 200


def _change(site: Site, member: str) -> tuple[dict[str, Any], set[str]]:
    """Give a change of one property, and the paths of the resource that it may touch."""
    acls = "properties.networkAcls"
    two = site.subnet.replace("/one", "/two")
    identity = {
        f"identity.userAssignedIdentities.{site.identity('two')}.{name}" for name in ("principalId", "clientId")
    }
    changes: dict[str, tuple[Any, set[str]]] = {
        "tags": ({"stage": "2"}, {"tags"}),
        "network.ipRules": (["203.0.113.0/24"], {f"{acls}.ipRules"}),
        "network.virtualNetworkRules": ([two], {f"{acls}.virtualNetworkRules"}),
        "network.serviceTags": ([], {f"{acls}.serviceTags"}),
        "network.bypass": ("AzureServices", {f"{acls}.bypass"}),
        "network.defaultAction": ("Allow", {f"{acls}.defaultAction"}),
        "publicNetworkAccess": ("Disabled", {"properties.publicNetworkAccess"}),
        "purgeProtection": (True, {"properties.enablePurgeProtection"}),
        "identities": ([site.identity("one"), site.identity("two")], identity),
        "additionalRegions": ([], {"properties.regions"}),
        "expiresAt": ("2031-01-01T00:00:00Z", set()),
    }
    value, paths = changes[member]
    outer, _, inner = member.partition(".")
    return {outer: {inner: value} if inner else value}, paths


@pytest.mark.parametrize(
    "member",
    [
        *("tags", "network.ipRules", "network.virtualNetworkRules", "network.serviceTags", "network.bypass"),
        *("network.defaultAction", "publicNetworkAccess", "identities", "expiresAt", "additionalRegions"),
        "purgeProtection",
    ],
)
def test_a_change_of_one_property_changes_that_and_nothing_else(site: Site, member: str) -> None:
    body, paths = _change(site, member)
    before = site.resource()
    operation = site.change(body)
    after = site.resource()
    assert {path for path in {*before, *after} if before.get(path) != after.get(path)} == paths
    assert operation["kind"] == "update"
    # It is as it is to be: there is nothing left to do.
    assert site.portal.send("PATCH", f"hsms/{NAME}", json=body).status_code == 200


def test_what_never_changes_is_refused_and_stays(site: Site) -> None:
    before = site.resource()
    for member, value in {**VALUES, "purgeProtection": False}.items():
        if member in ("tags", "network", "expiresAt"):
            continue
        refused = site.portal.send("PATCH", f"hsms/{NAME}", json={member: value})
        assert (refused.status_code, refused.json()["code"]) == (400, "property_immutable"), member
        assert [error["field"] for error in refused.json()["errors"]] == [member]
    assert site.resource() == before


def test_only_what_was_asked_for_is_detached(site: Site) -> None:
    hsm_id = f"{site.group}/providers/Microsoft.KeyVault/managedHSMs/{NAME}"
    theirs = {"type": "UserAssigned", "userAssignedIdentities": {site.identity("theirs"): {}}}
    site.send("PATCH", hsm_id, "2026-05-15", {"identity": theirs})
    operation = site.change({"identities": []})
    assert set(operation["plan"]["change"]["removedIdentities"]) == {site.identity("one"), site.identity("two")}
    attached = site.send("GET", hsm_id, "2026-05-15")["identity"]["userAssignedIdentities"]
    assert list(attached) == [site.identity("theirs")]
    nobody = site.portal.send("PATCH", f"hsms/{NAME}", json={"identities": [site.identity("nobody")]})
    failed = site.portal.follow(nobody.json()["id"])
    assert (failed["status"], failed["error"]["code"]) == ("Failed", "identity_not_found")


def test_an_hsm_in_two_regions_is_taken_out_of_one_and_then_deleted(site: Site) -> None:
    site.change({"additionalRegions": [REGION]})
    response = site.portal.send("DELETE", f"hsms/{NAME}")
    assert response.status_code == 202, response.text
    operation = site.portal.follow(response.json()["id"])
    assert operation["status"] == "Succeeded", operation
    assert operation["plan"]["deletion"]["removesRegions"] == [REGION]
    steps = {step["name"]: step["status"] for step in operation["steps"]}
    assert (steps["remove_regions"], steps["await_regions_removed"]) == ("Succeeded", "Succeeded")


def test_a_region_that_azure_gave_up_ends_the_wait_and_one_that_is_going_does_not(stack: Stack) -> None:
    failed, going = (
        make_hsm(specify(), regions=[ExtendedRegion(name=REGION, state=state)]) for state in ("Failed", "Deleting")
    )
    with pytest.raises(ServiceError) as refused:
        wait_for_regions(failed, [REGION])
    assert refused.value.detail.code == "region_failed"
    with signed_in_as_the_app(stack):
        assert [wait_for_regions(hsm, []).status for hsm in (failed, going)] == ["wait", "wait"]
    assert wait_for_regions(make_hsm(specify()), []).status == "done"
