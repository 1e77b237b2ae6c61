"""An HSM is left to its own administrators, and never without one."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

import pytest
from azure.identity import ClientSecretCredential
from azure.keyvault.administration import KeyVaultAccessControlClient
from azure.mgmt.keyvault import KeyVaultManagementClient

from clients import archive
from domain.handover.administration import GivenUp
from domain.handover.local_roles import ADMINISTRATOR, AUDITOR, BACKUP_USER, CRYPTO_USER
from domain.names import hsm_uri
from local.azure.control.models import NewFault, NewHold
from local.azure.core.faults import Answer
from local.portal import Portal
from local.stack import Application, Stack, register_application
from tests.custodians import Custodian, make_custodian, request_for
from tests.in_process import signed_in_as_the_app
from tests.kills import Phase, kill
from tests.people import Person, await_step
from tests.restoring import ASKING, approve
from tests.test_rewrap import rewrap

NOBODY: Final = "00000000-0000-4000-8000-00000000dead"
ROLE: Final = "Microsoft.KeyVault/providers/Microsoft.Authorization/roleDefinitions/"
POLICY_ADMINISTRATOR: Final = "4bd23610-cdcf-4971-bdee-bdc562cc28e4"
GIVES_UP: Final = {"administration": {"giveUp": True}}


@pytest.fixture(scope="module")
def administrator(stack: Stack) -> Application:
    return register_application(stack.control, "administrator of HSMs", [])


@contextmanager
def closed_directory(stack: Stack, path: str = "getByIds") -> Iterator[None]:
    """The service may not read the directory, or not all of it."""
    answer = Answer(status=403, code="Authorization_RequestDenied")
    fault = NewFault(service="entra", host="graph.microsoft.com", path=path, count=1000, effect=answer)
    identifier = stack.control.inject_fault(fault)
    try:
        yield
    finally:
        stack.control.remove_fault(identifier)


def local_roles(stack: Stack, administrator: Application, hsm: str) -> KeyVaultAccessControlClient:
    """The HSM's local RBAC, as its administrator sees it."""
    tenant = stack.azure.endpoints.tenant_id
    credential = ClientSecretCredential(tenant, administrator.client_id, administrator.client_secret)
    return KeyVaultAccessControlClient(hsm_uri(hsm), credential)


def assignments(stack: Stack, administrator: Application, hsm: str) -> set[tuple[str, str]]:
    """Who has which role."""
    with local_roles(stack, administrator, hsm) as client:
        found = [item.properties for item in client.list_role_assignments("/") if item.properties]
    return {(str(item.principal_id), str(item.role_definition_id).rpartition("/")[2]) for item in found}


def service_of(stack: Stack, administrator: Application, hsm: str) -> str:
    """The object id of the service, which made the HSM and was its first administrator besides those of the request."""
    with stack.portal_credential() as credential:
        client = KeyVaultManagementClient(credential, stack.azure.endpoints.subscription_id)
        found = client.managed_hsms.get("rg-hsm", hsm)
    named = found.properties.initial_admin_object_ids if found and found.properties else None
    return next(one for one in named or [] if one != administrator.object_id)


def asked(stack: Stack, custodians: list[Custodian], administrator: str, **changes: Any) -> dict[str, Any]:
    return request_for(stack, custodians, **{"administrators": [administrator], "handover": GIVES_UP, **changes})


def provision(portal: Portal, hsm: str, body: dict[str, Any]) -> dict[str, Any]:
    response = portal.put_hsm(hsm, body)
    assert response.status_code in (201, 202), response.text
    return portal.follow(response.json()["id"])


def test_the_service_leaves_the_hsm_to_its_administrators(
    stack: Stack, portal: Portal, hsm_name: str, custodians: list[Custodian], administrator: Application
) -> None:
    body = asked(stack, custodians, administrator.object_id)
    operation = provision(portal, hsm_name, body)
    assert operation["status"] == "Succeeded", (operation["error"], operation["steps"])
    states = {step["name"]: step["status"] for step in operation["steps"]}
    assert (states["give_up_administration"], states["assign_local_roles"]) == ("Succeeded", "Skipped")
    assert assignments(stack, administrator, hsm_name) == {(administrator.object_id, ADMINISTRATOR)}
    assert portal.put_hsm(hsm_name, body).status_code == 200


