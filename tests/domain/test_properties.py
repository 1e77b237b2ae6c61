"""Every property of an HSM: it is changed in place and nothing else is, or it is refused with a reason."""

import json
from typing import Any, Final, get_args

import pytest

from domain.asking import require_person
from domain.caller import Principal
from domain.changes import (
    IMMUTABLE,
    HsmChange,
    InPlaceChange,
    NetworkChange,
    asked_of_azure,
    find_change,
    find_pending,
    find_removed_identities,
    merge,
    parse_change,
)
from domain.errors import ServiceError
from domain.fields import Sku
from domain.hsm import ExtendedRegion, Hsm
from domain.policy import parse_policy
from domain.policy_rules import find_approval_reasons, monthly_cost
from domain.requests import HsmRequest, HsmSpecification, NetworkRequest
from tests.domain.policy_documents import document, text_of

GROUP: Final = "/subscriptions/00000000-0000-4000-8000-000000000001/resourceGroups/rg"
IDENTITY: Final = f"{GROUP}/providers/Microsoft.ManagedIdentity/userAssignedIdentities/one"
OTHER: Final = f"{GROUP}/providers/Microsoft.ManagedIdentity/userAssignedIdentities/other"
SUBNET: Final = f"{GROUP}/providers/Microsoft.Network/virtualNetworks/net/subnets/apps"
PLAIN: Final[dict[str, Any]] = {
    "subscriptionId": "00000000-0000-4000-8000-000000000001",
    "resourceGroup": "RG-hsm",
    "location": "Norway East",
    "administrators": ["00000000-0000-4000-8000-000000000002"],
    "environment": "development",
}
RICH: Final[dict[str, Any]] = {
    **PLAIN,
    "sku": "Custom_B32",
    "softDeleteRetentionDays": 7,
    "purgeProtection": True,
    "network": {"defaultAction": "Deny", "ipRules": ["203.0.113.0/24", "198.51.100.7"]},
    "tags": {"owner": "team-a"},
    "expiresAt": "2030-01-01T00:00:00Z",
}
DOMAIN: Final = {
    "quorum": 2,
    "wrappingKeys": [
        {"custodian": name, "certificateId": f"https://vault-a.vault.azure.net/certificates/{name}"} for name in "abc"
    ],
}
# A change of each property that Azure changes in place, and of each part of the network rules.
CHANGES: Final[dict[str, Any]] = {
    "tags": {"stage": "2"},
    "network": {"defaultAction": "Deny"},
    "publicNetworkAccess": "Disabled",
    "purgeProtection": True,
    "identities": [IDENTITY],
    "additionalRegions": ["swedencentral"],
    "expiresAt": "2031-01-01T00:00:00Z",
}
NETWORK_CHANGES: Final[dict[str, Any]] = {
    "defaultAction": "Deny",
    "ipRules": ["192.0.2.0/24"],
    "virtualNetworkRules": [SUBNET],
    "serviceTags": ["AzureDevOps"],
    "bypass": "None",
}
# Who asks is nothing of the HSM.
ABOUT_THE_CALL: Final = {"requestedBy"}


def specify(**members: Any) -> HsmSpecification:
    return HsmSpecification.model_validate({**PLAIN, **members})


def make_hsm(specification: HsmSpecification, **members: Any) -> Hsm:
    named = {name: getattr(specification, name) for name in Hsm.model_fields if hasattr(specification, name)}
    return Hsm.model_validate(
        {
            **{name: value for name, value in named.items() if name != "additional_regions"},
            "name": "hsm",
            "resource_id": f"{GROUP}/providers/Microsoft.KeyVault/managedHSMs/hsm",
            "uri": "https://hsm.managedhsm.azure.net",
            "provisioning_state": "Succeeded",
            "activation": "Active",
            "made_at": None,
            "made_by": "",
            "regions": [ExtendedRegion(name=name, state="Succeeded") for name in specification.additional_regions],
            **members,
        }
    )


def aliases(model: type[HsmRequest | HsmChange | NetworkChange | NetworkRequest]) -> set[str]:
    return {str(field.alias) for field in model.model_fields.values()}


