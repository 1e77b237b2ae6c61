"""The private endpoints that a request may ask for, and the words for an HSM that cannot be reached."""

from typing import Any, Final, get_args

import pytest
from pydantic import ValidationError

from domain.handover.network import endpoints_of
from domain.handover.reaching import Obstacle, data_plane_unreachable
from domain.handover.request import Handover
from domain.handover.rules import find_handover_violations
from domain.handover.steps import steps_of
from domain.policy import EnvironmentRules, parse_policy
from domain.requests import HsmSpecification
from local.policy import policy

GROUP = "/subscriptions/00000000-0000-4000-8000-000000000b00/resourceGroups/rg-hub"
SUBNET = f"{GROUP}/providers/Microsoft.Network/virtualNetworks/hub/subnets/endpoints"
ZONE = f"{GROUP}/providers/Microsoft.Network/privateDnsZones/privatelink.managedhsm.azure.net"
HSM = f"{GROUP}/providers/Microsoft.KeyVault/managedHSMs/hsm-1"


def handover(*endpoints: dict[str, Any]) -> Handover:
    return Handover.model_validate({"privateEndpoints": list(endpoints)})


def test_endpoints_are_in_the_group_of_the_hsm_and_named_after_it() -> None:
    asked = handover({"subnet": SUBNET}, {"subnet": SUBNET, "name": "mine"}, {"subnet": SUBNET, "privateDnsZone": ZONE})
    wanted = list(endpoints_of(HSM, asked.private_endpoints or []))
    assert [endpoint.name for endpoint in wanted] == ["pe-hsm-1", "mine", "pe-hsm-1-3"]
    assert wanted[0].resource_id == f"{GROUP}/providers/Microsoft.Network/privateEndpoints/pe-hsm-1"
    assert wanted[2].network == SUBNET.removesuffix("/subnets/endpoints")
    assert [endpoint.zone for endpoint in wanted] == [None, None, ZONE]


@pytest.mark.parametrize(
    "endpoints",
    [
        [{"subnet": SUBNET, "privateDnsZone": ZONE.replace("managedhsm", "vaultcore")}],
        [{"subnet": SUBNET, "name": "one"}, {"subnet": SUBNET, "name": "One"}],
        [{"subnet": SUBNET, "name": "pe-hsm.-"}],
        [{"subnet": SUBNET.partition("/subnets")[0]}],
        [{"subnet": SUBNET}] * 11,
        [{}],
    ],
)
def test_what_cannot_be_an_endpoint_is_refused(endpoints: list[dict[str, Any]]) -> None:
    with pytest.raises(ValidationError):
        handover(*endpoints)


NAMELESS: Final = {"subnet": SUBNET}


@pytest.mark.parametrize(
    ("endpoints", "met"),
    [
        ([NAMELESS, NAMELESS | {"name": "PE-hsm-1"}], [1]),
        ([NAMELESS | {"name": "pe-hsm-1-2"}, NAMELESS], [1]),
        ([NAMELESS, NAMELESS | {"name": "pe-hsm-1-3"}, NAMELESS], [2]),
        ([NAMELESS, NAMELESS | {"name": "pe-hsm-1-2"}, NAMELESS], []),
    ],
)
def test_two_endpoints_never_come_to_one_name(endpoints: list[dict[str, Any]], met: list[int]) -> None:
    """Whoever asks for them, the request or the policy's default."""
    deployment, linked = parse_policy(policy(linkedResources=[SUBNET])), handover(*endpoints)
    for rules, asked in ((EnvironmentRules(), linked), (EnvironmentRules(handover=linked), None)):
        found = find_handover_violations(deployment, rules, "hsm-1", asked)
        assert [(error.field, error.code) for error in found] == [
            (f"handover.privateEndpoints[{number}].name", "invalid_field") for number in met
        ]


@pytest.mark.parametrize("obstacle", get_args(Obstacle))
def test_each_obstacle_has_words_and_advice_of_its_own(obstacle: Obstacle) -> None:
    detail = data_plane_unreachable("hsm-1", obstacle).detail
    assert (detail.code, detail.retryable) == ("data_plane_unreachable", False)
    assert "https://hsm-1.managedhsm.azure.net" in detail.message
    others = [data_plane_unreachable("hsm-1", other).detail for other in get_args(Obstacle) if other != obstacle]
    assert all(detail.message != other.message and detail.advice != other.advice for other in others)


@pytest.mark.parametrize(
    ("changes", "endpoints", "steps"),
    [
        ({}, [], []),
        ({"publicNetworkAccess": "Disabled"}, [], ["reach_data_plane"]),
        ({"network": {"defaultAction": "Deny"}}, [], ["reach_data_plane"]),
        ({}, [{"subnet": SUBNET}], ["create_private_endpoints", "await_private_endpoints", "reach_data_plane"]),
    ],
)
def test_an_hsm_is_probed_where_not_everybody_reaches_it(
    changes: dict[str, Any], endpoints: list[dict[str, Any]], steps: list[str]
) -> None:
    request = HsmSpecification.model_validate(
        {
            "subscriptionId": "00000000-0000-4000-8000-000000000b00",
            "resourceGroup": "rg-hsm",
            "location": "norwayeast",
            "administrators": ["00000000-0000-4000-8000-0000000000ad"],
            "environment": "development",
            **changes,
        }
    )
    wanted = Handover.model_validate({"privateEndpoints": endpoints, "administration": {"giveUp": False}})
    assert steps_of(wanted, request) == steps
