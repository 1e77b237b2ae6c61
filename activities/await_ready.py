"""Ask once whether the HSM is provisioned; the orchestrator waits."""

from activities.context import MAKING, approved_plan_of, hsm_gone, now
from clients import archive, resource_manager
from domain.errors import service_error
from domain.hsm import APPEARS_WITHIN, Hsm
from domain.outcomes import Outcome, Work, done, wait
from domain.records import HsmRecord, Plan
from domain.requests import HsmRequest, HsmSpecification
from domain.settings import settings


def await_ready(work: Work) -> Outcome:
    """Read the HSM's state: done when provisioned, wait while ARM works, failed when ARM gave up or it is gone.

    Records when Azure made it: from then on no other HSM of that name is taken for ours; and as what it was asked for.
    """
    plan = approved_plan_of(work, MAKING, cancelable=True)
    hsm = resource_manager.find_hsm(plan.request.subscription_id, plan.request.resource_group, plan.hsm)
    if hsm is None or hsm.provisioning_state == "Deleting":
        return _await_appearance(plan)
    if hsm.provisioning_state == "Failed":
        raise service_error(
            "provisioning_failed",
            "Azure could not provision the HSM.",
            advice="It exists and may be billed. Send the request again so that Azure retries, or purge it.",
        )
    attached = all(hsm.has_identity(identity) for identity in plan.identities)
    if hsm.provisioning_state not in ("Succeeded", "Activated") or not attached:
        return wait(settings().poll_seconds)
    _record(archive.find_hsm_record(plan.hsm), hsm, plan)
    return done(uri=hsm.uri, resourceId=hsm.resource_id)


def _await_appearance(plan: Plan) -> Outcome:
    record = archive.find_hsm_record(plan.hsm)
    if record is not None and record.made_at is None and now() - record.created_at < APPEARS_WITHIN:
        return wait(settings().poll_seconds)
    raise hsm_gone()


def _record(record: HsmRecord | None, hsm: Hsm, plan: Plan) -> None:
    # Idempotent: when it was made is recorded once and not touched again, and the record becomes what it already is.
    if record is not None:
        update = {"made_at": record.made_at or hsm.made_at, "request": _recorded_request(record, plan)}
        archive.write_hsm_record(record.model_copy(update=update))


def _recorded_request(record: HsmRecord, plan: Plan) -> HsmRequest | HsmSpecification:
    """Give what is recorded as asked: with the keys of what is stored, until an export for others was verified."""
    before, wanted = record.request, plan.request
    if record.security_domain is None:
        return wanted
    if isinstance(before, HsmRequest) and isinstance(wanted, HsmRequest):
        return wanted.model_copy(update={"security_domain": before.security_domain})
    return wanted.specification()
