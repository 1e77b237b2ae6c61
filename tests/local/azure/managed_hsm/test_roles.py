"""Local RBAC with the real SDK: what the built-in roles are, what they permit, and what is refused."""

import asyncio
import re
import uuid
from collections.abc import Callable, Iterator

import pytest
from azure.core.credentials import TokenCredential
from azure.core.exceptions import HttpResponseError, ResourceExistsError, ResourceNotFoundError
from azure.core.pipeline.transport import AsyncioRequestsTransport
from azure.identity.aio import ClientSecretCredential as AsyncClientSecretCredential
from azure.keyvault.administration import (
    KeyVaultAccessControlClient,
    KeyVaultDataAction,
    KeyVaultPermission,
    KeyVaultRoleScope,
)
from azure.keyvault.administration.aio import KeyVaultAccessControlClient as AsyncKeyVaultAccessControlClient
from azure.keyvault.keys import KeyClient

from local.azure.control.client import ControlClient
from local.azure.control.models import MadeApplication
from local.azure.launch import LocalAzure
from tests.local.azure.conftest import MANAGED_HSM, send
from tests.local.azure.managed_hsm.conftest import (
    ADMINISTRATOR,
    CRYPTO_AUDITOR,
    CRYPTO_OFFICER,
    CRYPTO_USER,
    ROLES,
    grant,
    url,
)

BUILT_IN = [
    "Managed HSM Restore User",
    "Managed HSM Backup User",
    "Managed HSM Crypto Service Encryption User",
    "Managed HSM Crypto Service Release User",
    "Managed HSM Crypto Auditor",
    "Managed HSM Policy Administrator",
    "Managed HSM Crypto User",
    "Managed HSM Crypto Officer",
    "Managed HSM Administrator",
]
GUID = "[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"


@pytest.fixture
def roles(active_hsm: str, credential: TokenCredential) -> Iterator[KeyVaultAccessControlClient]:
    with KeyVaultAccessControlClient(url(active_hsm), credential) as client:
        yield client


def data_actions(client: KeyVaultAccessControlClient, name: str) -> set[str | KeyVaultDataAction]:
    found = client.get_role_definition(KeyVaultRoleScope.GLOBAL, name)
    assert found.permissions
    return {action for item in found.permissions for action in item.data_actions or []}


def test_the_built_in_roles_are_the_services(roles: KeyVaultAccessControlClient) -> None:
    found = list(roles.list_role_definitions(KeyVaultRoleScope.GLOBAL))
    assert [role.role_name for role in found] == BUILT_IN
    assert {role.role_type for role in found} == {"AKVBuiltInRole"}
    assert found[-1].id == f"{ROLES}/{ADMINISTRATOR}"
    administrator = data_actions(roles, ADMINISTRATOR)
    assert KeyVaultDataAction.DOWNLOAD_HSM_SECURITY_DOMAIN_STATUS in administrator
    assert not any("/keys/" in action for action in administrator)
    assert KeyVaultDataAction.CREATE_HSM_KEY in data_actions(roles, CRYPTO_USER)


def test_the_initial_administrators_have_their_role_at_the_root(
    roles: KeyVaultAccessControlClient, application: MadeApplication
) -> None:
    (assignment,) = roles.list_role_assignments(KeyVaultRoleScope.GLOBAL)
    assert assignment.properties
    assert assignment.properties.principal_id == application.object_id
    assert assignment.properties.role_definition_id == f"{ROLES}/{ADMINISTRATOR}"
    assert assignment.properties.scope == "/"
    assert assignment.role_assignment_id == f"/providers/Microsoft.Authorization/roleAssignments/{assignment.name}"


