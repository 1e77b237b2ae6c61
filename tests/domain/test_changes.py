"""Changes in place: what is asked, what is pending, and that doing it leaves nothing to do."""

from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.changes import (
    HsmChange,
    InPlaceChange,
    asked_of_azure,
    change_tags,
    find_change,
    find_pending,
    keep_identities,
    merge,
)
from domain.errors import ServiceError
from domain.hsm import ExtendedRegion, Hsm
from domain.requests import HsmSpecification, NetworkRequest

_GROUP = "/subscriptions/00000000-0000-0000-0000-000000000001/resourceGroups/rg/providers"
IDENTITY = f"{_GROUP}/Microsoft.ManagedIdentity/userAssignedIdentities/One"
OTHER = f"{_GROUP}/Microsoft.ManagedIdentity/userAssignedIdentities/other"
SUBNET = f"{_GROUP}/Microsoft.Network/virtualNetworks/net/subnets/apps"
NAMES = st.sampled_from(["owner", "Owner", "OWNER", "stage", "Stage", "cost"])
VALUES = st.sampled_from(["", "a", "b"])


def _distinct(tags: dict[str, Any]) -> bool:
    return len({name.lower() for name in tags}) == len(tags)


TAGS = st.dictionaries(NAMES, VALUES).filter(_distinct)
NETWORKS = st.builds(
    NetworkRequest,
    default_action=st.sampled_from(["Allow", "Deny"]),
    ip_rules=st.lists(st.sampled_from(["203.0.113.0/24", "198.51.100.7/32"]), max_size=2),
    virtual_network_rules=st.lists(st.sampled_from([SUBNET, SUBNET.upper().replace("/SUB", "/sub")]), max_size=2),
    service_tags=st.lists(st.sampled_from(["AzureDevOps", "azuredevops", "Storage"]), max_size=2),
    bypass=st.sampled_from(["AzureServices", "None"]),
)
IDENTITIES = st.lists(st.sampled_from([IDENTITY, IDENTITY.lower(), OTHER]), max_size=3)
REGIONS = st.lists(st.sampled_from(["swedencentral", "uksouth"]), max_size=1)


def _specification(
    tags: dict[str, str],
    network: NetworkRequest,
    identities: list[str] | None = None,
    regions: list[str] | None = None,
    *,
    protected: bool,
) -> HsmSpecification:
    return HsmSpecification(
        subscription_id="00000000-0000-0000-0000-000000000001",
        resource_group="rg",
        location="norwayeast",
        administrators=["00000000-0000-0000-0000-000000000002"],
        environment="development",
        tags=tags,
        network=network,
        purge_protection=protected,
        identities=identities or [],
        additional_regions=regions or [],
    )


def _hsm(
    tags: dict[str, str],
    network: NetworkRequest,
    identities: list[str],
    regions: list[str],
    *,
    protected: bool,
    access: Any,
) -> Hsm:
    return Hsm(
        name="hsm",
        resource_id="/subscriptions/s/resourceGroups/rg/providers/Microsoft.KeyVault/managedHSMs/hsm",
        uri="https://hsm.managedhsm.azure.net",
        provisioning_state="Succeeded",
        activation="Active",
        location="norwayeast",
        sku="Standard_B1",
        administrators=["00000000-0000-0000-0000-000000000002"],
        soft_delete_retention_days=90,
        purge_protection=protected,
        public_network_access=access,
        network=network,
        tags=tags,
        made_at=datetime(2026, 1, 1, tzinfo=UTC),
        made_by="",
        identities=identities,
        regions=[ExtendedRegion(name=name, state="Succeeded") for name in regions],
    )


SPECIFICATIONS = st.builds(_specification, TAGS, NETWORKS, IDENTITIES, REGIONS, protected=st.booleans())
HSMS = st.builds(
    _hsm, TAGS, NETWORKS, IDENTITIES, REGIONS, protected=st.booleans(), access=st.sampled_from(["Enabled", "Disabled"])
)
CHANGES = st.fixed_dictionaries(
    {},
    optional={
        "tags": st.dictionaries(NAMES, st.none() | VALUES).filter(_distinct),
        "network": st.fixed_dictionaries(
            {},
            optional={
                "defaultAction": st.sampled_from(["Allow", "Deny"]),
                "ipRules": st.lists(st.just("192.0.2.1")),
                "virtualNetworkRules": st.lists(st.just(SUBNET)),
                "bypass": st.just("None"),
            },
        ),
        "publicNetworkAccess": st.sampled_from(["Enabled", "Disabled"]),
        "purgeProtection": st.just(True),
        "identities": IDENTITIES,
        "additionalRegions": REGIONS,
        "expiresAt": st.sampled_from([None, "2030-01-01T00:00:00Z"]),
    },
).filter(bool)