def test_the_service_keeps_what_it_was_asked_to_keep_and_no_more(
    stack: Stack, portal: Portal, hsm_name: str, custodians: list[Custodian], administrator: Application
) -> None:
    kept = {"administration": {"giveUp": True, "keepAudit": True, "keepBackup": True}}
    operation = provision(portal, hsm_name, asked(stack, custodians, administrator.object_id, handover=kept))
    assert operation["status"] == "Succeeded", operation
    service = service_of(stack, administrator, hsm_name)
    assert assignments(stack, administrator, hsm_name) == {
        (administrator.object_id, ADMINISTRATOR),
        (service, AUDITOR),
        (service, BACKUP_USER),
    }


def test_an_hsm_is_not_made_for_somebody_who_does_not_exist(
    stack: Stack, portal: Portal, hsm_name: str, custodians: list[Custodian], administrator: Application
) -> None:
    body = asked(stack, custodians, administrator.object_id, administrators=[administrator.object_id, NOBODY])
    operation = provision(portal, hsm_name, body)
    assert (operation["status"], operation["error"]["code"]) == ("Failed", "administrator_not_found")
    assert operation["error"]["errors"][0]["field"].startswith("administrators[")
    assert hsm_name not in {item["name"] for item in stack.control.hsms()}


def test_an_hsm_is_not_made_for_groups_with_nobody_in_them(
    stack: Stack, portal: Portal, hsm_name: str, custodians: list[Custodian]
) -> None:
    group = stack.control.create_group("HSM administrators")
    stack.control.create_group("HSM administrators on duty", groups=[group])
    stack.control.create_person("Ada", "ada@contoso.example", groups=[group], account_enabled=False)
    body = asked(stack, custodians, group)
    operation = provision(portal, hsm_name, body)
    assert operation["error"]["errors"][0]["code"] == "administrator_without_account"
    assert hsm_name not in {item["name"] for item in stack.control.hsms()}
    stack.control.create_person("Bob", "bob@contoso.example", groups=[group])
    assert provision(portal, hsm_name, body)["status"] == "Succeeded"


def test_an_hsm_is_not_left_to_a_group_with_nobody_in_it(
    stack: Stack, portal: Portal, hsm_name: str, custodians: list[Custodian]
) -> None:
    """It was made for one while the service stayed its administrator."""
    group = stack.control.create_group("HSM administrators")
    stays = {"administration": {"giveUp": False}}
    assert provision(portal, hsm_name, asked(stack, custodians, group, handover=stays))["status"] == "Succeeded"
    body = asked(stack, custodians, group)
    operation = provision(portal, hsm_name, body)
    assert (operation["status"], operation["error"]["code"]) == ("Failed", "no_other_administrator")
    assert group in operation["error"]["message"]
    stack.control.create_person("Ada", "ada@contoso.example", groups=[group])
    assert provision(portal, hsm_name, body)["status"] == "Succeeded"


def test_where_members_are_hidden_the_approver_says_that_there_are_some(
    stack: Stack, portal: Portal, hsm_name: str, custodians: list[Custodian]
) -> None:
    group = stack.control.create_group("HSM administrators")
    body = asked(stack, custodians, group, requestedBy=ASKING)
    with closed_directory(stack, "transitiveMembers"):
        response = portal.put_hsm(hsm_name, body)
        approve(stack, response.json())
        operation = portal.follow(response.json()["id"])
    assert operation["status"] == "Succeeded", operation
    assert group in operation["approval"]["reasons"][0]


def test_without_the_directory_the_approver_says_that_the_administrators_exist(
    stack: Stack, portal: Portal, hsm_name: str, custodians: list[Custodian], administrator: Application
) -> None:
    body = asked(stack, custodians, administrator.object_id)
    with closed_directory(stack):
        unnamed = provision(portal, hsm_name, body)
        assert unnamed["error"]["code"] == "requested_by_missing"
        response = portal.put_hsm(hsm_name, {**body, "requestedBy": ASKING})
        approve(stack, response.json())
        operation = portal.follow(response.json()["id"])
    assert operation["status"] == "Succeeded", operation
    assert administrator.object_id in operation["approval"]["reasons"][0]
    assert assignments(stack, administrator, hsm_name) == {(administrator.object_id, ADMINISTRATOR)}


