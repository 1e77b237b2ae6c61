"""One PUT with everything gives an HSM that the Azure CLI, run by its administrator, agrees with member by member."""

from collections.abc import Iterator
from typing import Any, Final

import pytest

from domain.handover.local_roles import AUDITOR, BACKUP_USER
from domain.requests import HsmRequest
from local.portal import Portal
from local.stack import Stack
from tests.cli.everything import ask_for_everything, make_hub
from tests.cli.handed_over import HSM, Cli, HandedOver
from tests.cli.looks import (
    LOOKS,
    alert_rules,
    assignments,
    blobs,
    definitions,
    diagnostic_setting,
    endpoints,
    keys,
    locks,
    service_roles,
)
from tests.cli.members import agrees, is_given, members_of, values_at
from tests.custodians import make_custodian
from tests.hosts import deployed
from tests.infra.roles import ON_IDENTITIES, permissions
from tests.people import Person, await_step

pytestmark = pytest.mark.cli

MEMBERS: Final = sorted(members_of(HsmRequest))


@pytest.fixture(scope="module")
def site(stack: Stack, tmp_path_factory: pytest.TempPathFactory) -> Iterator[HandedOver]:
    endpoints, control = stack.azure.endpoints, stack.control
    hub = make_hub(stack)
    # Exactly what the templates let it do where it may not delete HSMs.
    granted = [*permissions()["provisioner"]["actions"], *ON_IDENTITIES]
    control.change_role(endpoints.identity_object_id, f"/subscriptions/{endpoints.subscription_id}", granted)
    administrator = control.create_application("new administrator", {}, "Reader")
    custodians = [make_custodian(f"Custodian {number}") for number in range(3)]
    asked = ask_for_everything(hub, HSM, custodians, administrator.object_id)
    cli = Cli(stack.azure, tmp_path_factory.mktemp("home"))
    with deployed(stack, tmp_path_factory.mktemp("host"), {"HSM_PROVISIONER_POLICY": hub.policy}) as running:
        portal = Portal(running)
        operation = provision(portal, running, asked)
        shown, sheet = (portal.send("GET", path).json() for path in (f"hsms/{HSM}", f"hsms/{HSM}/handover"))
        made = HandedOver(hub, custodians, administrator, cli, asked, operation, shown, sheet)
        sign_in(made)
        yield made
    cli.stop()
    control.integrate(endpoints.identity_object_id, None)
    control.forget_hsms()


def provision(portal: Portal, running: Stack, asked: dict[str, Any]) -> dict[str, Any]:
    """Have the HSM made, which somebody approves: its firewall might be opened for a while."""
    response = portal.put_hsm(HSM, asked)
    assert response.status_code == 202, response.text
    waiting = await_step(portal, response.json()["id"], "await_approval")
    assert Person(running, 81, ["Hsm.Approve"]).decide(waiting, "approve").status_code == 200
    operation = portal.follow(waiting["id"], seconds=300)
    assert operation["status"] == "Succeeded", (operation.get("error"), operation["steps"])
    return operation


def sign_in(site: HandedOver) -> None:
    """Have the administrator sign in from the hub's network, and take the role without which nobody sees a key."""
    who = site.administrator
    site.hub.stack.control.integrate(who.object_id, site.hub.subnet("operators"))
    tenant = site.hub.stack.azure.endpoints.tenant_id
    site.az("login", "--service-principal", "-u", who.client_id, "-p", who.client_secret, "--tenant", tenant)
    role, *_ = site.duty("test_key")
    kind = ("--assignee-principal-type User", "--assignee-principal-type ServicePrincipal")
    site.follow(role.replace("YOUR_OBJECT_ID", who.object_id).replace(*kind))


def test_everything_is_asked_for_and_looked_at(site: HandedOver) -> None:
    """Who adds a member to the request adds it here, too."""
    assert sorted(LOOKS) == MEMBERS
    assert [member for member in MEMBERS if not is_given(values_at(site.asked, member))] == []


@pytest.mark.parametrize("member", MEMBERS)
def test_the_cli_agrees(site: HandedOver, member: str) -> None:
    asked, found = values_at(site.asked, member), LOOKS[member](site)
    assert agrees(asked, found), (asked, found)


def test_the_sheet_says_that_all_is_built_and_where(site: HandedOver) -> None:
    assert {part["state"] for part in site.sheet["parts"]} == {"Built"}
    rules = [rule for kind in ("metrics", "activity-log", "scheduledQueryRules") for rule in alert_rules(site, kind)]
    places = {
        "privateEndpoints": [endpoint["id"] for endpoint in endpoints(site)],
        "keys": [key["key"]["kid"].rpartition("/")[0] for key in keys(site)],
        "localRoleDefinitions": [definition["name"] for definition in definitions(site)],
        "diagnostics": [diagnostic_setting(site)["id"]],
        "alerts": [rule["id"] for rule in rules],
        "lock": [lock["id"] for lock in locks(site)],
    }
    assert {part: lowered(site.where(part)) for part in places} == {part: lowered(places[part]) for part in places}
    assert set(site.where("localRoleAssignments")) <= {item["name"] for item in assignments(site)}


