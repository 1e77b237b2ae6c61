"""An HSM is handed over with its settings, its first keys and its local roles, each once, whatever dies meanwhile."""

import re
from typing import Any, Final, NamedTuple, get_args

import pytest
from azure.keyvault.administration import KeyVaultAccessControlClient, KeyVaultPermission, KeyVaultSettingsClient
from azure.keyvault.keys import KeyClient

from domain.handover.local_roles import ADMINISTRATOR, CRYPTO_USER
from domain.names import hsm_uri
from local.azure.control.models import NewFault, NewHold
from local.azure.core.faults import Answer
from local.portal import Portal
from local.stack import Application, Stack, register_application
from orchestrations.story import MAXIMUM_TRIES
from tests.custodians import Custodian, request_for
from tests.kills import Phase, kill
from tests.test_giving_up import assignments, provision, service_of

CRYPTO_OFFICER: Final = "515eb02d-2335-4d2d-92f2-b1cbdf9c3778"
AUDITOR: Final = "2c18b078-7c48-4d3a-af88-5a3a1b3f82b3"
ENCRYPTION_USER: Final = "33413926-3206-4cdd-b39a-83574fe37a17"
PREFIX: Final = "Microsoft.KeyVault/managedHsm/"
SETTING: Final = "AllowKeyManagementOperationsThroughARM"
ROLE: Final = "Microsoft.KeyVault/providers/Microsoft.Authorization/roleDefinitions/"
RELEASE: Final = {"version": "1.0.0", "anyOf": [{"authority": "https://a.attest.azure.net"}]}
AT_KEYS: Final = "^/keys/providers/Microsoft.Authorization/roleAssignments/"
AT_ROOT: Final = "^/providers/Microsoft.Authorization/roleAssignments/"
# Where a worker dies, in this order.
MOMENTS: Final = (
    ("PATCH", "/settings/"),
    ("PUT", AT_KEYS),
    ("POST", "/keys/cmk/create"),
    ("DELETE", AT_KEYS),
    ("PUT", "/roleDefinitions/"),
    ("PUT", AT_ROOT),
)


class Seen(NamedTuple):
    """What an HSM has, as its administrator sees it."""

    setting: bool
    roles: dict[str, set[str]]
    assignments: set[tuple[str, str, str]]


@pytest.fixture(scope="module")
def consumer(stack: Stack) -> Application:
    return register_application(stack.control, "consumer of keys", [])


def handover_for(consumer: Application, **changes: Any) -> dict[str, Any]:
    return {
        "settings": {SETTING[0].lower() + SETTING[1:]: True},
        "keys": [
            {"name": "cmk", "size": 2048, "rotateAfterDays": 90, "consumers": [{"principalId": consumer.object_id}]},
            {"name": "Signing", "type": "EC-HSM", "curve": "P-384", "operations": ["sign", "verify"]},
            {"name": "released", "type": "oct-HSM", "exportable": True, "releasePolicy": RELEASE},
        ],
        "localRoleDefinitions": [{"name": "Key reader", "dataActions": [f"{PREFIX}keys/read/action"]}],
        "localRoleAssignments": [
            {"principalId": consumer.object_id, "role": "managed hsm crypto auditor"},
            {"principalId": consumer.object_id, "role": "Key reader", "scope": "/keys/Signing"},
            {"principalId": consumer.object_id, "role": ENCRYPTION_USER, "scope": "/keys"},
        ],
        **changes,
    }


def asked(stack: Stack, custodians: list[Custodian], handover: dict[str, Any]) -> dict[str, Any]:
    return request_for(stack, custodians, administrators=[stack.portal.object_id], handover=handover)