def test_an_hsm_is_never_left_without_an_administrator(
    stack: Stack, portal: Portal, hsm_name: str, custodians: list[Custodian], administrator: Application
) -> None:
    """Nobody can be looked up when it comes to that, and no approver said that they exist."""
    held = stack.control.hold(
        NewHold(
            service="managed_hsm",
            method="GET",
            path="/providers/Microsoft.Authorization/roleAssignments",
            phase="before",
        )
    )
    body = asked(stack, custodians, administrator.object_id)
    operation_id = portal.put_hsm(hsm_name, body).json()["id"]
    assert stack.control.await_hold(held, 60)
    with closed_directory(stack):
        stack.control.release(held)
        operation = portal.follow(operation_id)
    assert (operation["status"], operation["error"]["code"]) == ("Failed", "no_other_administrator")
    service = service_of(stack, administrator, hsm_name)
    assert (service, ADMINISTRATOR) in assignments(stack, administrator, hsm_name)
    again = provision(portal, hsm_name, body)
    assert again["status"] == "Succeeded", again
    assert assignments(stack, administrator, hsm_name) == {(administrator.object_id, ADMINISTRATOR)}
    assert len(stack.control.exports(hsm_name)) == 1


def test_what_needs_an_administrator_says_how_to_make_the_service_one(
    stack: Stack, portal: Portal, hsm_name: str, custodians: list[Custodian], administrator: Application
) -> None:
    assert provision(portal, hsm_name, asked(stack, custodians, administrator.object_id))["status"] == "Succeeded"
    successors = [make_custodian(f"successor {number}") for number in range(3)]
    refused = portal.follow(rewrap(portal, hsm_name, successors, 2).json()["id"])
    assert (refused["status"], refused["error"]["code"]) == ("Failed", "administrator_required")
    service = service_of(stack, administrator, hsm_name)
    for verb, who in (("create", f"--assignee-object-id {service}"), ("delete", f"--assignee-object-id {service}")):
        assert f"az keyvault role assignment {verb} --hsm-name {hsm_name}" in refused["error"]["advice"]
        assert who in refused["error"]["advice"]
    with local_roles(stack, administrator, hsm_name) as client:
        client.create_role_assignment("/", f"{ROLE}{ADMINISTRATOR}", service)
    response = rewrap(portal, hsm_name, successors, 2)
    approve(stack, response.json())
    operation = portal.follow(response.json()["id"])
    assert operation["status"] == "Succeeded", operation
    assert assignments(stack, administrator, hsm_name) == {(administrator.object_id, ADMINISTRATOR)}


def grant(stack: Stack, administrator: Application, hsm: str, role: str = ADMINISTRATOR) -> str:
    """Give the service a role, as an administrator does; gives the service's object id."""
    service = service_of(stack, administrator, hsm)
    grant_to(service, stack, administrator, hsm, role)
    return service


def grant_to(principal: str, stack: Stack, administrator: Application, hsm: str, role: str = ADMINISTRATOR) -> None:
    with local_roles(stack, administrator, hsm) as client:
        client.create_role_assignment("/", f"{ROLE}{role}", principal)


def test_what_was_granted_for_an_operation_is_given_up_also_where_it_is_rejected(
    stack: Stack, portal: Portal, hsm_name: str, custodians: list[Custodian], administrator: Application
) -> None:
    assert provision(portal, hsm_name, asked(stack, custodians, administrator.object_id))["status"] == "Succeeded"
    service = grant(stack, administrator, hsm_name)
    settings = {**GIVES_UP, "settings": {"allowKeyManagementOperationsThroughARM": True}}
    with closed_directory(stack):
        body = asked(stack, custodians, administrator.object_id, handover=settings, requestedBy=ASKING)
        operation_id = portal.put_hsm(hsm_name, body).json()["id"]
        approver = Person(stack, 7, ["Hsm.Approve"])
        waiting = await_step(approver, operation_id, "await_approval")
    assert (service, ADMINISTRATOR) in assignments(stack, administrator, hsm_name)
    assert approver.decide(waiting, "reject").status_code == 200
    operation = portal.follow(operation_id)
    assert operation["error"]["code"] == "approval_rejected", operation
    assert assignments(stack, administrator, hsm_name) == {(administrator.object_id, ADMINISTRATOR)}


