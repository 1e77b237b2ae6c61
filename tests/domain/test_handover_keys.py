"""What a request may ask for of first keys and local roles, and what the policy says to that."""

from typing import Any, Final

import pytest
from pydantic import ValidationError

from domain.errors import FieldError
from domain.handover.data_actions import DATA_ACTIONS, GOVERNING
from domain.handover.local_roles import BUILT_IN_ROLES, SELF_SUFFICIENT
from domain.handover.principals import find_principal_warnings
from domain.handover.request import Handover
from domain.handover.role_rules import find_crowded_scopes, wanted_assignments
from domain.handover.rules import find_handover_violations
from domain.handover.steps import steps_of
from domain.policy import EnvironmentRules, Policy
from domain.requests import HsmSpecification
from local.azure.managed_hsm.roles import KNOWN_ACTIONS
from local.policy import policy

WHO = "00000000-0000-4000-8000-00000000c0de"
SIGN = "Microsoft.KeyVault/managedHsm/keys/sign/action"
ASSIGN = "Microsoft.KeyVault/managedHsm/roleAssignments/write/action"
RELEASE = {"version": "1.0.0", "anyOf": [{"authority": "https://a.attest.azure.net"}]}
SIGNER = {"name": "signer", "dataActions": [SIGN]}
GOVERNOR = {"name": "governor", "dataActions": [ASSIGN]}
RESTORER = {"name": "restorer", "dataActions": ["Microsoft.KeyVault/managedHsm/restore/start/action"]}


def assigned(role: str, **others: Any) -> dict[str, Any]:
    return {"localRoleAssignments": [{"principalId": WHO, "role": role, **others}]}


def refused(
    asked: dict[str, Any], *, default: dict[str, Any] | None = None, listed: list[str] | None = None
) -> list[FieldError]:
    rules = EnvironmentRules(handover=Handover.model_validate(default or {}), local_roles=listed)
    return find_handover_violations(
        Policy.model_validate_json(policy()), rules, "hsm-1", Handover.model_validate(asked)
    )


def codes(errors: list[FieldError]) -> list[tuple[str, str]]:
    return [(error.field, error.code) for error in errors]


@pytest.mark.parametrize(
    ("key", "mistake"),
    [
        ({"size": 1024}, "has 2048, 3072, 4096 bits"),
        ({"type": "oct-HSM", "size": 2048}, "has 128, 192, 256 bits"),
        ({"type": "EC-HSM", "size": 256}, "An EC key has a curve, no size."),
        ({"curve": "P-256"}, "Only an EC key has a curve."),
        ({"type": "EC-HSM", "operations": ["sign", "wrapKey"]}, "cannot be used for: wrapKey"),
        ({"type": "oct-HSM", "operations": ["import"]}, "cannot be used for: import"),
        ({"operations": ["import", "sign"]}, "used for nothing else"),
        ({"exportable": True}, "An exportable key has a release policy"),
        ({"releasePolicy": RELEASE}, "An exportable key has a release policy"),
        ({"exportable": True, "releasePolicy": {"version": "1.0.0"}}, "anyOf or allOf"),
        ({"rotateAfterDays": 27}, "greater than or equal to 28"),
        ({"name": "with a space"}, "should match pattern"),
    ],
)
def test_a_key_that_no_hsm_can_have_is_refused(key: dict[str, Any], mistake: str) -> None:
    with pytest.raises(ValidationError, match=mistake):
        Handover.model_validate({"keys": [{"name": "k1", **key}]})


@pytest.mark.parametrize(
    "key",
    [
        {},
        {"size": 4096, "operations": ["import"]},
        {"type": "oct-HSM", "size": 192, "operations": ["wrapKey", "unwrapKey"]},
        {"type": "EC-HSM", "curve": "P-521", "rotateAfterDays": 90},
        {"exportable": True, "releasePolicy": RELEASE},
    ],
)
def test_a_key_that_an_hsm_can_have_is_taken(key: dict[str, Any]) -> None:
    handover = Handover.model_validate({"keys": [{"name": "k1", **key}]})
    assert Handover.model_validate_json(handover.to_json()) == handover


