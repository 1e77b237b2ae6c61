"""Record what a run over all security domains found."""

from datetime import UTC, datetime

from clients import archive
from clients.verification_runs import end_run, find_begin, looked_at_since
from domain.outcomes import Nothing, Outcome, done
from domain.verification_runs import Tally, VerificationRun


def record_verification_run(_: Nothing) -> Outcome:
    """Count what was written down since the run began, and write that in place of the run before.

    Whoever holds the host's keys can have this run at any time: then it records what is true of a run that began and
    is not at its end, and nothing where none began.
    """
    begin = find_begin()
    # Idempotent: killed before its answer was heard, it was recorded; the begin is taken away last.
    if begin is None:
        return done()
    archive.write_verification_run(_summarise(begin))
    end_run()
    return done()


def _summarise(begin: datetime) -> VerificationRun:
    tally = Tally()
    complete = True
    for hsm, finding in looked_at_since(begin):
        complete = complete and finding is not None
        tally.add(hsm, finding or "Failed")
    end = max(datetime.now(UTC), begin)
    return VerificationRun(
        started_at=begin,
        finished_at=end.replace(microsecond=0),
        seconds=round((end - begin).total_seconds(), 1),
        complete=complete,
        counts=tally.counts,
        critical=tally.critical,
        failed=tally.failed,
        without_security_domain=tally.without_security_domain,
    )