@pytest.mark.parametrize(
    ("kind", "body", "digest"),
    [
        (HsmSpecification, PLAIN, "7b4d1e8331c25c343d0a5738bece4afcc376bb2e1166d0e85dd13b0e3ffd7e82"),
        (HsmSpecification, RICH, "e196df9f46e603eab1c4e90568357850750f67d5b7aaf4436edf5e5202c443bb"),
        (
            HsmRequest,
            {**PLAIN, "securityDomain": DOMAIN, "team": "team-a"},
            "87ec67dfda05336eb93a088e44998a030c76992022d6d2b343ad8793b738d9c1",
        ),
        (
            HsmRequest,
            {**RICH, "securityDomain": DOMAIN},
            "cb96a56f56dd05cd168ee227c42fee37d5fc1574ffa2db17538c9d082bfe4ab3",
        ),
    ],
)
def test_what_an_earlier_version_accepted_has_the_digest_that_it_had_then(
    kind: type[HsmSpecification], body: dict[str, Any], digest: str
) -> None:
    assert kind.model_validate(body).digest() == digest
    said = {
        **body,
        "identities": [],
        "additionalRegions": [],
        "network": {
            **body.get("network", {}),
            "virtualNetworkRules": [],
            "serviceTags": [],
            "bypass": "AzureServices",
        },
    }
    assert kind.model_validate(said).digest() == digest


def test_what_azure_does_not_tell_apart_is_one_request() -> None:
    rules = {"virtualNetworkRules": [SUBNET, SUBNET.upper()], "serviceTags": ["azuredevops"]}
    one = specify(identities=[IDENTITY, IDENTITY.upper()], network=rules)
    other = specify(identities=[IDENTITY.lower()], network={**rules, "virtualNetworkRules": [SUBNET.lower()]})
    assert one.digest() == other.digest() != specify().digest()


def test_every_property_either_changes_in_place_or_is_refused_with_a_reason() -> None:
    mutable, immutable = aliases(HsmChange) - ABOUT_THE_CALL, set(IMMUTABLE)
    assert mutable | immutable == aliases(HsmRequest) - ABOUT_THE_CALL, "a property is in neither list"
    assert not mutable & immutable
    assert mutable == set(CHANGES)
    assert aliases(NetworkChange) == aliases(NetworkRequest) == set(NETWORK_CHANGES)


@pytest.mark.parametrize("member", CHANGES)
def test_a_change_of_one_property_changes_nothing_else(member: str) -> None:
    before = specify(tags={"owner": "team-a"})
    change = parse_change(json.dumps({member: CHANGES[member]}).encode())
    wanted = merge(change, before)
    old, new = before.canonical(), wanted.canonical()
    assert {name for name in {*old, *new} if old.get(name) != new.get(name)} == {member}
    asked = asked_of_azure(change, wanted).model_dump(by_alias=True, exclude_defaults=True)
    # Azure knows of no expiry.
    assert set(asked) == {member} - {"expiresAt"}
    assert find_change(make_hsm(wanted), wanted, wanted).empty
    found = find_change(make_hsm(before), before, wanted).model_dump(by_alias=True, exclude_defaults=True)
    assert set(found) == {member} - {"expiresAt"}


@pytest.mark.parametrize("member", NETWORK_CHANGES)
def test_a_change_of_one_part_of_the_network_keeps_the_others(member: str) -> None:
    rules = {"ipRules": ["198.51.100.7"], "virtualNetworkRules": [f"{SUBNET}-2"], "serviceTags": ["Storage"]}
    before = specify(network=rules)
    change = HsmChange.model_validate({"network": {member: NETWORK_CHANGES[member]}})
    old, new = (each.network.model_dump(by_alias=True) for each in (before, merge(change, before)))
    assert {name for name, value in new.items() if value != old[name]} == {member}
    assert not find_pending(asked_of_azure(change, merge(change, before)), make_hsm(before)).empty


VALUES: Final[dict[str, Any]] = {"securityDomain": DOMAIN, "team": "team-b", "handover": {}, **PLAIN, **RICH}


@pytest.mark.parametrize("member", [*IMMUTABLE, "purgeProtection"])
def test_what_never_changes_is_refused_with_a_reason_and_a_way_out(member: str) -> None:
    value = False if member == "purgeProtection" else VALUES[member]
    with pytest.raises(ServiceError) as refused:
        parse_change(json.dumps({"tags": {"a": "b"}, member: value}).encode())
    (error,) = refused.value.detail.errors
    assert (error.field, error.code, refused.value.detail.code) == (member, "property_immutable", "property_immutable")
    assert error.message.count(".") >= 2


