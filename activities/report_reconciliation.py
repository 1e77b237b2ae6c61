"""Report what a run of the reconciliation found and did, and end it."""

from activities.context import now
from clients import reconciliation, summaries
from clients.lost_starts import read_abandoned, read_missing, read_subscriptions_checked
from clients.measurements import tell_fleet
from domain.outcomes import Nothing, Outcome, done
from domain.policy import EVERYTHING
from domain.reconciliation import CheckedHsm, ReconciliationRun, make_report


def report_reconciliation(_: Nothing) -> Outcome:
    """Write the report, made of what is recorded alone, then record that the run has ended."""
    run = reconciliation.require_run()
    unrecorded = reconciliation.list_unrecorded()
    checked = [*reconciliation.list_checked(run.id), *unrecorded]
    records = summaries.list_hsm_records()
    fleet = [name for name, record in records.items() if record.billed]
    report = make_report(run, fleet, checked, now())
    lost = {
        "abandoned": read_abandoned(run.id),
        "missing": read_missing(run.id),
        "subscriptions_checked": read_subscriptions_checked(run.id),
    }
    reconciliation.write_report(report.model_copy(update=lost))
    for item in unrecorded:
        if _is_gone(item, run):
            reconciliation.forget_unrecorded(item.hsm)
    reconciliation.write_run(run.model_copy(update={"finished": True}))
    tell_fleet(records.values())
    return done()


def _is_gone(item: CheckedHsm, run: ReconciliationRun) -> bool:
    """Say whether a run looked where an HSM was that nobody recorded, and did not find it, or found it recorded."""
    if item.run == run.id or EVERYTHING in run.unlisted or item.resource_id is None:
        return False
    return item.resource_id.split("/")[2].lower() not in run.unlisted
