"""The hand-over sheet: what an HSM has, by which operation, and what its team must now do."""

from datetime import UTC, datetime
from typing import Any, Final

import pytest

from domain.caller import Principal
from domain.errors import ErrorDetail
from domain.handover.duties import duties_of
from domain.handover.record import HandoverRecord, PartState, draw_up
from domain.handover.request import Handover
from domain.handover.steps import BUILDING, PASSING, STEPS_BY_MEMBER, steps_of
from domain.operations import Operation, Step
from domain.records import HsmRecord, Plan, Receipt
from domain.requests import HsmSpecification
from domain.steps import PROVISION_STEPS, STEPS, StepStatus

NOW: Final = datetime(2026, 11, 24, 12, tzinfo=UTC)
HSM: Final = "contoso-hsm"
ULIDS: Final = ("01M865B00Y7ESBKJG8B3PHY3ZA", "01M865B00Y7ESBKJG8B3PHY3ZB")
FIRST, SECOND = (f"{HSM}-{ulid}" for ulid in ULIDS)
SUBSCRIPTION: Final = "3f0c5c52-6a3b-4f6e-8f0e-5d1f0f6b7a21"
RESOURCE: Final = f"/subscriptions/{SUBSCRIPTION}/resourceGroups/rg-hsm/providers/Microsoft.KeyVault/managedHSMs/{HSM}"
ADMINISTRATOR: Final = "6b8a4a0f-5b0e-4c38-9a51-3c1d4f0f7a11"
SERVICE: Final = "9c1b5a70-2f4e-4e0c-8b1d-7a3e5f6c9d21"
WHO: Final = Principal(tenant_id=SUBSCRIPTION, object_id=ADMINISTRATOR, kind="person")
REQUEST: Final = HsmSpecification.model_validate(
    {
        "subscriptionId": SUBSCRIPTION,
        "resourceGroup": "rg-hsm",
        "location": "norwayeast",
        "administrators": [ADMINISTRATOR],
        "environment": "development",
    }
)
LOCK: Final = {"lock": {"level": "CanNotDelete"}}
STAYS: Final = {"administration": {"giveUp": False}}
ENDPOINT: Final = {
    "subnet": f"/subscriptions/{SUBSCRIPTION}/resourceGroups/rg/providers/Microsoft.Network/virtualNetworks/v/subnets/s"
}
HUB: Final = f"/subscriptions/{SUBSCRIPTION}/resourceGroups/rg/providers"
WORKSPACE: Final = f"{HUB}/Microsoft.OperationalInsights/workspaces/w"
GROUP: Final = f"{HUB}/Microsoft.Insights/actionGroups/on-call"
ALERTS: Final = {"alerts": {"actionGroup": GROUP}}


def plan_of(operation_id: str, handover: dict[str, Any]) -> Plan:
    return Plan(
        hsm=HSM,
        operation_id=operation_id,
        kind="provision",
        team="team-a",
        requester=WHO,
        resource_id=RESOURCE,
        request=REQUEST,
        handover=Handover.model_validate(handover),
        monthly_cost_usd=None,
        approval_reasons=[],
        wrapping_keys=[],
        warnings=[],
        pinned_at=NOW,
    )


def operation_of(plan: Plan, failed: str | None = None) -> Operation:
    """One that took all steps that its plan wants, or failed at one; whatever failed, the last is taken."""
    wanted = steps_of(plan.handover or Handover(), REQUEST)
    past_failure, steps = False, []
    for name in PROVISION_STEPS:
        optional = name in BUILDING or name == "reach_data_plane"
        status: StepStatus = "Succeeded" if not optional or name in wanted else "Skipped"
        if past_failure and name not in ("give_up_administration", "record_operation"):
            status = "NotStarted"
        if name == failed:
            status, past_failure = "Failed", True
        steps.append(Step(name=name, status=status))
    error = ErrorDetail(code="azure_forbidden", message="Not allowed.", retryable=False, advice="Allow it.")
    return Operation(
        id=plan.operation_id,
        kind="provision",
        hsm=HSM,
        team="team-a",
        requester=WHO,
        status="Failed" if failed else "Succeeded",
        created_at=NOW,
        finished_at=NOW,
        steps=steps,
        error=error if failed else None,
    )