def look(stack: Stack, hsm: str) -> Seen:
    with stack.portal_credential() as credential:
        with KeyVaultSettingsClient(hsm_uri(hsm), credential) as settings:
            setting = settings.get_setting(SETTING).getboolean()
        with KeyVaultAccessControlClient(hsm_uri(hsm), credential) as access:
            found = [item for item in access.list_role_definitions("/") if item.role_type == "CustomRole"]
            given = [item.properties for item in access.list_role_assignments("/") if item.properties]
    roles = {
        str(item.role_name): {*map(text, (action for part in item.permissions or [] for action in part.data_actions))}
        for item in found
    }
    names = {str(item.name): str(item.role_name) for item in found}
    made = set()
    for item in given:
        role = str(item.role_definition_id).rpartition("/")[2]
        made.add((str(item.principal_id), names.get(role, role), text(item.scope)))
    return Seen(setting, roles, made)


def text(value: Any) -> str:
    """The SDK gives as an enum what it knows."""
    return str(getattr(value, "value", value))


def check(stack: Stack, hsm: str, consumer: Application) -> None:
    """The HSM has all that was asked for, each once, and the service is nothing but its administrator."""
    service, portal = service_of_stack(stack, hsm), stack.portal.object_id
    seen = look(stack, hsm)
    assert seen.setting
    assert list(seen.roles) == ["Key reader"]
    assert seen.assignments == {
        (service, ADMINISTRATOR, "/"),
        (portal, ADMINISTRATOR, "/"),
        (consumer.object_id, AUDITOR, "/"),
        (consumer.object_id, ENCRYPTION_USER, "/keys"),
        (consumer.object_id, ENCRYPTION_USER, "/keys/cmk"),
        (consumer.object_id, "Key reader", "/keys/signing"),
    }
    created = [
        entry["path"]
        for entry in stack.control.journal("managed_hsm")
        if entry["host"].startswith(f"{hsm}.") and entry["path"].endswith("/create") and entry["status"] == 200
    ]
    assert created == ["/keys/cmk/create", "/keys/Signing/create", "/keys/released/create"]


def check_keys(stack: Stack, hsm: str) -> None:
    with stack.portal_credential() as credential:
        with KeyVaultAccessControlClient(hsm_uri(hsm), credential) as access:
            access.create_role_assignment("/keys", f"{ROLE}{CRYPTO_USER}", stack.portal.object_id)
        with KeyClient(hsm_uri(hsm), credential) as keys:
            rsa, elliptic, symmetric = (keys.get_key(name) for name in ("cmk", "Signing", "released"))
            (rotation,) = keys.get_key_rotation_policy("cmk").lifetime_actions
            versions = [len([*keys.list_properties_of_key_versions(name)]) for name in ("cmk", "Signing", "released")]
    assert versions == [1, 1, 1]
    assert (rsa.key_type, len(vars(rsa.key)["n"]) * 8, rotation.time_after_create) == ("RSA-HSM", 2048, "P90D")
    assert (elliptic.key_type, elliptic.key_operations) == ("EC-HSM", ["sign", "verify"])
    assert vars(elliptic.key)["crv"] == "P-384"
    assert (symmetric.key_type, symmetric.properties.exportable) == ("oct-HSM", True)
    assert symmetric.properties.release_policy is not None


def service_of_stack(stack: Stack, hsm: str) -> str:
    return service_of(stack, stack.portal, hsm)


def test_an_hsm_has_what_was_asked_for_once_its_roles_are_heard_of(
    stack: Stack, portal: Portal, hsm_name: str, custodians: list[Custodian], consumer: Application
) -> None:
    stack.control.change_timing(role_seconds=1)
    try:
        body = asked(stack, custodians, handover_for(consumer))
        operation = provision(portal, hsm_name, body)
    finally:
        stack.control.change_timing(role_seconds=0)
    assert operation["status"] == "Succeeded", (operation["error"], operation["steps"])
    steps = {step["name"]: step for step in operation["steps"]}
    wanted = ("change_settings", "create_keys", "leave_keys", "define_local_roles", "assign_local_roles")
    assert [steps[name]["status"] for name in wanted] == ["Succeeded"] * 5
    assert steps["create_keys"]["attempts"] > 2
    assert operation["warnings"] == []
    check(stack, hsm_name, consumer)
    check_keys(stack, hsm_name)
    assert portal.put_hsm(hsm_name, body).status_code == 200


