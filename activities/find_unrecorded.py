"""Find HSMs that nobody recorded, in the subscriptions that are ours to know."""

from collections.abc import Iterable
from typing import Final

from activities.context import now
from activities.list_hsm_page import AskedPage
from clients import reconciliation, unrecorded
from clients.unrecorded import UnrecordedHsm
from domain.drift_findings import SEVERITIES, DriftFinding
from domain.outcomes import Outcome, done
from domain.policy import EVERYTHING
from domain.reconciliation import CheckedHsm, ReconciliationRun

PAGE: Final = 20
"""So many subscriptions are looked at in one go."""


def find_unrecorded(asked: AskedPage) -> Outcome:
    """Look at the next subscriptions, on the last page at all others that the policy allows, and say where to go on.

    Idempotent: what was found already is written once more.
    """
    run = reconciliation.require_run()
    subscriptions, everywhere = unrecorded.list_subscriptions(), unrecorded.is_everywhere_allowed()
    if not asked.marker:
        # Before anybody looks: whatever fails from here on leaves what was not looked at named so.
        _write(run, [*subscriptions, EVERYTHING] if everywhere else subscriptions)
    coming = [subscription for subscription in subscriptions if subscription > asked.marker]
    page = coming[:PAGE]
    found = unrecorded.find_in(page)
    _record((hsm for hsms in found.values() for hsm in hsms), run)
    _note_listed(found.keys())
    if len(coming) > PAGE:
        return done(marker=page[-1])
    if everywhere:
        _record(unrecorded.find_elsewhere(subscriptions), run)
        _note_listed([EVERYTHING])
    return done(marker="")


def _note_listed(listed: Iterable[str]) -> None:
    run = reconciliation.require_run()
    _write(run, set(run.unlisted) - set(listed))


def _write(run: ReconciliationRun, unlisted: Iterable[str]) -> None:
    reconciliation.write_run(run.model_copy(update={"unlisted": sorted(unlisted)}))


def _record(hsms: Iterable[UnrecordedHsm], run: ReconciliationRun) -> None:
    for hsm in hsms:
        before = reconciliation.find_unrecorded(hsm.name)
        same = before is not None and before.resource_id == hsm.resource_id
        since = before.seen.get("unrecorded", now()) if before is not None and same else now()
        finding = DriftFinding(
            hsm=hsm.name,
            resource_id=hsm.resource_id,
            code="unrecorded",
            severity=SEVERITIES["unrecorded"],
            found=hsm.made,
            since=since,
            healing="none",
        )
        reconciliation.write_unrecorded(
            CheckedHsm(
                hsm=hsm.name,
                run=run.id,
                resource_id=hsm.resource_id,
                findings=[finding],
                seen={"unrecorded": since},
            )
        )
