"""What may keep an HSM from being deleted by now, whose deletion was planned."""

from datetime import timedelta
from typing import Final

from activities.context import now
from activities.decommissioning import deletion_of, require_planned_use
from activities.pinning import check_again
from clients import archive
from clients.deletion import require_unlocked
from clients.metrics import find_usage
from clients.ownership import require_destruction_and_export_allowed
from domain.decommissioning import UsageEvidence, find_unseen_requests, is_new_use
from domain.errors import service_error
from domain.hsm import Hsm
from domain.outcomes import Work
from domain.records import HsmRecord, Plan

_SHORTEST: Final = timedelta(seconds=1)


def require_deletable(work: Work, plan: Plan, record: HsmRecord, hsm: Hsm) -> None:
    """Hold an HSM against policy, locks, switches and its use once more: its approval may have taken weeks.

    Raises ServiceError `hsm_locked`, `approval_needed`, `hsm_used_meanwhile`, `destruction_and_export_stopped`, and
    as `check_again` does.
    """
    require_destruction_and_export_allowed()
    require_unlocked(hsm.resource_id, deletion_of(plan).lock)
    check_again(work, plan)
    require_planned_use(deletion_of(plan), record, hsm)
    shown = deletion_of(plan).usage
    if plan.approval_reasons and shown is not None:
        _require_shown_use(plan, shown, hsm)


def _require_shown_use(plan: Plan, shown: UsageEvidence, hsm: Hsm) -> None:
    """Raise ServiceError `hsm_used_meanwhile` where the HSM was used clearly more than its approver was shown."""
    # Counted from the same moment, so that what is old cannot hide what is new.
    since = shown.since if shown.requests is not None else shown.until
    # Over no time at all Azure counts nothing.
    usage = find_usage(hsm.resource_id, max(now(), since + _SHORTEST), since)
    if is_new_use(shown, usage, _count_own_requests(plan)):
        raise service_error(
            "hsm_used_meanwhile",
            f"The HSM answered {find_unseen_requests(shown, usage):,} requests since its deletion was planned, clearly "
            "more than whoever approved it was shown.",
            advice="Nothing was deleted. Find out who uses the HSM. The same request again shows the use by now.",
        )


def _count_own_requests(plan: Plan) -> int:
    """Give how many requests the service may have made of its own: it begins the backup, and asks how that goes."""
    job = archive.find_job(plan.operation_id, "backup") if deletion_of(plan).backup else None
    # An HSM is asked twice where the first time is for the challenge.
    return 2 * (1 + job.looks) if job else 0