@pytest.mark.parametrize("phase", get_args(Phase))
def test_a_killed_worker_makes_nothing_twice(
    phase: Phase, stack: Stack, portal: Portal, hsm_name: str, custodians: list[Custodian], consumer: Application
) -> None:
    holds = [
        stack.control.hold(NewHold(service="managed_hsm", method=method, path=path, phase=phase))
        for method, path in MOMENTS
    ]
    operation_id = portal.put_hsm(hsm_name, asked(stack, custodians, handover_for(consumer))).json()["id"]
    for moment, held in zip(MOMENTS, holds, strict=True):
        assert stack.control.await_hold(held, 60), f"no request of {moment} came"
        kill(stack, {held: phase})
    operation = portal.follow(operation_id)
    assert operation["status"] == "Succeeded", (operation["error"], operation["steps"])
    check(stack, hsm_name, consumer)
    check_keys(stack, hsm_name)


def test_what_is_there_and_differs_is_left_and_named(
    stack: Stack, portal: Portal, hsm_name: str, custodians: list[Custodian]
) -> None:
    early = NewFault(
        service="managed_hsm", method="PUT", path=AT_ROOT, effect=Answer(status=400, code="RoleDefinitionDoesNotExist")
    )
    stack.control.inject_fault(early)
    nobody = "00000000-0000-4000-8000-00000000dead"
    simple = {"localRoleAssignments": [{"principalId": nobody, "role": "Managed HSM Crypto Auditor"}]}
    operation = provision(portal, hsm_name, asked(stack, custodians, simple))
    assert operation["status"] == "Succeeded", operation
    steps = {step["name"]: step for step in operation["steps"]}
    assert steps["assign_local_roles"]["attempts"] == 2
    (warning,) = operation["warnings"]
    assert (warning["code"], nobody in warning["message"]) == ("principal_not_found", True)
    with stack.portal_credential() as credential:
        with KeyVaultAccessControlClient(hsm_uri(hsm_name), credential) as access:
            for role in (CRYPTO_USER, CRYPTO_OFFICER):
                access.create_role_assignment("/", f"{ROLE}{role}", stack.portal.object_id)
            allowed = KeyVaultPermission(data_actions=[f"{PREFIX}keys/sign/action"])
            access.set_role_definition("/", role_name="Theirs", permissions=[allowed])
        with KeyClient(hsm_uri(hsm_name), credential) as keys:
            keys.create_rsa_key("there", size=2048)
            keys.create_oct_key("gone")
            keys.begin_delete_key("gone").wait()
    theirs = {"localRoleDefinitions": [{"name": "theirs", "dataActions": [f"{PREFIX}keys/read/action"]}]}
    for handover, code in (
        ({"keys": [{"name": "there", "size": 4096}]}, "key_differs"),
        ({"keys": [{"name": "gone", "type": "oct-HSM"}]}, "key_deleted"),
        (theirs, "local_role_differs"),
    ):
        failed = provision(portal, hsm_name, asked(stack, custodians, handover))
        assert (failed["status"], failed["error"]["code"]) == ("Failed", code), failed
        service = service_of_stack(stack, hsm_name)
        held = {role for principal, role in assignments(stack, stack.portal, hsm_name) if principal == service}
        assert held == {ADMINISTRATOR}
    assert look(stack, hsm_name).roles == {"Theirs": {f"{PREFIX}keys/sign/action"}}