def record(created_by: str = FIRST, **changes: Any) -> HsmRecord:
    return HsmRecord(
        hsm=HSM,
        resource_id=RESOURCE,
        team="team-a",
        requester=WHO,
        request=REQUEST,
        created_by=created_by,
        created_at=NOW,
        **changes,
    )


def sheet(
    handover: dict[str, Any],
    failed: str | None = None,
    *,
    operation_id: str = FIRST,
    built: dict[str, list[str]] | None = None,
    before: HandoverRecord | None = None,
    hsm: HsmRecord | None = None,
) -> HandoverRecord:
    plan = plan_of(operation_id, handover)
    return draw_up(plan, operation_of(plan, failed), hsm or record(), built or {}, before=before, service=SERVICE)


def states(drawn: HandoverRecord) -> dict[str, PartState]:
    return {item.part: item.state for item in drawn.parts if item.state != "NotAsked"}


def duties(drawn: HandoverRecord) -> list[str]:
    return [duty.name for duty in duties_of(drawn)]


def test_every_member_of_a_hand_over_is_a_part_with_its_steps() -> None:
    assert set(STEPS_BY_MEMBER) == set(Handover.model_fields)
    assert set(PROVISION_STEPS) >= BUILDING
    assert [item.part for item in sheet({}).parts] == [
        Handover.model_fields[member].alias for member in STEPS_BY_MEMBER if member != PASSING
    ]


def test_what_was_built_names_where_it_is_and_who_asked() -> None:
    drawn = sheet(LOCK, built={"lock_hsm": [f"{RESOURCE}/locks/hsm-provisioner"]})
    lock = next(item for item in drawn.parts if item.part == "lock")
    assert states(drawn) == {"lock": "Built", "administration": "Built"}
    assert (lock.where, lock.operation_id, lock.requester) == ([f"{RESOURCE}/locks/hsm-provisioner"], FIRST, WHO)
    assert drawn.asked.lock is not None
    assert drawn.error is None


def test_what_failed_and_what_was_not_come_to_are_told_apart() -> None:
    keys = {"keys": [{"name": "first"}]}
    drawn = sheet({**LOCK, **keys}, "create_keys")
    assert states(drawn) == {"keys": "Failed", "lock": "NotReached", "administration": "Built"}
    finish = duties_of(drawn)[0]
    assert finish.name == "finish"
    assert "keys, lock" in finish.title
    assert "Allow it." in finish.reason


def interrupted(handover: dict[str, Any], at: str | None) -> HandoverRecord:
    """The sheet of an operation that was ended from outside while it took a step; None: nobody knows how far it was."""
    plan = plan_of(SECOND, handover)
    past, steps = at is None, []
    for step in operation_of(plan).steps:
        status: StepStatus = "NotStarted" if past else step.status
        if step.name == at:
            status, past = "Running", True
        steps.append(step.model_copy(update={"status": status}))
    operation = operation_of(plan, "lock_hsm").model_copy(update={"steps": steps})
    before = sheet({"keys": [{"name": "first"}]})
    return draw_up(plan, operation, record(), {}, before=before, service=SERVICE)


def test_of_an_operation_that_was_ended_from_outside_no_more_is_said_than_is_known() -> None:
    handover = {**LOCK, **ALERTS, "keys": [{"name": "first"}], "settings": {}, "diagnostics": {"workspace": WORKSPACE}}
    known = {"settings": "Built", "keys": "Built", "diagnostics": "Built", "alerts": "Failed", "lock": "NotReached"}
    assert states(interrupted(handover, "create_alerts")).items() >= known.items()
    unknown = {"settings": "NotReached", "keys": "Built", "diagnostics": "NotReached", "lock": "NotReached"}
    assert states(interrupted(handover, None)).items() >= unknown.items()


