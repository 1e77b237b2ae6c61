"""What keeps an HSM from being deleted by now keeps it from each step before that, too."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any, Final

import pytest

from activities.attach_backup_identity import attach_backup_identity
from activities.await_regions_removed import await_regions_removed
from activities.back_up import back_up
from activities.context import now
from activities.remove_regions import remove_regions
from clients import archive
from domain.backups import HsmJob
from domain.decommissioning import PlannedDeletion, UsageEvidence
from domain.errors import ServiceError
from domain.outcomes import Outcome
from local.policy import policy
from local.stack import Stack
from tests.approved_plans import REGION, Approved
from tests.custodians import Custodian
from tests.in_process import signed_in_as_the_app

IDENTITY: Final = "Microsoft.ManagedIdentity/userAssignedIdentities"
SHOWN_FOR: Final = timedelta(days=30)


@pytest.fixture
def app(stack: Stack) -> Iterator[Stack]:
    with signed_in_as_the_app(stack):
        yield stack


def planned(stack: Stack, custodians: list[Custodian], name: str, **deletion: Any) -> Approved:
    """An HSM in two regions whose deletion was approved: nobody had used it for a month."""
    usage = UsageEvidence(since=now() - SHOWN_FOR, until=now(), requests=0)
    shown = {"deletes": True, "purges": False, "was_active": True, "removes_regions": [REGION], "usage": usage}
    approved = Approved(stack, custodians, name, "decommission", [REGION])
    return approved.plan(deletion=PlannedDeletion.model_validate({**shown, **deletion}))


def refusal_of(step: Any, *arguments: Any) -> str:
    with pytest.raises(ServiceError) as refused:
        step(*arguments)
    return refused.value.detail.code


def test_what_was_used_meanwhile_stays_in_its_regions(app: Stack, hsm_name: str, custodians: list[Custodian]) -> None:
    hsm = planned(app, custodians, hsm_name)
    app.control.plant_hits(hsm_name, app.control.now(), 300)
    assert refusal_of(remove_regions, hsm.work) == "hsm_used_meanwhile"
    assert hsm.read().additional_regions == [REGION]
    assert hsm.recorded_regions() == [REGION]


def test_an_identity_that_the_policy_does_not_name_any_more_is_not_attached(
    stack: Stack, hsm_name: str, custodians: list[Custodian]
) -> None:
    container = f"{stack.azure.endpoints.storage_account_url}/backups"
    named = f"/subscriptions/{stack.azure.endpoints.subscription_id}/resourceGroups/rg/providers/{IDENTITY}/named"
    places = [{"container": container, "identity": named}]
    with signed_in_as_the_app(stack, HSM_PROVISIONER_POLICY=policy(backupPlaces=places)):
        target = {"container": container, "identity": named.replace("/named", "/before")}
        hsm = planned(stack, custodians, hsm_name, backup=target)
        for step in (attach_backup_identity, back_up):
            assert refusal_of(step, hsm.work) == "backup_place_not_allowed"
        assert hsm.read().identities == []


def test_use_in_the_second_of_the_plan_is_seen(app: Stack, hsm_name: str, custodians: list[Custodian]) -> None:
    moment = app.control.now() + timedelta(seconds=5)
    usage = UsageEvidence(since=moment - SHOWN_FOR, until=moment)
    hsm = planned(app, custodians, hsm_name, usage=usage)
    app.control.plant_hits(hsm_name, moment, 300)
    assert refusal_of(remove_regions, hsm.work) == "hsm_used_meanwhile"


def test_what_was_not_backed_up_as_planned_stays_in_its_regions(
    app: Stack, hsm_name: str, custodians: list[Custodian]
) -> None:
    backup = {"container": f"{app.azure.endpoints.storage_account_url}/backups", "identity": "/of/nobody"}
    hsm = planned(app, custodians, hsm_name, backup=backup)
    assert refusal_of(remove_regions, hsm.work) == "backup_failed"
    assert hsm.read().additional_regions == [REGION]


@pytest.mark.parametrize(("looks", "hits", "used"), [(2, 300, True), (200, 300, False)])
def test_what_the_service_itself_asks_during_a_long_backup_hides_no_use(
    looks: int, hits: int, app: Stack, hsm_name: str, custodians: list[Custodian], *, used: bool
) -> None:
    backup = {"container": f"{app.azure.endpoints.storage_account_url}/backups", "identity": "/of/nobody"}
    hsm = planned(app, custodians, hsm_name, backup=backup)
    job = HsmJob(asked_at=now() - timedelta(hours=10), job_id="1", folder=f"mhsm-{hsm_name}-1")
    archive.write_job(hsm.claim.operation_id, "backup", job)
    for _ in range(looks):
        archive.note_look(hsm.claim.operation_id)
    app.control.plant_hits(hsm_name, app.control.now(), hits)
    if used:
        assert refusal_of(remove_regions, hsm.work) == "hsm_used_meanwhile"
    else:
        assert remove_regions(hsm.work).status == "done"


def test_the_record_says_where_an_hsm_is_whose_deletion_may_yet_be_refused(
    app: Stack, hsm_name: str, custodians: list[Custodian]
) -> None:
    hsm = planned(app, custodians, hsm_name)
    assert remove_regions(hsm.work).status == "done"
    hsm.await_regions()
    # Whoever is killed after that looks again.
    outcomes: list[Outcome] = [await_regions_removed(hsm.work) for _ in range(2)]
    assert [outcome.status for outcome in outcomes] == ["done", "done"]
    assert hsm.recorded_regions() == []
