"""Report what a run of the clean-up found and did, and end it."""

from activities.begin_cleanup import Nothing
from activities.context import now
from clients import summaries
from clients.cleanup import is_enforced, list_judged, require_run, write_report, write_run
from domain.cleanup_reports import make_report
from domain.outcomes import Outcome, done


def report_cleanup(asked: Nothing) -> Outcome:  # noqa: ARG001
    """Write the report, made of what is recorded alone, then record that the run has ended."""
    run = require_run()
    report = make_report(run, summaries.list_hsm_records(), list_judged(run.id), now(), enforced=is_enforced())
    write_report(report)
    write_run(run.model_copy(update={"finished": True}))
    return done()
