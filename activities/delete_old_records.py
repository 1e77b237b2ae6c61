"""Delete what is kept for some time only: events that came, answers under Idempotency-Keys, looks at subscriptions."""

from datetime import timedelta
from typing import Final, Literal

from activities.context import now
from activities.list_hsm_page import AskedPage
from clients.archive import RECORDS
from clients.blob_lists import list_page
from clients.blobs import delete_unchanged
from clients.cleanup import require_run, write_run
from domain.outcomes import Outcome, done
from domain.settings import settings

_PREFIXES: Final = {"events": "events/", "answers": "idempotency/", "onboardings": "onboarding/"}
_PAGE: Final = 200


class AskedRecords(AskedPage):
    """Which of them, and from where on."""

    kind: Literal["events", "answers", "onboardings"]


def delete_old_records(asked: AskedRecords) -> Outcome:
    """Look at a page of them, and delete those that were written longer ago than the setting says.

    What is written anew while the page is looked at is young, and stays.
    """
    run = require_run()
    page = list_page(RECORDS, _PREFIXES[asked.kind], asked.marker, _PAGE)
    limit = now() - timedelta(days=settings().history_days)
    old = [blob for blob in page.blobs if blob.modified_at < limit]
    deleted = sum(delete_unchanged(RECORDS, blob.path, blob.etag) for blob in old)
    if deleted:
        count = f"forgotten_{asked.kind}"
        write_run(run.model_copy(update={count: getattr(run, count) + deleted}))
    return done(marker=page.marker)