def test_all_that_never_changes_is_named_at_once() -> None:
    with pytest.raises(ServiceError) as refused:
        parse_change(json.dumps({"sku": "Custom_B6", "location": "westeurope", "surprise": 1}).encode())
    codes = {error.field: error.code for error in refused.value.detail.errors}
    assert codes == {"sku": "property_immutable", "location": "property_immutable", "surprise": "invalid_field"}


@pytest.mark.parametrize(
    ("members", "field"),
    [
        ({"identities": ["hsm-backup"]}, "identities"),
        ({"identities": [SUBNET]}, "identities"),
        ({"network": {"virtualNetworkRules": [IDENTITY]}}, "virtualNetworkRules"),
        ({"network": {"serviceTags": ["Azure DevOps"]}}, "serviceTags"),
        ({"network": {"bypass": "Everybody"}}, "bypass"),
        ({"additionalRegions": ["norwayeast"]}, "additionalRegions"),
        ({"additionalRegions": ["swedencentral", "uksouth"]}, "additionalRegions"),
        ({"publicNetworkAccess": "Sometimes"}, "publicNetworkAccess"),
    ],
)
def test_what_azure_would_refuse_is_refused_at_once(members: dict[str, Any], field: str) -> None:
    with pytest.raises(ValueError, match=field):
        specify(**members)


def test_an_hsm_is_not_extended_to_where_it_is() -> None:
    with pytest.raises(ServiceError) as refused:
        merge(HsmChange.model_validate({"additionalRegions": ["Norway East"]}), specify())
    assert [error.field for error in refused.value.detail.errors] == ["additionalRegions"]


def test_what_others_attached_or_added_stays() -> None:
    before, wanted = specify(identities=[IDENTITY]), specify()
    theirs = [ExtendedRegion(name="swedencentral", state="Succeeded")]
    hsm = make_hsm(before, identities=[IDENTITY.upper(), OTHER], regions=theirs)
    change = find_change(hsm, before, wanted)
    assert change == InPlaceChange(removed_identities=[IDENTITY])
    assert find_change(hsm, wanted, wanted).empty
    assert find_removed_identities(wanted, before) == []


def test_a_region_is_taken_away_where_it_was_asked_for_or_a_patch_says_so() -> None:
    extended, plain = specify(additionalRegions=["swedencentral"]), specify()
    assert find_change(make_hsm(extended), extended, plain).additional_regions == []
    asked = asked_of_azure(HsmChange.model_validate({"additionalRegions": []}), plain)
    assert find_pending(asked, make_hsm(extended)).additional_regions == []
    going = make_hsm(plain, regions=[ExtendedRegion(name="swedencentral", state="Deleting")])
    assert find_pending(asked, going).empty
    assert not going.regions_settled


def test_an_hsm_in_two_regions_costs_twice_as_much_and_that_is_a_reason_for_approval() -> None:
    policy = parse_policy(text_of(document(approval={"aboveMonthlyCostUsd": 3000})))
    regions = ["swedencentral"]
    assert monthly_cost(policy, "Standard_B1", regions) == 5000
    assert monthly_cost(policy, "Custom_B32", regions) is None
    place = policy, "development", "Standard_B1"
    assert find_approval_reasons(*place, "provision") == []
    (reason,) = find_approval_reasons(*place, "provision", additional_regions=regions)
    assert "5,000 USD" in reason
    assert find_approval_reasons(*place, "update", additional_regions=regions) == []
    assert find_approval_reasons(*place, "update", additional_regions=regions, extends=True) == [reason]


def test_an_application_says_for_whom_it_extends_an_hsm() -> None:
    policy = parse_policy(text_of(document(approval={"aboveMonthlyCostUsd": 3000})))
    asker = Principal(tenant_id=PLAIN["subscriptionId"], object_id=PLAIN["administrators"][0], kind="application")
    extended = specify(additionalRegions=["swedencentral"])
    require_person(policy, asker, extended, "update")
    with pytest.raises(ServiceError) as refused:
        require_person(policy, asker, extended, "update", extends=True)
    assert refused.value.detail.code == "requested_by_missing"


def test_the_skus_are_those_of_the_sdk() -> None:
    from azure.mgmt.keyvault.models import ManagedHsmSkuFamily, ManagedHsmSkuName

    assert set(get_args(Sku)) == {name.value for name in ManagedHsmSkuName}
    assert {name.split("_")[1][0] for name in get_args(Sku)} == {family.value for family in ManagedHsmSkuFamily}
