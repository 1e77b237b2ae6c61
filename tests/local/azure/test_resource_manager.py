"""ARM with its real SDKs, and what it refuses."""

from collections.abc import Callable
from typing import Any

import pytest
from azure.core.credentials import TokenCredential
from azure.core.exceptions import HttpResponseError, ResourceExistsError, ResourceNotFoundError
from azure.mgmt.keyvault import KeyVaultManagementClient
from azure.mgmt.keyvault.models import CheckMhsmNameAvailabilityParameters, ManagedHsm
from azure.mgmt.resource.resources import ResourceManagementClient

from local.azure.control.client import ControlClient
from local.azure.control.models import MadeApplication, NewFault
from local.azure.core.faults import Answer
from local.azure.launch import LocalAzure
from tests.local.azure.conftest import ARM, GROUP, group_path, hsm_model, send


def test_resource_groups(azure: LocalAzure, credential: TokenCredential) -> None:
    with ResourceManagementClient(credential, azure.endpoints.subscription_id) as client:
        groups = client.resource_groups
        assert not groups.check_existence("rg-new")
        assert groups.create_or_update("rg-new", {"location": "Norway East"}).location == "norwayeast"
        assert groups.check_existence("RG-new")
        assert "rg-new" in [group.name for group in groups.list()]
        groups.begin_delete("rg-new").result()
        with pytest.raises(ResourceNotFoundError, match="ResourceGroupNotFound"):
            groups.get("rg-new")


@pytest.mark.usefixtures("hsm_client")
def test_the_creation_is_answered_as_recorded(
    azure: LocalAzure, credential: TokenCredential, control: ControlClient
) -> None:
    control.change_timing(60, 60)
    path = f"{ARM}{group_path(azure)}/providers/microsoft.keyvault/MANAGEDHSMS/recorded"
    response = send(credential, "PUT", path, _body(azure))
    assert (response.status_code, response.content) == (202, b"")
    assert "Retry-After" not in response.headers
    first = response.headers["Location"]
    poll = send(credential, "GET", first)
    assert (poll.status_code, poll.content) == (202, b"")
    assert poll.headers["Location"] != first
    properties = send(credential, "GET", path).json()["properties"]
    assert properties["provisioningState"] == "Provisioning"
    assert properties["statusMessage"] == "Resource creation in progress. Starting service..."
    assert properties["hsmUri"] == "https://recorded.managedhsm.azure.net/"
    assert properties["securityDomainProperties"]["activationStatus"] == "NotActivated"


def test_the_same_put_again_changes_nothing(
    azure: LocalAzure, hsm: str, hsm_client: KeyVaultManagementClient, application: MadeApplication
) -> None:
    again = hsm_client.managed_hsms.begin_create_or_update(GROUP, hsm, hsm_model(azure, application.object_id))
    result = again.result()
    assert result
    assert result.properties
    assert result.properties.provisioning_state == "Succeeded"


@pytest.mark.parametrize("change", [{"soft_delete_retention_in_days": 8}, {"initial_admin_object_ids": ["someone"]}])
def test_what_only_a_creation_says_cannot_be_changed(
    azure: LocalAzure,
    hsm: str,
    hsm_client: KeyVaultManagementClient,
    application: MadeApplication,
    change: dict[str, Any],
) -> None:
    with pytest.raises(HttpResponseError, match="PropertyChangeNotAllowed"):
        hsm_client.managed_hsms.begin_create_or_update(GROUP, hsm, hsm_model(azure, application.object_id, **change))


def test_tags_can_be_changed(hsm: str, hsm_client: KeyVaultManagementClient) -> None:
    hsm_client.managed_hsms.begin_update(GROUP, hsm, ManagedHsm(tags={"owner": "team-a"})).result()
    found = hsm_client.managed_hsms.get(GROUP, hsm)
    assert found
    assert found.tags == {"owner": "team-a"}
    assert [item.name for item in hsm_client.managed_hsms.list_by_resource_group(GROUP)] == [hsm]


