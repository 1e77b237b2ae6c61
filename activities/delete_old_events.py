"""Delete the records of events that came long ago."""

from datetime import timedelta
from typing import Final

from activities.context import now
from activities.list_hsm_page import AskedPage
from clients.archive import RECORDS
from clients.blob_lists import list_page
from clients.blobs import delete_blob
from clients.cleanup import require_run, write_run
from domain.outcomes import Outcome, done
from domain.settings import settings

_PREFIX: Final = "events/"
_PAGE: Final = 200


def delete_old_events(asked: AskedPage) -> Outcome:
    """Look at a page of them, and delete those that are older than the setting says."""
    run = require_run()
    page = list_page(RECORDS, _PREFIX, asked.marker, _PAGE)
    limit = now() - timedelta(days=settings().history_days)
    old = [blob.path for blob in page.blobs if blob.modified_at < limit]
    for path in old:
        delete_blob(RECORDS, path)
    if old:
        write_run(run.model_copy(update={"forgotten_events": run.forgotten_events + len(old)}))
    return done(marker=page.marker)