@pytest.mark.parametrize(
    "asked",
    [
        {"keys": [{"name": "k1"}, {"name": "K1"}]},
        {"localRoleDefinitions": [SIGNER, {**SIGNER, "name": "Signer"}]},
        {"localRoleDefinitions": [{**SIGNER, "name": "managed hsm crypto user"}]},
        {"localRoleDefinitions": [{**SIGNER, "name": next(iter(BUILT_IN_ROLES.values()))}]},
        {"localRoleDefinitions": [{**SIGNER, "dataActions": ["Microsoft.KeyVault/vaults/read"]}]},
    ],
)
def test_what_does_not_say_which_is_meant_is_refused(asked: dict[str, Any]) -> None:
    with pytest.raises(ValidationError, match="invalid_field"):
        Handover.model_validate(asked)


def test_all_data_actions_are_known() -> None:
    assert KNOWN_ACTIONS <= DATA_ACTIONS
    assert GOVERNING < DATA_ACTIONS


def test_a_data_action_is_taken_in_any_case() -> None:
    definition = {**SIGNER, "dataActions": [SIGN.upper()]}
    (made,) = Handover.model_validate({"localRoleDefinitions": [definition]}).local_role_definitions or []
    assert made.data_actions == [SIGN]


@pytest.mark.parametrize("role", BUILT_IN_ROLES)
def test_a_request_assigns_no_role_that_gives_all_others(role: str) -> None:
    expected = [("handover.localRoleAssignments[0].role", "local_role_not_allowed")] if role in SELF_SUFFICIENT else []
    assert codes(refused(assigned(role))) == expected
    assert codes(refused(assigned(role.upper()))) == expected
    assert codes(refused(assigned(BUILT_IN_ROLES[role]))) == expected
    assert refused(assigned(role), listed=[role.lower()]) == []
    assert refused(assigned(role), listed=[BUILT_IN_ROLES[role]]) == []
    assert codes(refused(assigned(role), listed=[]))[0][1] == "local_role_not_allowed"
    # What the policy itself asks for it does not refuse.
    assert refused(assigned(role), default=assigned(role), listed=[]) == []


def test_a_request_lets_nobody_replace_all_that_an_hsm_holds() -> None:
    assert codes(refused(assigned("Managed HSM Restore User"))) == [
        ("handover.localRoleAssignments[0].role", "local_role_not_allowed")
    ]
    field = "handover.localRoleDefinitions[0].dataActions"
    assert codes(refused({"localRoleDefinitions": [RESTORER]})) == [(field, "local_role_not_allowed")]
    assert refused({"localRoleDefinitions": [RESTORER]}, default={"localRoleDefinitions": [RESTORER]}) == []


def test_a_consumer_of_a_key_is_judged_as_well() -> None:
    consumers = [{"principalId": WHO}, {"principalId": WHO, "role": "Managed HSM Crypto Officer"}]
    asked = {"keys": [{"name": "k1"}, {"name": "k2", "consumers": consumers}]}
    assert codes(refused(asked)) == [("handover.keys[1].consumers[1].role", "local_role_not_allowed")]
    scopes = [item.scope for item in wanted_assignments(Handover.model_validate(asked))]
    assert scopes == ["/keys/k2", "/keys/k2"]


OTHERS: Final = [f"00000000-0000-4000-8000-0000000000{number:02x}" for number in range(60)]


def given(number: int, scope: str = "/", role: str = "Managed HSM Crypto User") -> list[dict[str, Any]]:
    return [{"principalId": who, "role": role, "scope": scope} for who in OTHERS[:number]]