def test_a_creation_can_fail_and_be_repeated(
    azure: LocalAzure,
    hsm_name: str,
    hsm_client: KeyVaultManagementClient,
    application: MadeApplication,
    control: ControlClient,
) -> None:
    control.fail_provisioning(1)
    create = hsm_client.managed_hsms.begin_create_or_update
    model = hsm_model(azure, application.object_id)
    with pytest.raises(HttpResponseError):
        create(GROUP, hsm_name, model).result()
    found = hsm_client.managed_hsms.get(GROUP, hsm_name)
    assert found
    assert found.properties
    assert found.properties.provisioning_state == "Failed"
    result = create(GROUP, hsm_name, model).result()
    assert result
    assert result.properties
    assert result.properties.provisioning_state == "Succeeded"


def test_a_deleted_hsm_keeps_its_name_until_it_is_purged(
    azure: LocalAzure, hsm: str, hsm_client: KeyVaultManagementClient, application: MadeApplication
) -> None:
    hsms = hsm_client.managed_hsms
    hsms.begin_delete(GROUP, hsm).result()
    with pytest.raises(ResourceNotFoundError):
        hsms.get(GROUP, hsm)
    assert [item.name for item in hsms.list_deleted()] == [hsm]
    assert not hsms.check_mhsm_name_availability(CheckMhsmNameAvailabilityParameters(name=hsm)).name_available
    with pytest.raises(ResourceExistsError, match="ConflictError"):
        hsms.begin_create_or_update(GROUP, hsm, hsm_model(azure, application.object_id))
    hsms.begin_purge_deleted(hsm, "norwayeast").result()
    assert hsms.check_mhsm_name_availability(CheckMhsmNameAvailabilityParameters(name=hsm)).name_available


def test_purge_protection_holds(
    azure: LocalAzure,
    hsm_name: str,
    hsm_client: KeyVaultManagementClient,
    application: MadeApplication,
    control: ControlClient,
) -> None:
    hsms = hsm_client.managed_hsms
    model = hsm_model(azure, application.object_id, enable_purge_protection=True)
    hsms.begin_create_or_update(GROUP, hsm_name, model).result()
    hsms.begin_delete(GROUP, hsm_name).result()
    with pytest.raises(HttpResponseError):
        hsms.begin_purge_deleted(hsm_name, "norwayeast")
    assert control.hsms()[0]["deleted"]


def test_the_quota_counts_deleted_hsms(
    azure: LocalAzure, hsm: str, hsm_client: KeyVaultManagementClient, application: MadeApplication
) -> None:
    hsms, model = hsm_client.managed_hsms, hsm_model(azure, application.object_id)
    hsms.begin_delete(GROUP, hsm).result()
    for number in range(4):
        hsms.begin_create_or_update(GROUP, f"{hsm}-{number}", model, polling=False)
    with pytest.raises(HttpResponseError, match="QuotaExceeded"):
        hsms.begin_create_or_update(GROUP, f"{hsm}-5", model)


def test_a_name_in_use_elsewhere_is_refused(azure: LocalAzure, credential: TokenCredential, hsm: str) -> None:
    other = group_path(azure).replace(GROUP, "rg-other")
    send(credential, "PUT", f"{ARM}{other}", {"location": "norwayeast"})
    response = send(credential, "PUT", f"{ARM}{other}/providers/Microsoft.KeyVault/managedHSMs/{hsm}", _body(azure))
    assert (response.status_code, response.json()["error"]["code"]) == (409, "ConflictError")


def test_a_missing_resource_group_is_refused(azure: LocalAzure, credential: TokenCredential) -> None:
    path = group_path(azure).replace(GROUP, "rg-none") + "/providers/Microsoft.KeyVault/managedHSMs/some-hsm"
    response = send(credential, "PUT", f"{ARM}{path}", _body(azure))
    assert (response.status_code, response.json()["error"]["code"]) == (404, "ResourceGroupNotFound")


@pytest.mark.usefixtures("hsm_client")
@pytest.mark.parametrize(
    ("member", "value"),
    [
        ("softDeleteRetentionInDays", 6),
        ("softDeleteRetentionInDays", 91),
        ("initialAdminObjectIds", []),
        ("tenantId", "33333333-3333-3333-3333-333333333333"),
    ],
)
def test_a_wrong_property_is_refused(
    azure: LocalAzure, credential: TokenCredential, member: str, value: object
) -> None:
    body = _body(azure)
    body["properties"][member] = value
    path = f"{ARM}{group_path(azure)}/providers/Microsoft.KeyVault/managedHSMs/some-hsm"
    response = send(credential, "PUT", path, body)
    assert response.status_code == 400
    assert member in response.json()["error"]["message"]


