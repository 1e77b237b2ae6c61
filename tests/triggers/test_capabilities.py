"""The page of capabilities: it misses no property that Azure's newest SDK can write, and no member of our API."""

import tomllib
from collections.abc import Iterator
from typing import Any, Final

import pytest
from azure.mgmt.keyvault import models

from domain.requests import HsmRequest, NetworkRequest
from triggers.capabilities import DATA, find_own

FACTS: Final = tomllib.loads(DATA.read_text())
NESTED: Final[dict[str, Any]] = {
    "": models.ManagedHsm,
    "sku": models.ManagedHsmSku,
    "identity": models.ManagedServiceIdentity,
    "properties": models.ManagedHsmProperties,
    "properties.networkAcls": models.MHSMNetworkRuleSet,
}
# What is no property of the HSM, but of the call.
ABOUT_THE_CALL: Final = {"environment", "expiresAt", "requestedBy", "team", "securityDomain"}
PLACE: Final = {"subscriptionId", "resourceGroup"}
WORDS: Final = {"in place", "creation", "replaces", "later", "yes", "no", "partly"}


def writable(path: str) -> Iterator[str]:
    """Name what a client can write of a part of the resource, by its path."""
    model = NESTED[path]
    # The SDK describes its members once there was an instance.
    model()
    for field in model._attr_to_rest_field.values():
        member = f"{path}.{field._rest_name}".lstrip(".")
        if field._visibility == ["read"]:
            continue
        if member in NESTED:
            yield from writable(member)
        else:
            yield member


def test_every_property_that_the_sdk_can_write_has_its_row() -> None:
    listed = [row["property"] for row in FACTS["properties"]]
    assert sorted(listed) == sorted(writable(""))


def test_every_member_of_a_request_is_on_the_page() -> None:
    members = {str(field.alias) for field in HsmRequest.model_fields.values()}
    network = {f"network.{field.alias}" for field in NetworkRequest.model_fields.values()}
    named = {row["member"] for row in FACTS["properties"] if "member" in row}
    assert named == (members - ABOUT_THE_CALL - PLACE - {"network", "handover"}) | network


def test_what_changes_in_place_is_what_a_patch_takes() -> None:
    assert find_own({"member": "network.serviceTags"}) == "in place (`network.serviceTags`)"
    assert find_own({"member": "sku"}) == "creation (`sku`)"
    assert find_own({"here": "partly"}) == "partly"
    with pytest.raises(KeyError):
        find_own({"member": "surprise"})


def test_every_word_is_one_of_the_page() -> None:
    keys = [tool["key"] for tool in FACTS["tools"]]
    rows = FACTS["properties"] + FACTS["capabilities"]
    assert {row[key] for row in rows for key in [*keys, "here"] if key in row} <= WORDS