@pytest.mark.parametrize(
    ("assignments", "others", "crowded"),
    [
        # Two administrators and the service have a role at / already.
        (given(47), {}, []),
        (given(48), {}, ["handover.localRoleAssignments[47]"]),
        (given(47), {"administration": {"keepBackup": True}}, ["handover.localRoleAssignments[46]"]),
        (given(50, "/keys"), {}, []),
        (given(10, "/keys/K1"), {}, []),
        (given(11, "/keys/k1"), {}, ["handover.localRoleAssignments[10]"]),
        ([*given(47), *given(3, role=BUILT_IN_ROLES["Managed HSM Crypto User"])], {}, []),
        (
            given(10, "/keys/K1"),
            {"keys": [{"name": "k1", "consumers": [{"principalId": WHO}]}]},
            ["handover.keys[0].consumers[0]"],
        ),
    ],
)
def test_no_more_roles_are_given_than_an_hsm_has_room_for(
    assignments: list[dict[str, Any]], others: dict[str, Any], crowded: list[str]
) -> None:
    handover = Handover.model_validate({"localRoleAssignments": assignments, **others})
    assert codes([*find_crowded_scopes(handover, [WHO, OTHERS[-1]])]) == [(field, "invalid_field") for field in crowded]


def test_a_role_of_its_own_is_found_by_its_name() -> None:
    defined = {"localRoleDefinitions": [SIGNER]}
    assert refused(defined | assigned("Signer")) == []
    assert refused(assigned("signer"), default=defined) == []
    assert codes(refused(assigned("signer"))) == [("handover.localRoleAssignments[0].role", "local_role_unknown")]
    assert codes(refused(assigned(WHO)))[0][1] == "local_role_unknown"
    assert refused(assigned(WHO), listed=[WHO]) == []
    assert codes(refused(defined | assigned("signer"), listed=["other"]))[0][1] == "local_role_not_allowed"
    assert refused(defined | assigned("signer"), listed=["signer"]) == []


def test_the_policy_assigns_no_role_that_there_is_not() -> None:
    for role in ("Signer", "Managed HSM Crypto User", WHO):
        Policy.model_validate_json(environment({"localRoleDefinitions": [SIGNER], **assigned(role)}))
    with pytest.raises(ValidationError, match="neither a built-in one nor defined here"):
        Policy.model_validate_json(environment(assigned("signer")))


def environment(handover: dict[str, Any]) -> str:
    return policy(environments={"development": {"handover": handover, "localRoles": ["Signer"]}})


def test_a_request_defines_no_role_with_which_more_can_be_taken() -> None:
    asked = {"localRoleDefinitions": [SIGNER, GOVERNOR]}
    refusal = [("handover.localRoleDefinitions[1].dataActions", "local_role_not_allowed")]
    assert codes(refused(asked, listed=["governor"])) == refusal
    assert refused(asked, default={"localRoleDefinitions": [GOVERNOR]}) == []
    taken_away = {"localRoleDefinitions": [{**GOVERNOR, "dataActions": [SIGN, ASSIGN], "notDataActions": [ASSIGN]}]}
    assert refused(taken_away) == []


@pytest.mark.parametrize(
    ("asked", "steps"),
    [
        ({}, []),
        ({"settings": {"allowKeyManagementOperationsThroughARM": True}}, ["change_settings"]),
        ({"keys": [{"name": "k1"}]}, ["create_keys", "leave_keys"]),
        (
            {"keys": [{"name": "k1", "consumers": [{"principalId": WHO}]}]},
            ["create_keys", "leave_keys", "assign_local_roles"],
        ),
        ({"localRoleDefinitions": [SIGNER]}, ["define_local_roles"]),
        (assigned("Managed HSM Crypto User"), ["assign_local_roles"]),
    ],
)
def test_each_part_has_its_steps(asked: dict[str, Any], steps: list[str]) -> None:
    handover = Handover.model_validate({**asked, "administration": {"giveUp": False}})
    specification = HsmSpecification(
        subscription_id=WHO, resource_group="rg", location="norwayeast", administrators=[WHO], environment="development"
    )
    assert steps_of(handover, specification) == steps


def test_who_is_missing_is_named_but_for_the_many() -> None:
    assert find_principal_warnings({WHO}, {WHO}) == find_principal_warnings({WHO}, None) == []
    (warning,) = find_principal_warnings({f"{number}" for number in range(9)}, {"0"})
    assert warning.code == "principal_not_found"
    assert "1, 2, 3 and 5 others:" in warning.message