def test_the_provider_must_be_registered(
    azure: LocalAzure, credential: TokenCredential, hsm_client: KeyVaultManagementClient
) -> None:
    provider = f"{ARM}/subscriptions/{azure.endpoints.subscription_id}/providers/Microsoft.KeyVault"
    assert send(credential, "POST", f"{provider}/unregister").json()["registrationState"] == "NotRegistered"
    create = hsm_client.managed_hsms.begin_create_or_update
    with pytest.raises(ResourceExistsError, match="MissingSubscriptionRegistration"):
        create(GROUP, "registering", hsm_model(azure, "someone"), polling=False)
    assert send(credential, "POST", f"{provider}/register").json()["registrationState"] == "Registered"
    create(GROUP, "registering", hsm_model(azure, "someone"), polling=False)


def test_a_reader_reads_and_a_stranger_sees_his_lack_of_permissions(azure: LocalAzure, control: ControlClient) -> None:
    from azure.identity import ClientSecretCredential

    subscription = f"{ARM}/subscriptions/{azure.endpoints.subscription_id}"
    expected = {"Reader": ([["*/read"]], 200, 403), None: ([], 403, 403)}
    for role, (actions, reading, writing) in expected.items():
        made = control.create_application("someone", {}, role)
        with ClientSecretCredential(azure.endpoints.tenant_id, made.client_id, made.client_secret) as who:
            grants = send(who, "GET", f"{subscription}/providers/Microsoft.Authorization/permissions").json()["value"]
            assert [grant["actions"] for grant in grants] == actions
            assert send(who, "GET", subscription).status_code == reading
            response = send(who, "PUT", f"{subscription}/resourcegroups/rg-x", {"location": "norwayeast"})
            assert response.status_code == writing


def test_tokens_and_subscriptions_have_tenants(azure: LocalAzure, token: Callable[..., str]) -> None:
    endpoints = azure.endpoints
    ours, others = token(ARM), token(ARM, tenantId=endpoints.other_tenant_id)
    cases = [
        (ours, endpoints.subscription_id, 200, None),
        (ours, endpoints.other_tenant_subscription_id, 401, "InvalidAuthenticationTokenTenant"),
        (others, endpoints.subscription_id, 401, "InvalidAuthenticationTokenTenant"),
        (ours, "44444444-4444-4444-4444-444444444444", 404, "SubscriptionNotFound"),
        (token("https://vault.azure.net"), endpoints.subscription_id, 401, "InvalidAuthenticationTokenAudience"),
        (token(ARM, expiresInSeconds=-5), endpoints.subscription_id, 401, "ExpiredAuthenticationToken"),
        ("", endpoints.subscription_id, 401, "AuthenticationFailed"),
    ]
    for access, subscription, status, code in cases:
        response = send(access, "GET", f"{ARM}/subscriptions/{subscription}")
        assert (response.status_code, response.json().get("error", {}).get("code")) == (status, code)
        assert ("WWW-Authenticate" in response.headers) == (status == 401)


def test_a_fault_answers_for_the_service(
    azure: LocalAzure, credential: TokenCredential, control: ControlClient
) -> None:
    control.inject_fault(
        NewFault(
            service="resource_manager",
            method="GET",
            path="/tenants",
            effect=Answer(status=429, retry_after_seconds=1),
        )
    )
    response = send(credential, "GET", f"{ARM}/tenants")
    assert (response.status_code, response.headers["Retry-After"]) == (429, "1")
    tenants = send(credential, "GET", f"{ARM}/tenants").json()["value"]
    assert [tenant["tenantId"] for tenant in tenants] == [azure.endpoints.tenant_id]


def _body(azure: LocalAzure) -> dict[str, Any]:
    return {
        "location": "norwayeast",
        "sku": {"family": "B", "name": "Standard_B1"},
        "properties": {
            "tenantId": azure.endpoints.tenant_id,
            "initialAdminObjectIds": ["someone"],
            # As the Azure CLI 2.91 sends it.
            "softDeleteRetentionInDays": "7",
        },
    }