def test_many_roles_are_given_in_portions_where_azure_asks_for_patience(
    stack: Stack, portal: Portal, hsm_name: str, custodians: list[Custodian], consumer: Application
) -> None:
    """It does so more often than a step is tried that fails, and no assignment is asked for twice that was made."""
    names = [f"k{number}" for number in range(MAXIMUM_TRIES + 2)]
    throttled = Answer(status=429, retry_after_seconds=1)
    for name in names[1:]:
        path = f"^/keys/{name}/providers/Microsoft.Authorization/roleAssignments/"
        stack.control.inject_fault(NewFault(service="managed_hsm", method="PUT", path=path, effect=throttled))
    consumers = [{"principalId": consumer.object_id}]
    keys = [{"name": name, "type": "oct-HSM", "consumers": consumers} for name in names]
    operation = provision(portal, hsm_name, asked(stack, custodians, {"keys": keys}))
    assert operation["status"] == "Succeeded", (operation["error"], operation["steps"])
    (step,) = (step for step in operation["steps"] if step["name"] == "assign_local_roles")
    assert step["attempts"] == len(names)
    at_keys = [
        (entry["method"], entry["status"])
        for entry in stack.control.journal("managed_hsm")
        if entry["host"].startswith(f"{hsm_name}.") and re.match("/keys/k[0-9]+/providers/", entry["path"])
    ]
    assert sorted(at_keys) == [("PUT", 201)] * len(names) + [("PUT", 429)] * (len(names) - 1)


@pytest.mark.parametrize(
    ("handover", "status", "code", "field"),
    [
        (
            {"localRoleAssignments": [{"principalId": AUDITOR, "role": "Managed HSM Crypto Officer"}]},
            403,
            "local_role_not_allowed",
            "handover.localRoleAssignments[0].role",
        ),
        (
            {"localRoleAssignments": [{"principalId": AUDITOR, "role": "nothing"}]},
            400,
            "local_role_unknown",
            "handover.localRoleAssignments[0].role",
        ),
        ({"keys": [{"name": "k1", "size": 7}]}, 400, "invalid_field", "handover.keys[0]"),
    ],
)
def test_what_no_hsm_can_have_or_no_request_may_is_refused_at_once(
    handover: dict[str, Any],
    status: int,
    code: str,
    field: str,
    stack: Stack,
    portal: Portal,
    hsm_name: str,
    custodians: list[Custodian],
) -> None:
    response = portal.put_hsm(hsm_name, asked(stack, custodians, handover))
    problem = response.json()
    assert (response.status_code, problem["code"], problem["errors"][0]["field"]) == (status, code, field)


def test_a_role_that_could_not_be_given_up_is_by_the_next_request(
    stack: Stack, portal: Portal, hsm_name: str, custodians: list[Custodian]
) -> None:
    """Neither the key can be made nor the role be taken away; the next request asks for no keys."""
    host = f"^{hsm_name}[.]"
    faults = [
        stack.control.inject_fault(
            NewFault(service="managed_hsm", host=host, method=method, path=path, count=1000, effect=Answer(status=400))
        )
        for method, path in (("POST", "/keys/app/create$"), ("DELETE", "/roleAssignments/"))
    ]
    stays = {"administration": {"giveUp": False}}
    keys = [{"name": "app", "type": "RSA-HSM"}]
    failed = provision(portal, hsm_name, asked(stack, custodians, {**stays, "keys": keys}))
    assert failed["status"] == "Failed"
    service = service_of_stack(stack, hsm_name)
    assert (service, CRYPTO_USER, "/keys") in look(stack, hsm_name).assignments
    for fault in faults:
        stack.control.remove_fault(fault)
    body = asked(stack, custodians, stays)
    operation = provision(portal, hsm_name, body)
    assert operation["status"] == "Succeeded", operation["error"]
    steps = {step["name"]: step["status"] for step in operation["steps"]}
    assert (steps["create_keys"], steps["leave_keys"]) == ("Skipped", "Succeeded")
    assert {role for who, role, _ in look(stack, hsm_name).assignments if who == service} == {ADMINISTRATOR}
    assert portal.put_hsm(hsm_name, body).status_code == 200
