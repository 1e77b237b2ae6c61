"""Record an HSM that this service did not make as a team's."""

from activities.context import approved_plan_of, commit
from activities.foreign_hsm import find_foreign_hsm
from activities.pinning import check_again
from clients import archive
from domain.adoption import is_same, specify
from domain.errors import ServiceError, service_error
from domain.outcomes import Outcome, Work, done
from domain.records import HsmRecord, Plan


def adopt_hsm(work: Work) -> Outcome:
    """Look again whether it is the HSM that was pinned, as it was, then record it; in Azure nothing changes.

    It is held against the policy once more, for its approval may have taken weeks.
    """
    plan = approved_plan_of(work, "adopt", cancelable=True)
    hsm, found = find_foreign_hsm(plan.request, plan.hsm, plan.team)
    if (
        plan.found is None
        or found.made_at != plan.found.made_at
        or not is_same(plan.request, specify(hsm, plan.request))
    ):
        raise _changed()
    check_again(work, plan)
    commit(work, "adopt")
    # Idempotent: the record becomes what it already is.
    archive.begin_hsm_record(_record(plan))
    return done(uri=hsm.uri, resourceId=hsm.resource_id)


def _record(plan: Plan) -> HsmRecord:
    made_at = plan.found.made_at if plan.found else plan.pinned_at
    return HsmRecord(
        hsm=plan.hsm,
        resource_id=plan.resource_id,
        team=plan.team,
        requester=plan.requester,
        request=plan.request,
        created_by=plan.operation_id,
        created_at=made_at,
        made_at=made_at,
        adopted=True,
    )


def _changed() -> ServiceError:
    return service_error(
        "hsm_changed",
        "The HSM is another by now, or not as it was when it was pinned.",
        advice="Nothing was taken over. Send the request again: what is there now is pinned, to be approved.",
    )
