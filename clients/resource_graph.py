"""Azure Resource Graph: what there is in all subscriptions that the service may read, some time ago."""

from collections.abc import Iterator
from typing import Any, Final

from clients.arm import post
from clients.azure_errors import our_errors, unreadable

_PATH: Final = "/providers/Microsoft.ResourceGraph/resources"
_VERSION: Final = "2022-10-01"
_LONGEST_PAGE: Final = 1000
# Of no subscription: it is asked about all.
_NONE: Final = "00000000-0000-0000-0000-000000000000"


def query(text: str, doing: str) -> Iterator[dict[str, Any]]:
    """Give all rows that a query finds, page by page; it must order them, for pages of what is in no order overlap.

    `doing` says in an error what could not be done.
    """
    options: dict[str, Any] = {"$top": _LONGEST_PAGE, "resultFormat": "objectArray"}
    while True:
        with our_errors(doing):
            status, page = post(_NONE, _PATH, _VERSION, {"query": text, "options": options})
        rows = page.get("data")
        if status != 200 or not isinstance(rows, list):
            raise unreadable(doing)
        yield from rows
        token = page.get("$skipToken")
        if not token:
            return
        options = {**options, "$skipToken": token}