def carry_out(change: InPlaceChange, hsm: Hsm) -> Hsm:
    """Do what Azure does."""
    done: dict[str, Any] = {"tags": change_tags(change, hsm.tags)}
    named = ("network", "public_network_access", "purge_protection")
    done |= {name: value for name in named if (value := getattr(change, name)) is not None}
    gone = {name.lower() for name in change.removed_identities}
    done["identities"] = [name for name in hsm.identities if name.lower() not in gone] + (change.identities or [])
    if change.additional_regions is not None:
        done["regions"] = [ExtendedRegion(name=name, state="Succeeded") for name in change.additional_regions]
    return hsm.model_copy(update=done)


@given(CHANGES, SPECIFICATIONS)
def test_a_patch_twice_is_a_patch_once(body: dict[str, Any], before: HsmSpecification) -> None:
    change = HsmChange.model_validate(body)
    once = merge(change, before)
    assert merge(change, once).canonical() == once.canonical()


@given(CHANGES, SPECIFICATIONS, HSMS)
def test_what_was_carried_out_is_not_pending(body: dict[str, Any], before: HsmSpecification, hsm: Hsm) -> None:
    change = HsmChange.model_validate(body)
    asked = asked_of_azure(change, merge(change, before))
    pending = find_pending(asked, hsm)
    changed = carry_out(pending, hsm)
    assert find_pending(asked, changed).empty
    named = {name.lower() for name in body.get("tags", {})}
    untouched = {name: value for name, value in hsm.tags.items() if name.lower() not in named}
    assert untouched.items() <= changed.tags.items()
    assert _distinct(changed.tags)


@given(SPECIFICATIONS, SPECIFICATIONS, HSMS)
def test_a_put_leaves_nothing_to_change(before: HsmSpecification, wanted: HsmSpecification, hsm: Hsm) -> None:
    changed = carry_out(find_change(hsm, before, wanted), hsm)
    assert find_change(changed, wanted, wanted).empty
    assert find_pending(find_change(hsm, before, wanted), changed).empty
    assert set(changed.network.ip_rules) == set(wanted.network.ip_rules)
    assert all(changed.has_identity(identity) for identity in wanted.identities)
    never_asked = {name.lower() for name in hsm.identities} - {name.lower() for name in before.identities}
    assert all(changed.has_identity(identity) for identity in never_asked)
    assert not wanted.additional_regions or changed.additional_regions == wanted.additional_regions


@given(TAGS, TAGS, NETWORKS)
def test_a_change_is_kept_as_it_is_written(
    tags: dict[str, str], removed: dict[str, str], network: NetworkRequest
) -> None:
    change = InPlaceChange(tags=tags, removed_tags=list(removed), network=network, purge_protection=True)
    assert InPlaceChange.model_validate_json(change.to_json()) == change


def test_what_comes_out_is_checked_as_a_whole() -> None:
    before = _specification({f"t{number}": "" for number in range(50)}, NetworkRequest(), protected=False)
    with pytest.raises(ServiceError) as refused:
        merge(HsmChange.model_validate({"tags": {"one": "more"}}), before)
    assert refused.value.detail.errors[0].field == "tags"


def test_the_schema_asks_for_a_change_and_knows_no_null_but_two() -> None:
    schema = HsmChange.model_json_schema(by_alias=True)
    assert {"required": ["tags"]} in schema["anyOf"]
    nullable = {name for name, member in schema["properties"].items() if {"type": "null"} in member.get("anyOf", [])}
    assert nullable == {"expiresAt"}
    (tag,) = schema["properties"]["tags"]["patternProperties"].values()
    assert {"type": "null"} in tag["anyOf"]


def test_what_is_needed_is_not_detached() -> None:
    change = InPlaceChange(removed_identities=[IDENTITY, OTHER])
    assert keep_identities(change, [IDENTITY.upper()]).removed_identities == [OTHER]
