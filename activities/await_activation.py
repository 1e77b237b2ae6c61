"""Ask once whether the HSM confirmed its last export and is active; the orchestrator waits."""

from activities.context import EXPORTING, export_entry, hsm_gone, plan_of
from clients import archive, managed_hsm, resource_manager
from clients.export_journal import list_exports, note_export
from domain.errors import service_error
from domain.exports import Export, is_last
from domain.outcomes import Outcome, Work, done, wait
from domain.records import Plan
from domain.settings import settings


def await_activation(work: Work) -> Outcome:
    """Read how the last export went: done when it ended with success and ARM calls the HSM active.

    The result says whether that export can only be the one of this attempt: `confirmed`. Changes nothing but the
    journal of the HSM's exports, where an end is written once.
    """
    plan = plan_of(work, EXPORTING)
    # Listed before the HSM is asked: an export that is answered in between has not ended.
    exports = list_exports(plan.hsm)
    hsm = resource_manager.find_hsm(plan.request.subscription_id, plan.request.resource_group, plan.hsm)
    if hsm is None or hsm.provisioning_state == "Deleting":
        raise hsm_gone()
    status = managed_hsm.find_export_status(plan.hsm)
    if status in ("Failed", "None"):
        _note_end(plan, work, exports)
        raise service_error(
            "export_failed",
            "The HSM did not confirm the export of its security domain.",
            advice="The bytes of this export do not count. It is downloaded again.",
        )
    if status != "Success" or not hsm.active:
        return wait(settings().poll_seconds)
    _note_end(plan, work, exports)
    receipt = archive.find_receipt(plan, work.attempt)
    return done(confirmed=receipt is not None and receipt.alone and is_last(list_exports(plan.hsm), receipt.export))


def _note_end(plan: Plan, work: Work, exports: list[Export]) -> None:
    answered = [export for export in exports if export.answered]
    if answered and not answered[-1].ended:
        note_export(plan.hsm, answered[-1].number, "ended", export_entry(work))
