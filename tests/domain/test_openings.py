"""What opens a firewall for a while, and that what closes it again touches nothing that others changed."""

from datetime import UTC, datetime
from typing import Any, Literal

import pytest
from pydantic import ValidationError

from domain.changes import InPlaceChange
from domain.handover.opening import TemporaryOpening
from domain.handover.request import Handover
from domain.handover.rules import find_handover_violations
from domain.hsm import Hsm
from domain.openings import Opening, closing_change, closing_too, opening_change, revise
from domain.policy import EnvironmentRules, parse_policy
from domain.requests import HsmSpecification, NetworkRequest
from local.policy import policy

OURS = "203.0.113.7/32"
THEIRS = "198.51.100.0/24"
CLOSED = NetworkRequest()
OPENED = NetworkRequest(default_action="Deny", ip_rules=[OURS])
RULES = NetworkRequest(default_action="Deny", ip_rules=[THEIRS])
BOTH = NetworkRequest(default_action="Deny", ip_rules=[THEIRS, OURS])

Access = Literal["Enabled", "Disabled"]


def hsm(access: Access, network: NetworkRequest) -> Hsm:
    return Hsm(
        name="hsm-1",
        resource_id="/subscriptions/s/resourceGroups/g/providers/Microsoft.KeyVault/managedHSMs/hsm-1",
        uri="https://hsm-1.managedhsm.azure.net/",
        provisioning_state="Succeeded",
        activation="NotActivated",
        location="norwayeast",
        sku="Standard_B1",
        administrators=[],
        soft_delete_retention_days=7,
        purge_protection=False,
        public_network_access=access,
        network=network,
        tags={},
        made_at=None,
        made_by="",
    )


def opening(access: Access, network: NetworkRequest) -> Opening:
    return Opening(
        hsm="hsm-1",
        resource_id="/subscriptions/s/resourceGroups/g/providers/Microsoft.KeyVault/managedHSMs/hsm-1",
        operation_id="hsm-1-1",
        ip_rule=OURS,
        closes_at=datetime(2026, 11, 30, tzinfo=UTC),
        public_network_access=access,
        network=network,
    )


@pytest.mark.parametrize(
    ("access", "network", "change"),
    [
        ("Disabled", CLOSED, InPlaceChange(network=OPENED, public_network_access="Enabled")),
        # Rules that meant nothing without public access let nobody in now.
        ("Disabled", RULES, InPlaceChange(network=OPENED, public_network_access="Enabled")),
        ("Enabled", RULES, InPlaceChange(network=BOTH)),
    ],
)
def test_it_is_opened_to_the_service_alone_and_closed_to_what_it_was(
    access: Access, network: NetworkRequest, change: InPlaceChange
) -> None:
    recorded, before = opening(access, network), hsm(access, network)
    found = opening_change(recorded, before)
    assert found.public_network_access == change.public_network_access
    assert found.network is not None
    assert change.network is not None
    assert set(found.network.ip_rules) == set(change.network.ip_rules)
    opened = hsm("Enabled", found.network)
    assert opening_change(recorded, opened).empty
    closing = closing_change(recorded, opened)
    assert (closing.network, closing.public_network_access) == (network, "Disabled" if access == "Disabled" else None)
    assert closing_change(recorded, before).empty


def test_rules_that_somebody_changed_meanwhile_stay_but_for_what_was_let_in() -> None:
    recorded = opening("Disabled", CLOSED)
    closing = closing_change(recorded, hsm("Enabled", BOTH))
    assert closing == InPlaceChange(network=RULES, public_network_access="Disabled")
    # Who took our rule away has not put the public access off that was put on for it.
    assert closing_change(recorded, hsm("Enabled", RULES)) == InPlaceChange(public_network_access="Disabled")
    assert closing_change(recorded, hsm("Disabled", RULES)).empty
    # What somebody put off meanwhile is not put on again.
    assert closing_change(opening("Enabled", RULES), hsm("Disabled", BOTH)) == InPlaceChange(network=RULES)
    assert closing_change(opening("Enabled", BOTH), hsm("Enabled", BOTH)).empty


def wanted(access: Access, network: NetworkRequest) -> HsmSpecification:
    return HsmSpecification(
        subscription_id="3f0c5c52-6a3b-4f6e-8f0e-5d1f0f6b7a21",
        resource_group="rg-hsm",
        location="norwayeast",
        administrators=["6b8a4a0f-5b0e-4c38-9a51-3c1d4f0f7a11"],
        environment="development",
        public_network_access=access,
        network=network,
    )


def test_what_a_later_operation_wants_is_what_an_opening_is_closed_to() -> None:
    recorded = opening("Disabled", CLOSED)
    revised = revise(recorded, wanted("Enabled", BOTH))
    assert closing_change(revised, hsm("Enabled", BOTH)).empty
    # Before Azure was asked it is open to the service alone, whom the request names.
    assert closing_change(revised, hsm("Enabled", OPENED)).public_network_access is None
    closing = closing_change(revise(recorded, wanted("Disabled", RULES)), hsm("Enabled", OPENED))
    assert closing == InPlaceChange(network=RULES, public_network_access="Disabled")


def test_rules_that_mean_nothing_without_public_access_put_that_off_where_it_may_be_open() -> None:
    closing = closing_too(InPlaceChange(network=CLOSED), wanted("Disabled", CLOSED))
    assert closing == InPlaceChange(network=CLOSED, public_network_access="Disabled")
    closing = closing_too(InPlaceChange(public_network_access="Enabled"), wanted("Enabled", RULES))
    assert closing == InPlaceChange(network=RULES, public_network_access="Enabled")
    tags = InPlaceChange(tags={"owner": "somebody"})
    assert closing_too(tags, wanted("Disabled", RULES)) == tags


@pytest.mark.parametrize(
    "asked",
    [
        {"ipRule": "203.0.0.0/23", "minutes": 5},
        {"ipRule": "0.0.0.0/0", "minutes": 5},
        {"ipRule": OURS, "minutes": 0},
        {"ipRule": OURS, "minutes": 241},
        {"ipRule": OURS},
    ],
)
def test_an_opening_is_narrow_and_short(asked: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        TemporaryOpening.model_validate(asked)


def test_only_an_environment_that_says_so_has_openings() -> None:
    asked = Handover(temporary_opening=TemporaryOpening(ip_rule=OURS, minutes=5))
    deployment = parse_policy(policy())
    found = find_handover_violations(deployment, EnvironmentRules(), "hsm-1", asked)
    assert [error.code for error in found] == ["temporary_opening_not_allowed"]
    assert find_handover_violations(deployment, EnvironmentRules(temporary_opening_allowed=True), "hsm-1", asked) == []