def test_an_administrator_has_no_key_permission_and_is_told_so(
    active_hsm: str, credential: TokenCredential, control: ControlClient
) -> None:
    with KeyClient(url(active_hsm), credential) as client, pytest.raises(HttpResponseError) as refused:
        client.create_rsa_key("k1")
    assert refused.value.status_code == 403
    assert refused.value.error
    assert refused.value.error.code == "AccessDenied"
    expected = (
        f"Not authorized to access Microsoft.KeyVault/managedHsm/keys/create on /keys/k1 [(]Activity ID: {GUID}[)]"
    )
    assert re.fullmatch(expected, refused.value.error.message or "")
    assert control.journal("managed_hsm")[-1]["action"] == "Microsoft.KeyVault/managedHsm/keys/create"


@pytest.mark.parametrize(("scope", "reached"), [("/", ["k1", "k2"]), ("/keys", ["k1", "k2"]), ("/keys/k1", ["k1"])])
def test_a_role_reaches_as_far_as_its_scope(
    keys: KeyClient,
    active_hsm: str,
    credential: TokenCredential,
    other: MadeApplication,
    other_credential: TokenCredential,
    scope: str,
    reached: list[str],
) -> None:
    for name in ("k1", "k2"):
        keys.create_ec_key(name)
    (assignment,) = grant(active_hsm, credential, other.object_id, CRYPTO_AUDITOR, scope=scope)
    assert assignment.properties
    assert assignment.properties.scope == scope
    with KeyClient(url(active_hsm), other_credential) as client:
        for name in ("k1", "k2"):
            if name in reached:
                assert client.get_key(name).name == name
            else:
                with pytest.raises(HttpResponseError, match="keys/read/action on /keys/k2"):
                    client.get_key(name)
        with pytest.raises(HttpResponseError, match="keys/delete on /keys/k1"):
            client.begin_delete_key("k1")


def test_a_role_that_is_taken_away_permits_nothing_more(keys: KeyClient, roles: KeyVaultAccessControlClient) -> None:
    keys.create_ec_key("k1")
    assigned = {
        str(item.properties.role_definition_id).rpartition("/")[2]: item
        for item in roles.list_role_assignments("/")
        if item.properties
    }
    roles.delete_role_assignment("/", str(assigned[CRYPTO_USER].name))
    with pytest.raises(HttpResponseError, match="AccessDenied"):
        keys.get_key("k1")
    with pytest.raises(ResourceNotFoundError, match="RoleAssignmentNotFound"):
        roles.get_role_assignment("/", str(assigned[CRYPTO_USER].name))
    # The SDK takes it as done.
    roles.delete_role_assignment("/", str(assigned[CRYPTO_USER].name))


def test_assignments_are_listed_by_scope_and_by_principal(
    active_hsm: str, credential: TokenCredential, other: MadeApplication, application: MadeApplication
) -> None:
    for scope in ("/", "/keys", "/keys/k1", "/keys/k2"):
        grant(active_hsm, credential, other.object_id, CRYPTO_AUDITOR, scope=scope)

    def scopes(path: str, condition: str | None = None) -> list[str]:
        suffix = f"?$filter={condition}" if condition else ""
        address = f"{url(active_hsm)}/{path}providers/Microsoft.Authorization/roleAssignments{suffix}"
        answer = send(credential, "GET", address, scope=f"{MANAGED_HSM}/.default")
        assert answer.status_code == 200
        return [item["properties"]["scope"] for item in answer.json()["value"]]

    assert scopes("") == ["/", "/", "/keys", "/keys/k1", "/keys/k2"]
    assert scopes("/") == scopes("")
    assert scopes("keys/k1/") == ["/", "/", "/keys", "/keys/k1"]
    assert scopes("keys/", "atScope()") == ["/", "/", "/keys"]
    assert scopes("", f"principalId eq '{application.object_id}'") == ["/"]
    assert scopes("", f"principalId eq {other.object_id}") == ["/", "/keys", "/keys/k1", "/keys/k2"]