def test_the_security_domain_is_safe_where_only_the_hand_over_failed() -> None:
    plan = plan_of(FIRST, LOCK)
    assert operation_of(plan, "lock_hsm").verified_domain
    assert not operation_of(plan, "await_ready").verified_domain


@pytest.mark.parametrize("failed", [None, "create_keys"])
def test_what_another_operation_did_not_touch_stays_as_it_was(failed: str | None) -> None:
    keys = {"keys": [{"name": "first"}]}
    first = sheet(LOCK, built={"lock_hsm": ["there"]})
    both = {**keys, **(LOCK if failed else {})}
    drawn = sheet(both, failed, operation_id=SECOND, before=first)
    lock = next(item for item in drawn.parts if item.part == "lock")
    assert (lock.state, lock.where, lock.operation_id) == ("Built", ["there"], FIRST)
    assert states(drawn)["keys"] == ("Failed" if failed else "Built")
    assert drawn.asked.lock is not None
    assert drawn.operation_id == SECOND


def test_the_same_operation_drawn_up_again_is_the_same() -> None:
    built = {"lock_hsm": ["there"]}
    first = sheet({**LOCK, "keys": [{"name": "first"}]}, "create_keys", built=built)
    again = sheet({**LOCK, "keys": [{"name": "first"}]}, "create_keys", built=built, before=first)
    assert again == first


def test_a_restore_has_no_full_backup_of_a_hand_over() -> None:
    """Its own steps of these names prepare its restore."""
    assert "back_up_hsm" in STEPS["restore"]
    assert "fullBackup" not in states(sheet({}))


def test_a_team_whose_hsm_has_nothing_around_it_has_much_to_do() -> None:
    assert duties(sheet(STAYS)) == ["end_service", "check_administrators", "test_key", "back_up", "send_logs", "lock"]
    (command,) = duties_of(sheet(STAYS))[0].commands
    assert SERVICE in command


def test_a_team_is_told_of_what_is_left_of_what_it_has() -> None:
    handover = {
        **LOCK,
        "keys": [{"name": "still"}, {"name": "rotated", "rotateAfterDays": 365}],
        "privateEndpoints": [ENDPOINT],
        "diagnostics": {"workspace": WORKSPACE},
        "alerts": {"actionGroup": GROUP},
        "fullBackup": {"container": "https://backups.blob.core.windows.net/hsm", "everyHours": 24},
    }
    receipt = Receipt(
        operation_id=FIRST,
        attempt=1,
        blob_url="https://hsms.blob.core.windows.net/security-domains/x",
        etag="e",
        sha256="0" * 64,
        size=1,
        quorum=2,
        thumbprints=["a", "b", "c"],
        export=1,
        alone=True,
        stored_at=NOW,
    )
    drawn = sheet(handover, hsm=record(security_domain=receipt))
    assert duties(drawn) == [
        *("check_administrators", "keep_wrapping_keys", "test_key", "watch_backup", "rotate_keys"),
        *("enter_names", "test_alerts"),
    ]
    (rotation,) = (duty for duty in duties_of(drawn) if duty.name == "rotate_keys")
    assert [command.split()[-3] for command in rotation.commands] == ["still"]


def test_an_hsm_that_ends_is_to_be_extended_in_time() -> None:
    plan = plan_of(FIRST, {})
    ends = plan.model_copy(update={"request": REQUEST.model_copy(update={"expires_at": NOW})})
    drawn = draw_up(ends, operation_of(plan), record(), {}, before=None, service=SERVICE)
    assert "2026-11-24" in next(duty.title for duty in duties_of(drawn) if duty.name == "extend")
