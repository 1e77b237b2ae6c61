"""The Azure CLI takes an HSM from nothing to activated, changes it, deletes it, recovers it and purges it."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from local.azure.control.models import MadeApplication
from local.azure.launch import LocalAzure
from tests.cli.conftest import GROUP, LOCATION, Az

pytestmark = pytest.mark.cli


@pytest.fixture
def hsm(az: Az, create: Callable[[str], Any]) -> Iterator[str]:
    name = "cli-passing"
    create(name)
    yield name
    az("keyvault", "delete", "--hsm-name", name)
    az("keyvault", "purge", "--hsm-name", name)


def test_an_hsm_is_created(az: Az, hsm: str, application: MadeApplication, refused: Callable[..., str]) -> None:
    shown = az("keyvault", "show", "--hsm-name", hsm)
    assert shown["properties"]["provisioningState"] == "Succeeded"
    assert shown["properties"]["hsmUri"] == f"https://{hsm}.managedhsm.azure.net/"
    assert shown["properties"]["initialAdminObjectIds"] == [application.object_id]
    assert shown["properties"]["softDeleteRetentionInDays"] == 7
    assert shown["systemData"]["createdBy"] == application.client_id
    assert hsm in [item["name"] for item in az("keyvault", "list", "--resource-type", "hsm")]
    assert az("keyvault", "check-name", "--name", hsm, "--resource-type", "hsm")["reason"] == "AlreadyExists"
    assert az("keyvault", "check-name", "--name", "cli-unused", "--resource-type", "hsm")["nameAvailable"]
    assert az("keyvault", "wait-hsm", "--hsm-name", hsm, "--created") is None
    place = ("-g", "rg-other", "-l", LOCATION, "--administrators", application.object_id)
    az("group", "create", "-n", "rg-other", "-l", LOCATION)
    assert "ConflictError" in refused("keyvault", "create", "--hsm-name", hsm, "--retention-days", "7", *place)


def test_an_hsm_is_activated(az: Az, active_hsm: str) -> None:
    domain = az("keyvault", "show", "--hsm-name", active_hsm)["properties"]["securityDomainProperties"]
    assert domain["activationStatus"] == "Active"


def test_an_hsm_is_updated(az: Az, hsm: str) -> None:
    changed = az("keyvault", "update-hsm", "--hsm-name", hsm, "-g", GROUP, "--public-network-access", "Disabled")
    assert changed["properties"]["publicNetworkAccess"] == "Disabled"
    assert az("keyvault", "show", "--hsm-name", hsm)["properties"] == changed["properties"]


def test_an_identity_is_given_to_an_hsm(az: Az, hsm: str) -> None:
    identity = az("identity", "create", "-n", "cli-identity", "-g", GROUP)
    changed = az("keyvault", "update-hsm", "--hsm-name", hsm, "-g", GROUP, "--mi-user-assigned", identity["id"])
    (assigned,) = changed["identity"]["userAssignedIdentities"].values()
    assert assigned == {"clientId": identity["clientId"], "principalId": identity["principalId"]}


def test_network_rules(az: Az, hsm: str) -> None:
    def rules(verb: str, *arguments: str) -> list[dict[str, str]]:
        answer = az("keyvault", "network-rule", verb, "--hsm-name", hsm, *arguments)
        listed: list[dict[str, str]] = answer.get("properties", {"networkAcls": answer})["networkAcls"]["ipRules"]
        return listed

    assert rules("add", "--ip-address", "1.2.3.4/32") == [{"value": "1.2.3.4/32"}]
    assert rules("list") == [{"value": "1.2.3.4/32"}]
    assert rules("remove", "--ip-address", "1.2.3.4/32") == []


def test_regions(az: Az, active_hsm: str, refused: Callable[..., str]) -> None:
    def listed() -> list[tuple[str, bool, str]]:
        answer = az("keyvault", "region", "list", "--hsm-name", active_hsm)
        return [(item["name"], item["isPrimary"], item["provisioningState"]) for item in answer]

    assert listed() == []
    region = ("--hsm-name", active_hsm, "--region", "uksouth")
    assert len(az("keyvault", "region", "add", *region)["properties"]["regions"]) == 2
    assert listed() == [(LOCATION, True, "Succeeded"), ("uksouth", False, "Succeeded")]
    assert "other regions" in refused("keyvault", "delete", "--hsm-name", active_hsm)
    assert az("keyvault", "region", "remove", *region)["properties"]["regions"] == []
    message = refused("keyvault", "region", "add", "--hsm-name", active_hsm, "--region", "testregion")
    assert "Invalid region name: testregion" in message


def test_private_link(az: Az, hsm: str) -> None:
    (resource,) = az("keyvault", "private-link-resource", "list", "--hsm-name", hsm)
    assert resource["requiredZoneNames"] == ["privatelink.managedhsm.azure.net"]
    assert az("keyvault", "private-endpoint-connection", "list", "--hsm-name", hsm) == []


def test_an_hsm_is_deleted_and_comes_back(az: Az, hsm: str, refused: Callable[..., str]) -> None:
    az("keyvault", "delete", "--hsm-name", hsm)
    deleted = az("keyvault", "show-deleted", "--hsm-name", hsm)
    assert deleted["properties"]["location"] == LOCATION
    assert deleted["properties"]["scheduledPurgeDate"] > deleted["properties"]["deletionDate"]
    assert az("keyvault", "list-deleted", "--resource-type", "hsm") == [deleted]
    assert az("keyvault", "check-name", "--name", hsm, "--resource-type", "hsm")["reason"] == "AlreadyExists"
    recovered = az("keyvault", "recover", "--hsm-name", hsm)
    assert recovered["properties"]["provisioningState"] == "Succeeded"
    assert az("keyvault", "list-deleted", "--resource-type", "hsm") == []
    message = refused("keyvault", "purge", "--hsm-name", hsm, "--location", LOCATION)
    assert "ResourceNotFound" in message


def test_purge_protection_holds(az: Az, hsm: str, refused: Callable[..., str]) -> None:
    place = ("-g", GROUP, "-l", LOCATION)
    name = "cli-protected"
    administrators = az("keyvault", "show", "--hsm-name", hsm)["properties"]["initialAdminObjectIds"]
    protected = ("--retention-days", "7", "--enable-purge-protection", "true")
    az("keyvault", "create", "--hsm-name", name, *place, "--administrators", *administrators, *protected)
    az("keyvault", "delete", "--hsm-name", name)
    assert "MethodNotAllowed" in refused("keyvault", "purge", "--hsm-name", name)


def test_the_provider_is_registered(az: Az) -> None:
    assert az("provider", "show", "-n", "Microsoft.KeyVault")["registrationState"] == "Registered"


def test_a_managed_identity_signs_in(az: Az, azure: LocalAzure, application: MadeApplication, hsm: str) -> None:
    here = azure.endpoints
    variables = {"IDENTITY_ENDPOINT": here.identity_endpoint, "IDENTITY_HEADER": here.identity_header}
    try:
        (subscription,) = az("login", "--identity", **variables)
        assert subscription["user"]["assignedIdentityInfo"] == "MSI"
        assert az("keyvault", "show", "--hsm-name", hsm, **variables)["name"] == hsm
        (subscription,) = az("login", "--identity", "--client-id", here.identity_client_id, **variables)
        assert subscription["user"]["assignedIdentityInfo"] == f"MSIClient-{here.identity_client_id}"
    finally:
        secret = ("-u", application.client_id, "-p", application.client_secret, "--tenant", here.tenant_id)
        az("login", "--service-principal", *secret)