def test_a_custom_role_permits_what_it_says_less_what_it_takes_away(
    keys: KeyClient,
    roles: KeyVaultAccessControlClient,
    active_hsm: str,
    credential: TokenCredential,
    other: MadeApplication,
    other_credential: TokenCredential,
) -> None:
    keys.create_ec_key("k1")
    permission = KeyVaultPermission(
        data_actions=[KeyVaultDataAction.READ_HSM_KEY, KeyVaultDataAction.DELETE_HSM_KEY],
        not_data_actions=[KeyVaultDataAction.DELETE_HSM_KEY],
    )
    made = roles.set_role_definition("/", role_name="reader", description="reads", permissions=[permission])
    name = str(made.name)
    assert (made.role_name, made.role_type, made.description) == ("reader", "CustomRole", "reads")
    assert [role.name for role in roles.list_role_definitions("/")][9:] == [name]
    (assignment,) = grant(active_hsm, credential, other.object_id, name)
    with KeyClient(url(active_hsm), other_credential) as client:
        assert client.get_key("k1").name == "k1"
        with pytest.raises(HttpResponseError, match="AccessDenied"):
            client.begin_delete_key("k1")
    with pytest.raises(ResourceExistsError, match="has assignments"):
        roles.delete_role_definition("/", name)
    roles.delete_role_assignment("/", str(assignment.name))
    roles.delete_role_definition("/", name)
    with pytest.raises(ResourceNotFoundError, match="RoleDefinitionNotFound"):
        roles.get_role_definition("/", name)


def test_what_is_no_role_and_no_assignment_is_refused(
    roles: KeyVaultAccessControlClient, active_hsm: str, credential: TokenCredential, application: MadeApplication
) -> None:
    with pytest.raises(HttpResponseError, match="Cannot re-use the name/GUID matching that of a built-in role"):
        roles.set_role_definition("/", name=ADMINISTRATOR, role_name="mine", permissions=[])
    with pytest.raises(HttpResponseError, match="BadParameter"):
        roles.set_role_definition("/", permissions=[KeyVaultPermission(data_actions=["Microsoft.KeyVault/all"])])
    with pytest.raises(HttpResponseError, match="BadParameter"):
        roles.delete_role_definition("/", ADMINISTRATOR)
    with pytest.raises(HttpResponseError, match="RoleDefinitionDoesNotExist"):
        roles.create_role_assignment("/", f"{ROLES}/{uuid.uuid4()}", application.object_id)
    with pytest.raises(HttpResponseError, match="principalId"):
        roles.create_role_assignment("/", f"{ROLES}/{CRYPTO_USER}", "nobody")
    with pytest.raises(HttpResponseError, match="must be a GUID"):
        roles.get_role_assignment("/", "first")
    answer = send(
        credential,
        "GET",
        f"{url(active_hsm)}/providers/Microsoft.Authorization/roleAssignments?$filter=name eq 'x'",
        scope=f"{MANAGED_HSM}/.default",
    )
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "BadParameter")


def test_an_assignment_is_made_once_and_the_same_again_is_no_error(
    roles: KeyVaultAccessControlClient, other: MadeApplication
) -> None:
    name = uuid.uuid4()
    first = roles.create_role_assignment("/", f"{ROLES}/{CRYPTO_USER}", other.object_id, name=name)
    assert roles.create_role_assignment("/", f"{ROLES}/{CRYPTO_USER}", other.object_id, name=name).name == first.name
    with pytest.raises(ResourceExistsError, match="RoleAssignmentExists"):
        roles.create_role_assignment("/", f"{ROLES}/{CRYPTO_USER}", other.object_id)
    with pytest.raises(ResourceExistsError, match="RoleAssignmentExists"):
        roles.create_role_assignment("/", f"{ROLES}/{CRYPTO_OFFICER}", other.object_id, name=name)


