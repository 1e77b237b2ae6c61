"""Pages of a list that stay right while things are added: a page begins after a position, never at a number."""

import base64
import binascii
import json
import math
from collections.abc import Callable, Iterable
from typing import Final, NamedTuple

LONGEST_TOKEN: Final = 400


class Position(NamedTuple):
    """Where an item stands in an order: by a number, then by its name; no two items of a list have the same."""

    number: float
    name: str


class Order(NamedTuple):
    """By what a list is ordered, and which way."""

    by: str
    descending: bool = False

    @classmethod
    def parse(cls, text: str) -> "Order":
        """Read `name` or `name desc`."""
        by, _, direction = text.partition(" ")
        return cls(by, descending=direction == "desc")


class Page[Item](NamedTuple):
    """Some items in order, and the position after which the next page begins; None where no more follow."""

    items: list[Item]
    last: Position | None


def take_page[Item](
    items: Iterable[Item], place: Callable[[Item], Position], order: Order, after: Position | None, size: int
) -> Page[Item]:
    """Give the first `size` items after a position."""
    placed = [(place(item), item) for item in items]
    if after is not None:
        placed = [pair for pair in placed if (pair[0] < after if order.descending else pair[0] > after)]
    placed.sort(key=lambda pair: pair[0], reverse=order.descending)
    page = placed[:size]
    return Page([item for _, item in page], page[-1][0] if len(placed) > size else None)


def write_token(order: Order, position: Position) -> str:
    """Write where the next page begins, as text for a URL."""
    text = json.dumps([*order, float(position.number), position.name], separators=(",", ":"))
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def read_token(token: str, order: Order) -> Position:
    """Read where a page begins; raises ValueError unless it was written for a list of this order."""
    try:
        padded = token.encode("ascii") + b"=" * (-len(token) % 4)
        document = json.loads(base64.b64decode(padded, altchars=b"-_", validate=True))
    except (binascii.Error, UnicodeError, ValueError, RecursionError):
        document = None
    match document:
        case [order.by, order.descending, float(number), str(name)] if math.isfinite(number):
            return Position(number, name)
    message = "This is not where a page of a list in this order begins: take the whole nextLink."
    raise ValueError(message)