def test_what_was_granted_for_an_operation_that_is_refused_is_drift(
    stack: Stack, portal: Portal, hsm_name: str, custodians: list[Custodian], administrator: Application
) -> None:
    assert provision(portal, hsm_name, asked(stack, custodians, administrator.object_id))["status"] == "Succeeded"
    assert find_given_up(stack, hsm_name).done_at is not None
    grant(stack, administrator, hsm_name)
    settings = {**GIVES_UP, "settings": {"allowKeyManagementOperationsThroughARM": True}}
    with closed_directory(stack):
        refused = provision(portal, hsm_name, asked(stack, custodians, administrator.object_id, handover=settings))
    assert refused["error"]["code"] == "requested_by_missing"
    assert find_given_up(stack, hsm_name).done_at is None


def find_given_up(stack: Stack, hsm: str) -> GivenUp:
    with signed_in_as_the_app(stack):
        record = archive.find_hsm_record(hsm)
    assert record is not None
    assert record.given_up is not None
    return record.given_up


def test_whoever_takes_the_administration_away_by_hand_ends_it(
    stack: Stack, portal: Portal, hsm_name: str, custodians: list[Custodian], administrator: Application
) -> None:
    stays = {"administration": {"giveUp": False}}
    body = asked(stack, custodians, administrator.object_id, handover=stays)
    assert provision(portal, hsm_name, body)["status"] == "Succeeded"
    service = service_of(stack, administrator, hsm_name)
    with local_roles(stack, administrator, hsm_name) as client:
        found = [item for item in client.list_role_assignments("/") if item.properties]
        (own,) = [item for item in found if item.properties and item.properties.principal_id == service]
        client.delete_role_assignment("/", str(own.name))
    settings = {**stays, "settings": {"allowKeyManagementOperationsThroughARM": True}}
    refused = provision(portal, hsm_name, asked(stack, custodians, administrator.object_id, handover=settings))
    assert refused["error"]["code"] == "administrator_required", refused["error"]
    left = asked(stack, custodians, administrator.object_id)
    assert provision(portal, hsm_name, left)["status"] == "Succeeded"
    assert portal.put_hsm(hsm_name, left).status_code == 200


@pytest.mark.parametrize(("role", "gives_up"), [(CRYPTO_USER, False), (POLICY_ADMINISTRATOR, True)])
def test_no_other_role_is_kept_either(
    role: str,
    gives_up: bool,
    stack: Stack,
    portal: Portal,
    hsm_name: str,
    custodians: list[Custodian],
    administrator: Application,
) -> None:
    assert provision(portal, hsm_name, asked(stack, custodians, administrator.object_id))["status"] == "Succeeded"
    service = grant(stack, administrator, hsm_name, role)
    another = {**GIVES_UP, "privateEndpoints": []}
    operation = provision(portal, hsm_name, asked(stack, custodians, administrator.object_id, handover=another))
    code = operation["error"]["code"] if operation.get("error") else None
    assert code == (None if gives_up else "administrator_required"), operation
    assert ((service, role) in assignments(stack, administrator, hsm_name)) != gives_up


@pytest.mark.parametrize(("method", "phase"), [("PUT", "after"), ("DELETE", "before"), ("DELETE", "after")])
def test_a_killed_worker_leaves_no_more_and_no_less(
    method: str,
    phase: Phase,
    stack: Stack,
    portal: Portal,
    hsm_name: str,
    custodians: list[Custodian],
    administrator: Application,
) -> None:
    kept = {"administration": {"giveUp": True, "keepAudit": True}}
    path = "/providers/Microsoft.Authorization/roleAssignments/"
    held = stack.control.hold(NewHold(service="managed_hsm", method=method, path=path, phase=phase))
    body = asked(stack, custodians, administrator.object_id, handover=kept)
    operation_id = portal.put_hsm(hsm_name, body).json()["id"]
    assert stack.control.await_hold(held, 60)
    kill(stack, {held: phase})
    operation = portal.follow(operation_id)
    assert operation["status"] == "Succeeded", operation
    service = service_of(stack, administrator, hsm_name)
    assert assignments(stack, administrator, hsm_name) == {
        (administrator.object_id, ADMINISTRATOR),
        (service, AUDITOR),
    }
