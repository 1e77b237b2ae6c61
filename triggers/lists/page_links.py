"""One page of a list, and the address of the next."""

from collections.abc import Callable, Iterable
from typing import NamedTuple
from urllib.parse import urlencode

from domain.paging import Position, take_page, write_token
from triggers.door.calls import Call
from triggers.lists.queries import ListQuery


class Shown[Item](NamedTuple):
    """The items of a page, and the address of the next page if there is one."""

    items: list[Item]
    next_link: str | None


def cut[Item](call: Call, path: str, items: Iterable[Item], place: Callable[[Item], Position]) -> Shown[Item]:
    """Cut the page that a query asks for out of a list."""
    query: ListQuery = call.query
    page = take_page(items, place, query.order, query.after, query.maxpagesize)
    if page.last is None:
        return Shown(page.items, None)
    parameters = query.model_dump(mode="json", by_alias=True, exclude_none=True)
    parameters["continuationToken"] = write_token(query.order, page.last)
    return Shown(page.items, call.url(f"{path}?{urlencode(parameters)}"))
