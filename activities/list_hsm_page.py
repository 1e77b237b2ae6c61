"""List the next HSMs that we have records of, those whose names others took among them."""

from typing import Final

from clients.archive import RECORDS
from clients.blob_lists import list_page
from domain.model import Model
from domain.outcomes import Outcome, done

PAGE: Final = 20
"""So many are verified at once, and are in one generation's history."""
# One list for both: `hsms-before/{hsm}/{operation}` comes before `hsms/{hsm}`.
_PREFIX: Final = "hsms"


class AskedPage(Model):
    """Where the page begins: what the page before said, empty for the first."""

    marker: str = ""


def list_hsm_page(asked: AskedPage) -> Outcome:
    """List a page of names, and say where the next begins; empty on the last.

    An HSM whose name another one took is listed as `{hsm}/{operation}`, by the operation that made it.
    """
    page = list_page(RECORDS, _PREFIX, asked.marker, PAGE)
    return done(hsms=[blob.path.partition("/")[2] for blob in page.blobs], marker=page.marker)
