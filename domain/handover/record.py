"""What is kept of a hand-over: what an HSM was given, where that is, and by which operation."""

from collections.abc import Mapping, Sequence
from typing import Final, Literal

from pydantic import AwareDatetime

from domain.caller import Principal
from domain.errors import ErrorDetail
from domain.fields import OperationKind
from domain.handover.request import Handover
from domain.handover.steps import PASSING, STEPS_BY_MEMBER, wants
from domain.model import Model
from domain.operations import Operation, OperationStatus
from domain.records import HsmRecord, Plan, Receipt

PartName = Literal[
    "privateEndpoints",
    "settings",
    "keys",
    "localRoleDefinitions",
    "localRoleAssignments",
    "diagnostics",
    "alerts",
    "fullBackup",
    "lock",
    "administration",
]
PartState = Literal["Built", "Failed", "NotReached", "NotAsked"]

HANDING_OVER: Final[tuple[OperationKind, ...]] = ("provision", "restore", "rewrap")
"""The kinds of operations that hand an HSM over."""


class HandedPart(Model):
    """One part of a hand-over: whether the HSM has it, and who asked for it."""

    part: PartName
    """Which one: a member of `handover` in the request."""
    state: PartState
    """Whether it is built; of `administration`, whether it was given up.

    `Failed`: its step failed, or ran when the operation was ended from outside. `NotReached`: a step before it failed,
    or nobody knows how far an operation came that was ended from outside. `NotAsked`: neither the request nor the
    policy asks for it.
    """
    where: list[str]
    """Where it is: Azure resource ids, names of assignments, addresses. Empty where the step named none."""
    operation_id: str | None = None
    """The operation that built it, or last tried to. Absent where none did."""
    requester: Principal | None = None
    """Who sent that operation's request. Absent where none did."""
    requested_by: str | None = None
    """The Entra object id of the person for whom an application asked. Absent where it named none."""
    at: AwareDatetime | None = None
    """When that operation ended. Absent where none did."""


class HandoverRecord(Model):
    """How an HSM was handed over, as it was when the last operation that did ended."""

    hsm: str
    """The name of the HSM."""
    created_by: str
    """The operation that made the HSM, or took it over, which tells it from others of its name."""
    resource_id: str
    """Its Azure resource id."""
    operation_id: str
    """The last operation that handed it over."""
    status: OperationStatus
    """How that ended."""
    error: ErrorDetail | None = None
    """Why it did not succeed. Absent where it did."""
    recorded_at: AwareDatetime
    """When it ended."""
    asked: Handover
    """What the HSM is to have, by the request and the policy, part by part as it was last asked for."""
    parts: list[HandedPart]
    """All parts, those that nobody asked for too."""
    security_domain: Receipt | None = None
    """Where its security domain is stored. Absent where none is."""
    administrators: list[str]
    """The Entra object ids of its first administrators, besides the service."""
    service: str
    """The Entra object id of the service."""
    expires_at: AwareDatetime | None = None
    """Until when it is needed. Absent: no end is known."""

    def state_of(self, part: PartName) -> PartState:
        """Say how a part stands."""
        return next(item.state for item in self.parts if item.part == part)


def draw_up(
    plan: Plan,
    operation: Operation,
    hsm: HsmRecord,
    built: Mapping[str, Sequence[str]],
    *,
    before: HandoverRecord | None,
    service: str,
) -> HandoverRecord:
    """Say how an HSM is handed over, by how an operation ended and what its steps say that they built.

    What the operation did not come to, or was not asked for, is as it was `before`.
    """
    handover = plan.handover or Handover()
    known = {item.part: item for item in before.parts} if before else {}
    asked, parts = {}, []
    for member in (name for name in STEPS_BY_MEMBER if name != PASSING):
        part = _part(member, handover, operation, built)
        earlier = known.get(part.part)
        keeps = earlier is not None and earlier.state != "NotAsked" and _is_untouched(part, earlier, hsm)
        parts.append(earlier if earlier is not None and keeps else part)
        asked[member] = getattr(before.asked if before is not None and keeps else handover, member)
    return HandoverRecord(
        hsm=plan.hsm,
        created_by=hsm.created_by,
        resource_id=plan.resource_id,
        operation_id=operation.id,
        status=operation.status,
        error=operation.error,
        recorded_at=operation.finished_at or operation.created_at,
        asked=Handover(**asked),
        parts=parts,
        security_domain=hsm.security_domain,
        administrators=plan.request.administrators,
        service=service,
        expires_at=plan.request.expires_at,
    )


def _part(member: str, handover: Handover, operation: Operation, built: Mapping[str, Sequence[str]]) -> HandedPart:
    name = {"part": Handover.model_fields[member].alias}
    if not wants(handover, member):
        return HandedPart.model_validate({**name, "state": "NotAsked", "where": []})
    steps = STEPS_BY_MEMBER[member]
    statuses = {step.status for step in operation.steps if step.name in steps}
    by = {
        "operationId": operation.id,
        "requester": operation.requester,
        "requestedBy": operation.requested_by,
        "at": operation.finished_at,
    }
    where = [place for step in steps for place in built.get(step, ())]
    if statuses == {"Succeeded"}:
        return HandedPart.model_validate({**name, **by, "state": "Built", "where": where})
    # A step that ran when its operation was ended from outside may have built it, or not.
    state = "Failed" if statuses & {"Failed", "Running"} else "NotReached"
    return HandedPart.model_validate({**name, **by, "state": state, "where": where})


def _is_untouched(part: HandedPart, earlier: HandedPart, hsm: HsmRecord) -> bool:
    """Say whether an operation left a part as it was: what is not asked for any more stays where it was built.

    But no backup is made again and again that nobody asks for, and who was made an administrator again is one.
    """
    if part.part == "administration" and (hsm.given_up is None or hsm.given_up.done_at is None):
        return False
    if part.state == "NotAsked":
        return earlier.state == "Built" and part.part != "fullBackup"
    return part.state == "NotReached" and earlier.state == "Built"
