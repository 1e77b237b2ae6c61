"""Ask once whether the pinned plan was approved; the orchestrator waits."""

from pydantic import AwareDatetime, BaseModel

from activities.auditing import record_expiry
from activities.context import pinned_plan_of
from clients import archive
from clients.archive import PinnedPlan
from domain.approvals import Decision, require_approved
from domain.errors import ServiceError, service_error
from domain.outcomes import Outcome, Work, done, wait


class Moment(BaseModel):
    """What the orchestrator hands on: its time, which its timers go by."""

    now: AwareDatetime


def await_approval(work: Work) -> Outcome:
    """Read the decision: done when exactly this plan was approved, failed when it was refused or has expired.

    Waits for the time that is left. At its end it writes down that nobody decided; of that and a decision at the same
    moment one is written, and holds.
    """
    pinned = pinned_plan_of(work, None, cancelable=True)
    plan = pinned.plan
    decision = archive.find_decision(plan)
    if decision is None:
        moment = Moment.model_validate(work.progress).now
        # What needs approval and does not say until when has expired.
        left = ((plan.approval_expires_at or plan.pinned_at) - moment).total_seconds()
        if left > 0:
            return wait(left)
        record_expiry(plan, moment)
        decision = archive.create_decision(plan, _expired(pinned, moment))
    if decision.decision == "approved":
        require_approved(pinned.sha256, plan.approval_reasons, decision)
        return done()
    raise _refused(decision)


def _expired(pinned: PinnedPlan, moment: AwareDatetime) -> Decision:
    return Decision(decision="expired", plan_sha256=pinned.sha256, at=moment.replace(microsecond=0))


def _refused(decision: Decision) -> ServiceError:
    if decision.decision == "expired":
        return service_error(
            "approval_expired",
            "Nobody approved the plan in time.",
            advice="Nothing was made. Send the request again: it gets a new plan, to be approved.",
        )
    return service_error(
        "approval_rejected",
        "An approver rejected the plan.",
        advice="Nothing was made. See the approval's comment; send a request again when it can be approved.",
    )
