"""What takes time in ARM, what comes back, what never ends, and who may do what: with the real SDKs."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import requests
from azure.core.credentials import TokenCredential
from azure.core.exceptions import HttpResponseError, ResourceExistsError, ResourceNotFoundError
from azure.mgmt.keyvault import KeyVaultManagementClient, models
from azure.mgmt.resource.resources import ResourceManagementClient

from local.azure.core.transitions import Timing
from local.azure.entra.models import Person
from local.azure.resource_manager.network.bodies import VirtualNetworkBody
from local.azure.resource_manager.network.virtual_networks import put_network
from local.azure.resource_manager.subscriptions import ResourceGroup, Subscription
from tests.local.azure.conftest import ARM, GROUP, send
from tests.local.azure.in_process import InProcess, running_in_process

NAME = "lifecycle-hsm"
NETWORK = "providers/Microsoft.Network/virtualNetworks/x"
NETWORK_BODY = {
    "location": "norwayeast",
    "properties": {
        "addressSpace": {"addressPrefixes": ["10.0.0.0/16"]},
        "subnets": [{"name": "y", "properties": {"serviceEndpoints": [{"service": "Microsoft.KeyVault"}]}}],
    },
}
PATH = f"resourceGroups/{GROUP}/providers/Microsoft.KeyVault/managedHSMs/{NAME}"


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[InProcess]:
    with running_in_process(tmp_path_factory.mktemp("in-process")) as running:
        yield running


@pytest.fixture
def here(served: InProcess, monkeypatch: pytest.MonkeyPatch) -> Iterator[InProcess]:
    for name, value in served.environment.items():
        monkeypatch.setenv(name, value)
    world, manager = served.world, served.world.manager
    world.subscription.groups[GROUP] = ResourceGroup(GROUP, "norwayeast", {})
    yield served
    manager.hsms.clear()
    manager.deleted.clear()
    manager.never_ending.clear()
    manager.regions_without_capacity.clear()
    manager.quota = 5
    manager.lost_purges, manager.deletion_end_status, manager.page_size = 0, 200, 100
    world.subscription.groups.clear()
    world.subscription.registered = True
    change_timing(world.timing)


@pytest.fixture
def credential(here: InProcess) -> Iterator[TokenCredential]:
    with here.sign_in() as credential:
        yield credential


@pytest.fixture
def client(here: InProcess, credential: TokenCredential) -> Iterator[KeyVaultManagementClient]:
    with KeyVaultManagementClient(credential, here.world.subscription.id, polling_interval=0.05) as client:
        yield client


@pytest.fixture
def hsms(client: KeyVaultManagementClient) -> Any:
    return client.managed_hsms


@pytest.fixture
def hsm(here: InProcess, hsms: Any) -> str:
    hsms.begin_create_or_update(GROUP, NAME, model(here)).result()
    return NAME


def change_timing(timing: Timing, **seconds: float) -> None:
    for name in ("provisioning", "update", "deletion", "purge"):
        setattr(timing, f"{name}_seconds", seconds.get(name, 0))


def model(here: InProcess, **properties: Any) -> models.ManagedHsm:
    return models.ManagedHsm(
        location="norwayeast",
        sku=models.ManagedHsmSku(family="B", name="Standard_B1"),
        properties=models.ManagedHsmProperties(
            **{
                "tenant_id": here.world.tenant_id,
                "initial_admin_object_ids": ["00000000-0000-0000-0000-00000000ad31"],
                "soft_delete_retention_in_days": 7,
                **properties,
            }
        ),
    )


def recovery(here: InProcess, mode: str = "Recover") -> dict[str, Any]:
    """Give the body of `az keyvault recover`, 2.91."""
    return {
        "location": "norwayeast",
        "sku": {"family": "B", "name": "Standard_B1"},
        "properties": {"tenantId": here.world.tenant_id, "createMode": mode},
    }


def url(here: InProcess, path: str) -> str:
    return f"{ARM}/subscriptions/{here.world.subscription.id}/{path}"


def poll(here: InProcess, credential: TokenCredential, response: requests.Response) -> requests.Response:
    """Check an answer of a long-running operation that goes on, and ask again."""
    assert (response.status_code, response.content) == (202, b"")
    assert "Retry-After" not in response.headers
    location = response.headers["Location"]
    assert location.startswith(
        url(here, "providers/Microsoft.KeyVault/locations/norwayeast/managedHsmOperationResults/")
    )
    again = send(credential, "GET", location)
    assert again.headers.get("Location") != location
    return again


def test_an_update_takes_its_time(here: InProcess, hsm: str, hsms: Any, credential: TokenCredential) -> None:
    change_timing(here.world.timing, update=100)
    response = send(credential, "PATCH", url(here, PATH), {"tags": {"owner": "b"}})
    going_on = poll(here, credential, response)
    assert going_on.status_code == 202
    assert hsms.get(GROUP, hsm).properties.provisioning_state == "Updating"
    with pytest.raises(ResourceExistsError, match="ConflictError"):
        hsms.begin_update(GROUP, hsm, models.ManagedHsm(tags={"owner": "c"}))
    here.world.timing.clock.change(advance_seconds=100)
    ended = poll(here, credential, going_on)
    assert (ended.status_code, ended.json()["tags"]) == (200, {"owner": "b"})
    assert ended.json()["properties"]["provisioningState"] == "Succeeded"


def test_a_deletion_and_a_purge_take_their_time(
    here: InProcess, hsm: str, hsms: Any, credential: TokenCredential
) -> None:
    change_timing(here.world.timing, deletion=100, purge=100)
    deletion = poll(here, credential, send(credential, "DELETE", url(here, PATH)))
    assert hsms.get(GROUP, hsm).properties.provisioning_state == "Deleting"
    assert list(hsms.list_deleted()) == []
    with pytest.raises(ResourceExistsError, match="ConflictError"):
        hsms.begin_create_or_update(GROUP, hsm, model(here))
    here.world.timing.clock.change(advance_seconds=100)
    assert poll(here, credential, deletion).status_code == 200
    with pytest.raises(ResourceNotFoundError, match="ResourceNotFound"):
        hsms.get(GROUP, hsm)
    assert hsms.get_deleted(hsm, "norwayeast").properties.mhsm_id == url(here, PATH).removeprefix(ARM)
    path = f"providers/Microsoft.KeyVault/locations/norwayeast/deletedManagedHSMs/{hsm}/purge"
    purge = poll(here, credential, send(credential, "POST", url(here, path)))
    assert hsms.get_deleted(hsm, "norwayeast")
    with pytest.raises(ResourceExistsError, match="being purged"):
        hsms.begin_create_or_update(GROUP, hsm, recovery(here))
    here.world.timing.clock.change(advance_seconds=100)
    assert poll(here, credential, purge).status_code == 200
    with pytest.raises(ResourceNotFoundError):
        hsms.get_deleted(hsm, "norwayeast")


def test_the_sdk_polls_every_operation_to_its_end(here: InProcess, hsms: Any) -> None:
    change_timing(here.world.timing, provisioning=0.2, update=0.2, deletion=0.2, purge=0.2)
    assert hsms.begin_create_or_update(GROUP, NAME, model(here)).result().properties.provisioning_state == "Succeeded"
    assert hsms.begin_update(GROUP, NAME, models.ManagedHsm(tags={"a": "b"})).result().tags == {"a": "b"}
    assert hsms.begin_delete(GROUP, NAME).result() is None
    assert hsms.begin_purge_deleted(NAME, "norwayeast").result() is None
    assert list(hsms.list_deleted()) == []


@pytest.mark.parametrize("mode", ["recover", "Recover"])
def test_a_deleted_hsm_comes_back_as_it_was(here: InProcess, hsm: str, hsms: Any, mode: str) -> None:
    here.activate(hsm)
    hsms.begin_update(GROUP, hsm, models.ManagedHsm(tags={"owner": "a"})).result()
    domain = here.world.manager.hsms[hsm].domain
    hsms.begin_delete(GROUP, hsm).result()
    change_timing(here.world.timing, provisioning=0.2)
    poller = hsms.begin_create_or_update(GROUP, hsm, recovery(here, mode))
    assert hsms.get(GROUP, hsm).properties.provisioning_state == "Provisioning"
    recovered = poller.result()
    assert recovered.tags == {"owner": "a"}
    assert recovered.properties.security_domain_properties.activation_status == "Active"
    assert recovered.properties.soft_delete_retention_in_days == 7
    assert here.world.manager.hsms[hsm].domain == domain
    assert list(hsms.list_deleted()) == []


def test_what_was_not_deleted_there_cannot_be_recovered(here: InProcess, hsm: str, hsms: Any) -> None:
    with pytest.raises(ResourceNotFoundError, match="DeletedManagedHsmNotFound"):
        hsms.begin_create_or_update(GROUP, "never-was", recovery(here))
    hsms.begin_delete(GROUP, hsm).result()
    with pytest.raises(ResourceNotFoundError, match="DeletedManagedHsmNotFound"):
        hsms.begin_create_or_update(GROUP, hsm, {**recovery(here), "location": "uksouth"})
    here.world.subscription.groups["rg-other"] = ResourceGroup("rg-other", "norwayeast", {})
    with pytest.raises(ResourceExistsError, match="ConflictError"):
        hsms.begin_create_or_update("rg-other", hsm, recovery(here))


def test_a_deleted_hsm_is_purged_when_its_date_has_come(here: InProcess, hsms: Any) -> None:
    hsms.begin_create_or_update(GROUP, NAME, model(here, enable_purge_protection=True)).result()
    hsms.begin_delete(GROUP, NAME).result()
    (deleted,) = hsms.list_deleted()
    assert deleted.properties.purge_protection_enabled
    assert deleted.properties.scheduled_purge_date - deleted.properties.deletion_date == timedelta(days=7)
    now = datetime.fromtimestamp(here.world.timing.clock.now(), UTC)
    assert abs(deleted.properties.deletion_date - now) < timedelta(seconds=30)
    with pytest.raises(ResourceExistsError, match="MethodNotAllowed"):
        hsms.begin_purge_deleted(NAME, "norwayeast")
    here.world.timing.clock.change(advance_seconds=7 * 86400 - 60)
    assert [item.name for item in hsms.list_deleted()] == [NAME]
    here.world.timing.clock.change(advance_seconds=60)
    assert list(hsms.list_deleted()) == []


def test_one_that_was_recovered_is_not_purged_by_its_old_date(here: InProcess, hsm: str, hsms: Any) -> None:
    hsms.begin_delete(GROUP, hsm).result()
    hsms.begin_create_or_update(GROUP, hsm, recovery(here)).result()
    here.world.timing.clock.change(advance_seconds=8 * 86400)
    assert hsms.get(GROUP, hsm).name == hsm


@pytest.mark.parametrize("kind", ["create", "update", "delete", "purge"])
def test_an_operation_can_go_on_for_ever(here: InProcess, hsms: Any, credential: TokenCredential, kind: str) -> None:
    hsms.begin_create_or_update(GROUP, NAME, model(here)).result()
    if kind in ("create", "purge"):
        hsms.begin_delete(GROUP, NAME).result()
    here.world.manager.never_ending.add(kind)
    purge_path = f"providers/Microsoft.KeyVault/locations/norwayeast/deletedManagedHSMs/{NAME}/purge"
    method, path, body = {
        "create": ("PUT", PATH, recovery(here)),
        "update": ("PATCH", PATH, {"tags": {"a": "b"}}),
        "delete": ("DELETE", PATH, None),
        "purge": ("POST", purge_path, None),
    }[kind]
    response = send(credential, method, url(here, path), body)
    for _ in range(2):
        here.world.timing.clock.change(advance_seconds=86400)
        response = poll(here, credential, response)
        assert response.status_code == 202
    if kind == "purge":
        assert list(hsms.list_deleted()) == []
        with pytest.raises(ResourceNotFoundError):
            hsms.begin_purge_deleted(NAME, "norwayeast")
    else:
        states = {"create": "Provisioning", "update": "Updating", "delete": "Deleting"}
        assert hsms.get(GROUP, NAME).properties.provisioning_state == states[kind]


def test_a_lost_purge_must_be_asked_for_again(
    here: InProcess, hsm: str, hsms: Any, credential: TokenCredential
) -> None:
    hsms.begin_delete(GROUP, hsm).result()
    here.world.manager.lost_purges = 1
    path = f"providers/Microsoft.KeyVault/locations/norwayeast/deletedManagedHSMs/{hsm}/purge"
    response = send(credential, "POST", url(here, path))
    here.world.timing.clock.change(advance_seconds=86400)
    assert poll(here, credential, response).status_code == 202
    assert hsms.get_deleted(hsm, "norwayeast")
    assert poll(here, credential, send(credential, "POST", url(here, path))).status_code == 200
    with pytest.raises(ResourceNotFoundError):
        hsms.get_deleted(hsm, "norwayeast")


@pytest.mark.parametrize(
    ("status", "code"), [(200, None), (204, None), (404, "ResourceNotFound"), (409, "ConflictError")]
)
def test_a_deletion_that_succeeds_may_end_otherwise(
    here: InProcess, hsm: str, hsms: Any, credential: TokenCredential, status: int, code: str | None
) -> None:
    here.world.manager.deletion_end_status = status
    ended = poll(here, credential, send(credential, "DELETE", url(here, PATH)))
    assert ended.status_code == status
    assert (ended.json()["error"]["code"] if ended.content else None) == code
    assert [item.name for item in hsms.list_deleted()] == [hsm]


def test_deleted_hsms_are_listed_by_subscription_and_in_pages(here: InProcess, hsms: Any) -> None:
    names = [f"{NAME}-{number}" for number in range(3)]
    for name in names:
        hsms.begin_create_or_update(GROUP, name, model(here)).result()
        hsms.begin_delete(GROUP, name).result()
    here.world.manager.page_size = 2
    assert [len(list(page)) for page in hsms.list_deleted().by_page()] == [2, 1]
    assert [item.name for item in hsms.list_deleted()] == names
    other = here.world.add_subscription(registered=True)
    with here.sign_in(None) as credential, KeyVaultManagementClient(credential, other.id) as elsewhere:
        other.roles[here.newest_application().object_id] = "Reader"
        assert list(elsewhere.managed_hsms.list_deleted()) == []


def test_what_is_in_a_resource_group_is_listed(
    here: InProcess, hsm: str, hsms: Any, credential: TokenCredential
) -> None:
    with ResourceManagementClient(credential, here.world.subscription.id) as client:
        (found,) = client.resources.list_by_resource_group(GROUP)
        assert (found.name, found.type, found.location) == (hsm, "Microsoft.KeyVault/managedHSMs", "norwayeast")
        identity = f"resourceGroups/{GROUP}/providers/Microsoft.ManagedIdentity/userAssignedIdentities/backups"
        send(credential, "PUT", url(here, identity), {"location": "norwayeast"})
        assert {item.name for item in client.resources.list_by_resource_group(GROUP)} == {hsm, "backups"}
        hsms.begin_delete(GROUP, hsm).result()
        assert [item.name for item in client.resources.list_by_resource_group(GROUP)] == ["backups"]
        with pytest.raises(HttpResponseError, match="does not know"):
            list(client.resources.list_by_resource_group(GROUP, filter="tagName eq 'a'"))
        with pytest.raises(ResourceNotFoundError, match="ResourceGroupNotFound"):
            list(client.resources.list_by_resource_group("rg-none"))


def test_deleting_nothing_is_no_error(hsms: Any) -> None:
    assert hsms.begin_delete(GROUP, "never-was").result() is None


def test_a_resource_group_takes_its_hsms_along(
    here: InProcess, hsm: str, hsms: Any, credential: TokenCredential
) -> None:
    change_timing(here.world.timing, deletion=0.5)
    with ResourceManagementClient(credential, here.world.subscription.id, polling_interval=0.05) as client:
        groups = client.resource_groups
        groups.update(GROUP, {"tags": {"team": "a"}})
        assert groups.get(GROUP).tags == {"team": "a"}
        poller = groups.begin_delete(GROUP)
        assert groups.get(GROUP).as_dict()["properties"]["provisioningState"] == "Deleting"
        with pytest.raises(ResourceExistsError, match="ResourceGroupBeingDeleted"):
            groups.create_or_update(GROUP, {"location": "norwayeast"})
        with pytest.raises(ResourceExistsError, match="ResourceGroupBeingDeleted"):
            hsms.begin_create_or_update(GROUP, "another-hsm", model(here))
        poller.result()
        with pytest.raises(ResourceNotFoundError, match="ResourceGroupNotFound"):
            groups.get(GROUP)
        with pytest.raises(ResourceNotFoundError, match="ResourceGroupNotFound"):
            groups.update(GROUP, {"tags": {}})
    assert [item.name for item in hsms.list_deleted()] == [hsm]


def test_a_group_deletion_is_answered_as_azure_does(here: InProcess, credential: TokenCredential) -> None:
    change_timing(here.world.timing, deletion=100)
    response = send(credential, "DELETE", url(here, f"resourcegroups/{GROUP}"))
    assert (response.status_code, response.headers["Retry-After"]) == (202, "15")
    assert "/operationresults/" in response.headers["Location"]
    assert send(credential, "GET", response.headers["Location"]).status_code == 202
    here.world.timing.clock.change(advance_seconds=100)
    assert send(credential, "GET", response.headers["Location"]).status_code == 200


def test_a_region_without_capacity(here: InProcess, credential: TokenCredential) -> None:
    here.world.manager.regions_without_capacity.add("norwayeast")
    with (
        KeyVaultManagementClient(credential, here.world.subscription.id, retry_total=0) as client,
        pytest.raises(HttpResponseError, match="Pool creation is disabled in this region") as caught,
    ):
        client.managed_hsms.begin_create_or_update(GROUP, NAME, model(here))
    assert caught.value.status_code == 503
    assert caught.value.error
    assert caught.value.error.code == "503"


def test_the_quota_can_be_changed(here: InProcess, hsm: str, hsms: Any) -> None:
    here.world.manager.quota = 1
    hsms.begin_delete(GROUP, hsm).result()
    with pytest.raises(ResourceExistsError, match="QuotaExceeded"):
        hsms.begin_create_or_update(GROUP, "another-hsm", model(here))
    hsms.begin_purge_deleted(hsm, "norwayeast").result()
    hsms.begin_create_or_update(GROUP, "another-hsm", model(here)).result()


def test_a_new_subscription_must_be_registered_first(here: InProcess) -> None:
    new = Subscription("00000000-0000-0000-0000-0000000005b5", here.world.tenant_id, registered=False)
    new.groups[GROUP] = ResourceGroup(GROUP, "norwayeast", {})
    here.world.manager.subscriptions[new.id] = new
    with (
        here.sign_in(None) as credential,
        KeyVaultManagementClient(credential, new.id) as client,
        ResourceManagementClient(credential, new.id) as resources,
    ):
        new.roles[here.newest_application().object_id] = ["Microsoft.KeyVault/*", "Microsoft.Resources/*/read"]
        providers = resources.providers
        assert [item.registration_state for item in providers.list()] == ["NotRegistered"]
        # The SDK would register by itself, but in begin_ methods it fails to read the answer that tells it to.
        with pytest.raises(ResourceExistsError, match="MissingSubscriptionRegistration"):
            client.managed_hsms.begin_create_or_update(GROUP, NAME, model(here))
        assert providers.register("Microsoft.KeyVault").registration_state == "Registered"
        client.managed_hsms.begin_create_or_update(GROUP, NAME, model(here)).result()
        assert providers.unregister("Microsoft.KeyVault").registration_state == "NotRegistered"
    del here.world.manager.subscriptions[new.id]


def test_network_rules_and_a_replay_of_what_a_get_gave(here: InProcess, hsm: str, hsms: Any) -> None:
    network = f"/subscriptions/{here.world.subscription.id}/resourceGroups/{GROUP}/{NETWORK}"
    put_network(here.world.manager.neighbours, network, VirtualNetworkBody.model_validate(NETWORK_BODY))
    rules = models.MHSMNetworkRuleSet(
        bypass="None",
        default_action="Deny",
        ip_rules=[models.MHSMIPRule(value="1.2.3.4/32")],
        virtual_network_rules=[models.MHSMVirtualNetworkRule(id=f"{network}/subnets/y")],
        service_tags=[models.MHSMServiceTagRule(tag="AzureBackup")],
    )
    changed = models.ManagedHsmProperties(network_acls=rules, public_network_access="Disabled")
    result = hsms.begin_update(GROUP, hsm, models.ManagedHsm(properties=changed)).result()
    assert result.properties.network_acls.as_dict() == rules.as_dict()
    assert result.properties.public_network_access == "Disabled"
    before = here.world.manager.hsms[hsm].modified
    # As Terraform does: read, and write the whole of it back.
    again = hsms.begin_create_or_update(GROUP, hsm, hsms.get(GROUP, hsm)).result()
    assert again.as_dict() == hsms.get(GROUP, hsm).as_dict()
    assert here.world.manager.hsms[hsm].modified == before


@pytest.mark.parametrize(
    ("member", "value"),
    [
        ("networkAcls", {"ipRules": [{"value": "1.2.3.400"}]}),
        ("networkAcls", {"defaultAction": "Maybe"}),
        ("publicNetworkAccess", "Sometimes"),
        ("createMode", "invent"),
        ("regions", [{}]),
    ],
)
def test_a_property_that_makes_no_sense_is_refused(hsm: str, hsms: Any, member: str, value: object) -> None:
    with pytest.raises(HttpResponseError, match=member) as caught:
        hsms.begin_update(GROUP, hsm, {"properties": {member: value}})
    assert caught.value.status_code == 400
    assert caught.value.error
    assert caught.value.error.code == "BadRequest"


def test_purge_protection_goes_one_way(hsm: str, hsms: Any) -> None:
    assert hsms.get(GROUP, hsm).properties.enable_purge_protection is False

    def change(*, protection: bool) -> Any:
        properties = models.ManagedHsmProperties(enable_purge_protection=protection)
        return hsms.begin_update(GROUP, hsm, models.ManagedHsm(properties=properties)).result()

    assert change(protection=False).properties.enable_purge_protection is False
    assert change(protection=True).properties.enable_purge_protection is True
    with pytest.raises(HttpResponseError, match="enablePurgeProtection") as caught:
        change(protection=False)
    assert caught.value.status_code == 400


def test_identities(here: InProcess, hsm: str, hsms: Any, credential: TokenCredential) -> None:
    base = f"resourceGroups/{GROUP}/providers/Microsoft.ManagedIdentity/userAssignedIdentities"
    made = send(credential, "PUT", url(here, f"{base}/backup"), {"location": "norwayeast"})
    assert made.status_code == 201
    assert send(credential, "PUT", url(here, f"{base}/backup"), {"location": "norwayeast"}).json() == made.json()
    assert send(credential, "GET", url(here, f"{base}/other")).status_code == 404
    identity = models.ManagedServiceIdentity(
        type="UserAssigned", user_assigned_identities={made.json()["id"]: models.UserAssignedIdentity()}
    )
    result = hsms.begin_update(GROUP, hsm, models.ManagedHsm(identity=identity)).result()
    (assigned,) = result.identity.user_assigned_identities.values()
    assert assigned.principal_id == made.json()["properties"]["principalId"]
    assert assigned.client_id == made.json()["properties"]["clientId"]
    gone = models.ManagedServiceIdentity(type="None")
    assert hsms.begin_update(GROUP, hsm, models.ManagedHsm(identity=gone)).result().identity is None
    others = {f"{made.json()['id']}x": models.UserAssignedIdentity()}
    unknown = models.ManagedServiceIdentity(type="UserAssigned", user_assigned_identities=others)
    with pytest.raises(HttpResponseError, match="FailedIdentityOperation"):
        hsms.begin_update(GROUP, hsm, models.ManagedHsm(identity=unknown))


def regions(*names: str) -> models.ManagedHsm:
    listed = [models.MHSMGeoReplicatedRegion(name=name) for name in names]
    return models.ManagedHsm(properties=models.ManagedHsmProperties(regions=listed))


def test_an_active_hsm_can_have_one_more_region(
    here: InProcess, hsm: str, hsms: Any, client: KeyVaultManagementClient
) -> None:
    def states() -> list[tuple[str | None, str | None, bool | None]]:
        listed = client.mhsm_regions.list_by_resource(GROUP, hsm)
        return [(item.name, item.provisioning_state, item.is_primary) for item in listed]

    with pytest.raises(HttpResponseError, match="activated"):
        hsms.begin_update(GROUP, hsm, regions("uksouth"))
    here.activate(hsm)
    with pytest.raises(HttpResponseError, match="Invalid region name: testregion passed"):
        hsms.begin_update(GROUP, hsm, regions("testregion"))
    with pytest.raises(HttpResponseError, match="westeurope"):
        hsms.begin_update(GROUP, hsm, regions("westeurope"))
    with pytest.raises(HttpResponseError, match="one other region"):
        hsms.begin_update(GROUP, hsm, regions("uksouth", "swedencentral"))
    assert states() == []
    change_timing(here.world.timing, update=100)
    hsms.begin_update(GROUP, hsm, regions("uksouth"), polling=False)
    assert states() == [("norwayeast", "Succeeded", True), ("uksouth", "Provisioning", False)]
    here.world.timing.clock.change(advance_seconds=100)
    assert states()[1] == ("uksouth", "Succeeded", False)
    with pytest.raises(ResourceExistsError, match="other regions"):
        hsms.begin_delete(GROUP, hsm)
    with (
        ResourceManagementClient(here.sign_in(), here.world.subscription.id) as resources,
        pytest.raises(ResourceExistsError, match="ResourceGroupDeletionBlocked"),
    ):
        resources.resource_groups.begin_delete(GROUP)
    hsms.begin_update(GROUP, hsm, regions("norwayeast"), polling=False)
    assert states()[1] == ("uksouth", "Deleting", False)
    here.world.timing.clock.change(advance_seconds=100)
    assert states() == []
    change_timing(here.world.timing)
    hsms.begin_delete(GROUP, hsm).result()


def test_private_endpoint_connections(here: InProcess, hsm: str, hsms: Any, client: KeyVaultManagementClient) -> None:
    connections = client.mhsm_private_endpoint_connections

    def put(status: str) -> models.MHSMPrivateEndpointConnection:
        state = models.MHSMPrivateLinkServiceConnectionState(status=status, description="by a test")
        properties = models.MHSMPrivateEndpointConnectionProperties(private_link_service_connection_state=state)
        body = models.MHSMPrivateEndpointConnection(properties=properties)
        return connections.put(GROUP, hsm, "connection-1", body)

    with pytest.raises(ResourceNotFoundError, match="ResourceNotFound"):
        connections.get(GROUP, hsm, "connection-1")
    endpoint = put("Pending").properties
    for status in ("Approved", "Rejected"):
        answer = put(status).properties
        assert answer
        assert endpoint
        assert answer.private_endpoint == endpoint.private_endpoint
        found = connections.get(GROUP, hsm, "connection-1").properties
        assert found
        assert found.private_link_service_connection_state
        assert found.private_link_service_connection_state.status == status
    (listed,) = connections.list_by_resource(GROUP, hsm)
    assert listed.name == "connection-1"
    (item,) = hsms.get(GROUP, hsm).properties.private_endpoint_connections
    assert item.id == listed.id
    assert [link.group_id for link in client.mhsm_private_link_resources.list_by_mhsm_resource(GROUP, hsm).value or []]
    connections.begin_delete(GROUP, hsm, "connection-1").result()
    assert list(connections.list_by_resource(GROUP, hsm)) == []
    # They do not come back with the HSM.
    put("Approved")
    hsms.begin_delete(GROUP, hsm).result()
    hsms.begin_create_or_update(GROUP, hsm, recovery(here)).result()
    assert list(connections.list_by_resource(GROUP, hsm)) == []


def test_who_made_an_hsm_and_who_changed_it(here: InProcess, hsm: str, hsms: Any) -> None:
    system = hsms.get(GROUP, hsm).system_data
    assert system.created_by in here.world.directory.applications
    assert system.created_by_type == "Application"
    now = datetime.fromtimestamp(here.world.timing.clock.now(), UTC)
    assert timedelta() < now - system.created_at < timedelta(seconds=30)
    person = "11111111-0000-0000-0000-000000000001"
    here.world.subscription.roles["22222222-0000-0000-0000-000000000002"] = "Owner"
    ada = Person("Ada", "ada@contoso.example", ["22222222-0000-0000-0000-000000000002"], object_id=person)
    token = here.world.directory.issue_to_person(ada, "a-client", ARM, "user_impersonation")
    response = send(token, "PATCH", url(here, PATH), {"tags": {"by": "a person"}})
    assert response.status_code == 202
    system = hsms.get(GROUP, hsm).system_data
    assert (system.last_modified_by, system.last_modified_by_type) == (person, "User")
    assert system.created_by_type == "Application"
    assert system.last_modified_at > system.created_at


KEY_VAULT = "Microsoft.KeyVault"
ACTIONS = {
    ("GET", ""): "Microsoft.Resources/subscriptions/read",
    ("GET", "providers"): "Microsoft.Resources/subscriptions/providers/read",
    ("GET", "resourcegroups"): "Microsoft.Resources/subscriptions/resourceGroups/read",
    ("PUT", f"resourcegroups/{GROUP}"): "Microsoft.Resources/subscriptions/resourceGroups/write",
    ("DELETE", f"resourcegroups/{GROUP}"): "Microsoft.Resources/subscriptions/resourceGroups/delete",
    ("POST", f"providers/{KEY_VAULT}/register"): f"{KEY_VAULT}/register/action",
    ("GET", PATH): f"{KEY_VAULT}/managedHSMs/read",
    ("PUT", PATH): f"{KEY_VAULT}/managedHSMs/write",
    ("PATCH", PATH): f"{KEY_VAULT}/managedHSMs/write",
    ("DELETE", PATH): f"{KEY_VAULT}/managedHSMs/delete",
    ("GET", f"{PATH}/privateEndpointConnections"): f"{KEY_VAULT}/managedHSMs/privateEndpointConnections/read",
    ("GET", f"providers/{KEY_VAULT}/deletedManagedHSMs"): f"{KEY_VAULT}/deletedManagedHsms/read",
    (
        "POST",
        f"providers/{KEY_VAULT}/locations/norwayeast/deletedManagedHSMs/{NAME}/purge",
    ): f"{KEY_VAULT}/locations/deletedManagedHsms/purge/action",
}


@pytest.mark.parametrize(("method", "path", "action"), [(*call, action) for call, action in ACTIONS.items()])
def test_each_call_needs_its_action(here: InProcess, method: str, path: str, action: str) -> None:
    target = url(here, path).rstrip("/")
    with here.sign_in(["Microsoft.Nothing/read"]) as refused, here.sign_in([action.upper()]) as allowed:
        response = send(refused, method, target, {})
        error = response.json()["error"]
        assert (response.status_code, error["code"]) == (403, "AuthorizationFailed")
        assert f"does not have authorization to perform action '{action}' over scope" in error["message"]
        assert here.world.interference.journal[-1]["action"] == action
        assert send(allowed, method, target, {}).status_code != 403


@pytest.mark.usefixtures("hsm")
@pytest.mark.parametrize(
    ("role", "reads", "writes", "purges"),
    [
        ("Owner", True, True, True),
        ("Contributor", True, True, True),
        ("Managed HSM contributor", True, True, True),
        ("Reader", True, False, False),
        (["Microsoft.KeyVault/managedHSMs/*"], True, True, False),
        (None, False, False, False),
    ],
)
def test_roles(here: InProcess, role: Any, *, reads: bool, writes: bool, purges: bool) -> None:
    with here.sign_in(role) as who:

        def is_allowed(method: str, path: str, body: dict[str, Any] | None = None) -> bool:
            response = send(who, method, url(here, path), body)
            refused = response.status_code == 403
            assert not refused or response.json()["error"]["code"] == "AuthorizationFailed"
            return not refused

        purge = "providers/Microsoft.KeyVault/locations/norwayeast/deletedManagedHSMs/never-was/purge"
        assert is_allowed("GET", PATH) == reads
        assert is_allowed("PATCH", PATH, {}) == writes
        assert is_allowed("POST", purge) == purges


def test_a_refused_caller_gets_an_error_of_the_sdk(here: InProcess, hsm: str) -> None:
    with (
        here.sign_in("Reader") as who,
        KeyVaultManagementClient(who, here.world.subscription.id) as client,
        pytest.raises(HttpResponseError, match=r"Microsoft\.KeyVault/managedHSMs/delete") as caught,
    ):
        client.managed_hsms.begin_delete(GROUP, hsm)
    assert caught.value.status_code == 403
    assert caught.value.error
    assert caught.value.error.code == "AuthorizationFailed"


def test_permissions_are_told_at_each_scope(here: InProcess, hsm: str) -> None:
    assert hsm
    with here.sign_in(None) as who:
        application = here.newest_application()
        group = f"/subscriptions/{here.world.subscription.id}/resourceGroups/{GROUP.upper()}"
        here.world.subscription.resource_roles[group, application.object_id] = "Contributor"

        def actions(scope: str) -> list[str]:
            path = f"{scope}providers/Microsoft.Authorization/permissions"
            granted = send(who, "GET", url(here, path)).json()["value"]
            return [action for grant in granted for action in grant["actions"]]

        assert actions("") == []
        assert actions(f"resourceGroups/{GROUP}/") == ["*"]
        assert actions(f"{PATH}/") == ["*"]
        assert send(who, "GET", url(here, PATH)).status_code == 200
        assert send(who, "GET", url(here, "").rstrip("/")).status_code == 403
        visible = send(who, "GET", f"{ARM}/subscriptions").json()["value"]
        assert [item["subscriptionId"] for item in visible] == [here.world.subscription.id]


def test_a_contributor_is_told_what_he_may_not(here: InProcess, credential: TokenCredential) -> None:
    (grant,) = send(credential, "GET", url(here, "providers/Microsoft.Authorization/permissions")).json()["value"]
    assert "Microsoft.Authorization/*/Write" in grant["notActions"]
