"""Plants an HSM of ours with an operation on it that was approved, for steps that a test runs by themselves."""

import time
from collections.abc import Sequence
from datetime import timedelta
from typing import Any, Final

from activities.context import now
from clients import archive, resource_manager
from domain.approvals import Decision
from domain.changes import InPlaceChange
from domain.fields import OperationKind
from domain.hsm import Hsm
from domain.names import instance_id
from domain.outcomes import Work
from domain.records import Claim, Plan
from local.azure.control.models import PlantedHsm
from local.stack import Stack
from tests.custodians import Custodian, request_for
from tests.planting import make_claim, make_record, plant

REGION: Final = "swedencentral"


class Approved:
    """An active HSM, in another region too where that is said, and an approved operation; `work` is its steps' input.

    To be made and asked while signed in as the app.
    """

    def __init__(
        self, stack: Stack, custodians: list[Custodian], name: str, kind: OperationKind, regions: Sequence[str] = ()
    ) -> None:
        self.stack, self.name = stack, name
        self.made_at = now() - timedelta(days=1)
        body = request_for(stack, custodians, resourceGroup=f"rg-{name}", additionalRegions=[REGION])
        self.claim = make_claim(stack, name, body, kind=kind, state="running", succeeded=None)
        self.work = Work(operation_id=self.claim.operation_id, instance_id=instance_id(name))
        self._plant_hsm(regions)
        plant(stack, self.claim, make_record(self.claim, made_at=self.made_at))

    def _plant_hsm(self, regions: Sequence[str]) -> None:
        own = self.stack.azure.endpoints.identity_object_id
        self.stack.control.plant_hsms(
            PlantedHsm(
                name=self.name,
                resource_group=f"rg-{self.name}",
                created_at=self.made_at,
                created_by=own,
                initial_admin_object_ids=[own],
            )
        )
        if regions:
            resource_manager.change_hsm(self.read(), InPlaceChange(additional_regions=[*regions]))
            self.await_regions(*regions)

    def plan(self, **members: Any) -> "Approved":
        """Write its plan, with these members, and that somebody approved it."""
        plan = plan_of(self.claim, **members)
        archive.create_plan(plan)
        pinned = archive.find_pinned_plan(self.name, plan.operation_id)
        assert pinned is not None
        archive.create_decision(plan, Decision(decision="approved", plan_sha256=pinned.sha256, at=now()))
        return self

    def read(self) -> Hsm:
        hsm = resource_manager.find_hsm(self.claim.request.subscription_id, f"rg-{self.name}", self.name)
        assert hsm is not None
        return hsm

    def read_claim(self) -> Claim:
        held = archive.find_claim(self.name)
        assert held is not None
        return held.claim

    def recorded_regions(self) -> list[str]:
        record = archive.find_hsm_record(self.name)
        assert record is not None
        return record.request.additional_regions

    def await_regions(self, *regions: str) -> None:
        deadline = time.monotonic() + 60
        while not (hsm := self.read()).regions_settled or [region.name for region in hsm.regions] != [*regions]:
            assert time.monotonic() < deadline, hsm
            time.sleep(0.1)


def plan_of(claim: Claim, **members: Any) -> Plan:
    plan = Plan(
        hsm=claim.hsm,
        operation_id=claim.operation_id,
        kind=claim.kind,
        team=claim.team,
        requester=claim.requester,
        resource_id=claim.resource_id,
        request=claim.request,
        monthly_cost_usd=5000,
        approval_reasons=["The policy wants it."],
        wrapping_keys=[],
        warnings=[],
        pinned_at=claim.claimed_at,
    )
    return Plan.model_validate({**dict(plan), **members})