def lowered(places: list[str]) -> list[str]:
    return sorted(place.lower() for place in places)


def test_the_service_has_the_roles_that_were_asked_for_and_no_more(site: HandedOver) -> None:
    assert site.sheet["service"] == site.service
    assert service_roles(site) == {(BACKUP_USER, "/"), (AUDITOR, "/")}
    (administrator,) = site.follow(site.duty("check_administrators")[0])
    assert administrator["principalId"] == site.administrator.object_id


def test_the_service_did_nothing_that_the_templates_do_not_let_it_do(site: HandedOver) -> None:
    journal = [entry for entry in site.hub.stack.control.journal() if entry["callerObjectId"] == site.service]
    roles = permissions()
    assert actions(journal, "blob_storage", "/security-domains/", "/audit/") == {*roles["archivist"]["dataActions"]}
    assert actions(journal, "blob_storage", "/hsm-records/") <= {*roles["recordKeeper"]["dataActions"]}
    assert actions(journal, "key_vault", "/") == {*roles["wrappingKeyReader"]["dataActions"]}
    used = actions(journal, "resource_manager", "/")
    assert "Microsoft.Authorization/locks/write" in used
    assert used <= {*roles["provisioner"]["actions"], *ON_IDENTITIES}


def actions(journal: list[dict[str, Any]], service: str, *paths: str) -> set[str]:
    """The actions of Azure that somebody used in a service."""
    asked = [entry for entry in journal if entry["service"] == service and entry["path"].startswith(paths)]
    return {entry["action"] for entry in asked if entry["action"]}


def test_it_is_active_in_both_regions_and_was_never_opened(site: HandedOver) -> None:
    properties = site.on_hsm("show")["properties"]
    assert properties["securityDomainProperties"]["activationStatus"] == "Active"
    assert properties["enableSoftDelete"]
    assert {region["provisioningState"] for region in site.on_hsm("region", "list")} == {"Succeeded"}
    steps = {step["name"]: step["status"] for step in site.operation["steps"]}
    assert steps["open_temporarily"] == "Skipped"


def test_it_is_reached_over_its_private_endpoints_and_from_nowhere_else(site: HandedOver) -> None:
    connections = site.on_hsm("private-endpoint-connection", "list")
    states = [item["privateLinkServiceConnectionState"]["status"] for item in connections]
    assert states == ["Approved", "Approved"]
    ids = [item["privateEndpoint"]["id"] for item in connections]
    assert lowered(ids) == lowered([endpoint["id"] for endpoint in endpoints(site)])
    named = site.read("network", "private-endpoint-connection", "list", "--id", site.sheet["resourceId"])
    assert lowered([item["id"] for item in named]) == lowered([item["id"] for item in connections])
    (interface,) = endpoints(site)[1]["networkInterfaces"]
    (configuration,) = site.read("network", "nic", "show", "--ids", interface["id"])["ipConfigurations"]
    zone = ("--resource-group", "rg-hub", "--zone-name", site.hub.zone.rpartition("/")[2])
    record = site.read("network", "private-dns", "record-set", "a", "show", *zone, "--name", HSM)
    assert [item["ipv4Address"] for item in record["aRecords"]] == [configuration["privateIPAddress"]]
    check_the_internet(site)


def check_the_internet(site: HandedOver) -> None:
    """The same command that its administrator runs in the hub's network is refused at home."""
    control, who = site.hub.stack.control, site.administrator.object_id
    listing = ("keyvault", "setting", "list", "--hsm-name", HSM)
    control.integrate(who, None)
    try:
        ended = site.cli.run(*listing)
    finally:
        control.integrate(who, site.hub.subnet("operators"))
    assert ended.code != 0
    assert "is not authorized and caller is not a trusted service" in ended.error
    assert site.az(*listing)


def test_its_identities_are_those_that_there_are(site: HandedOver) -> None:
    attached = site.on_hsm("show")["identity"]["userAssignedIdentities"]
    names = [site.hub.identity(name) for name in ("team", "backup")]
    assert sorted(attached) == sorted(names)
    for name in names:
        there = site.read("identity", "show", "--ids", name)
        assert attached[name] == {member: there[member] for member in ("clientId", "principalId")}


def test_its_full_backup_lies_where_the_service_says(site: HandedOver) -> None:
    last = site.shown["backup"]["last"]
    assert {name.partition("/")[0] for name in blobs(site)} == {last["folder"]}
    assert (last["container"], last["operationId"]) == (site.hub.container, site.operation["id"])


def test_its_administrator_makes_a_key_and_uses_it(site: HandedOver) -> None:
    """By the sheet's own commands, after the one that gave the role for it."""
    _, create, encrypt, decrypt, delete = site.duty("test_key")
    site.follow(create)
    secret = site.follow(encrypt)["result"]
    assert site.follow(decrypt.replace("RESULT", secret))["result"] == "aGVsbG8="
    site.follow(delete)