def test_a_key_takes_ten_assignments_and_an_hsm_fifty(roles: KeyVaultAccessControlClient) -> None:
    for scope, existing, limit in (("/keys/k1", 0, 10), ("/", 1, 50)):
        for _ in range(limit - existing):
            roles.create_role_assignment(scope, f"{ROLES}/{CRYPTO_USER}", str(uuid.uuid4()))
        with pytest.raises(ResourceExistsError, match="RoleAssignmentLimitExceeded"):
            roles.create_role_assignment(scope, f"{ROLES}/{CRYPTO_USER}", str(uuid.uuid4()))


def test_who_has_no_role_can_do_nothing(active_hsm: str, other_credential: TokenCredential) -> None:
    paths = {
        "/settings": "settings/read/action on /",
        "/keys": "keys/read/action on /keys",
        "/deletedkeys": "keys/deletedKeys/read/action on /keys",
        "/backup/1/pending": "backup/status/action on /",
        "/restore/1/pending": "restore/status/action on /",
        "/securitydomain/upload": "securitydomain/transferkey/read on /",
        "/securitydomain/upload/pending": "securitydomain/upload/read on /",
        "/securitydomain/download/pending": "securitydomain/download/read on /",
        "/keys/k1/providers/Microsoft.Authorization/roleAssignments": "roleAssignments/read/action on /keys/k1",
        "/providers/Microsoft.Authorization/roleDefinitions": "roleDefinitions/read/action on /",
    }
    for path, expected in paths.items():
        answer = send(other_credential, "GET", url(active_hsm) + path, scope=f"{MANAGED_HSM}/.default")
        assert (answer.status_code, answer.json()["error"]["code"]) == (403, "AccessDenied")
        assert f"Microsoft.KeyVault/managedHsm/{expected} (" in answer.json()["error"]["message"]


def test_roles_wait_for_activation(create_hsm: Callable[..., str], hsm_name: str, credential: TokenCredential) -> None:
    with (
        KeyVaultAccessControlClient(url(create_hsm(hsm_name)), credential) as client,
        pytest.raises(HttpResponseError, match="HsmNotActivated"),
    ):
        list(client.list_role_assignments("/"))


def test_the_asynchronous_client_does_the_same(
    active_hsm: str, azure: LocalAzure, application: MadeApplication, other: MadeApplication
) -> None:
    async def work() -> None:
        transport = AsyncioRequestsTransport()
        async with (
            AsyncClientSecretCredential(
                azure.endpoints.tenant_id,
                application.client_id,
                application.client_secret,
                transport=AsyncioRequestsTransport(),
            ) as credential,
            AsyncKeyVaultAccessControlClient(url(active_hsm), credential, transport=transport) as client,
        ):
            made = await client.create_role_assignment("/keys", f"{ROLES}/{CRYPTO_USER}", other.object_id)
            found = await client.get_role_assignment("/keys", str(made.name))
            assert found.properties
            assert found.properties.scope == "/keys"
            assert len([role async for role in client.list_role_definitions("/")]) == len(BUILT_IN)
            await client.delete_role_assignment("/keys", str(made.name))
            with pytest.raises(ResourceNotFoundError):
                await client.get_role_assignment("/keys", str(made.name))

    asyncio.run(work())


def test_an_assignment_takes_its_time(
    roles: KeyVaultAccessControlClient,
    active_hsm: str,
    credential: TokenCredential,
    application: MadeApplication,
    control: ControlClient,
) -> None:
    control.change_timing(role_seconds=3600)
    try:
        grant(active_hsm, credential, application.object_id, CRYPTO_USER, scope="/keys")
        assert len([*roles.list_role_assignments("/keys")]) == 2
        with KeyClient(url(active_hsm), credential) as keys:
            with pytest.raises(HttpResponseError, match="Not authorized"):
                keys.create_oct_key("k1")
            control.change_clock(advance_seconds=3600)
            assert keys.create_oct_key("k1").name == "k1"
    finally:
        control.change_timing(role_seconds=0)
