"""Pages of a list: walked to its end, each item comes once and in order, whatever is added or taken away meanwhile."""

import base64
import json
from typing import NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.paging import LONGEST_TOKEN, Order, Position, read_token, take_page, write_token


class Item(NamedTuple):
    number: float
    name: str


def place(item: Item) -> Position:
    return Position(item.number, item.name)


ITEMS = st.lists(
    st.builds(Item, st.sampled_from([-1.0, 0.0, 2500.0, 1e9]), st.text("ab-0", min_size=1, max_size=4)),
    unique_by=lambda item: item.name,
    max_size=30,
)
ORDERS = st.builds(Order, st.just("name"), st.booleans())


def in_order(items: list[Item], order: Order) -> list[Item]:
    return sorted(items, reverse=order.descending)


@given(items=ITEMS, order=ORDERS, size=st.integers(1, 31))
def test_all_pages_give_each_item_once_in_order(items: list[Item], order: Order, size: int) -> None:
    walked: list[Item] = []
    after: Position | None = None
    while True:
        page = take_page(items, place, order, after, size)
        walked += page.items
        assert len(page.items) == size or page.last is None
        if page.last is None:
            break
        after = read_token(write_token(order, page.last), order)
    assert walked == in_order(items, order)


@given(items=ITEMS, order=ORDERS, sizes=st.lists(st.integers(1, 5), min_size=40, max_size=40), data=st.data())
def test_what_comes_and_goes_between_pages_disturbs_nothing_else(
    items: list[Item], order: Order, sizes: list[int], data: st.DataObject
) -> None:
    coming = data.draw(st.permutations(items))
    first = data.draw(st.integers(0, len(items)))
    there, to_come = list(coming[:first]), list(coming[first:])
    stayed, walked = set(there), []
    after: Position | None = None
    for size in sizes:
        page = take_page(there, place, order, after, size)
        walked += page.items
        if page.last is None:
            break
        after = page.last
        if to_come:
            there.append(to_come.pop())
        if data.draw(st.booleans()):
            gone = there.pop(data.draw(st.integers(0, len(there) - 1)))
            stayed.discard(gone)
    assert walked == in_order(walked, order)
    assert len(set(walked)) == len(walked)
    assert stayed <= set(walked)


@given(number=st.floats(allow_nan=False, allow_infinity=False), name=st.text("abz-09", max_size=60), order=ORDERS)
def test_a_token_holds_a_position_exactly(number: float, name: str, order: Order) -> None:
    token = write_token(order, Position(number, name))
    assert len(token) <= LONGEST_TOKEN
    assert read_token(token, order) == Position(number, name)
    with pytest.raises(ValueError, match="nextLink"):
        read_token(token, Order("createdAt", order.descending))
    with pytest.raises(ValueError, match="nextLink"):
        read_token(token, Order(order.by, not order.descending))


def token_of(document: object) -> str:
    return base64.urlsafe_b64encode(json.dumps(document).encode()).decode().rstrip("=")


@pytest.mark.parametrize(
    "token",
    [
        "",
        "garbage",
        "ÄÖÜ",
        "a" * LONGEST_TOKEN,
        base64.urlsafe_b64encode(b"[" * 200).decode(),
        base64.urlsafe_b64encode(b"\xff\xfe").decode(),
        token_of({}),
        token_of(["name", False, 0.0]),
        token_of(["name", False, 0.0, "a", "b"]),
        token_of(["name", False, "0", "a"]),
        token_of(["name", False, 0.0, None]),
        token_of(["name", False, float("nan"), "a"]),
        token_of(["name", False, float("inf"), "a"]),
        token_of(["name", False, 10**400, "a"]),
        token_of(["name", 0, 0.0, "a"]) + "=",
    ],
)
def test_a_garbled_token_is_refused(token: str) -> None:
    with pytest.raises(ValueError, match="nextLink"):
        read_token(token, Order("name"))


@given(token=st.text(max_size=80))
def test_no_text_does_more_than_be_refused(token: str) -> None:
    with pytest.raises(ValueError, match="nextLink"):
        read_token(token, Order("name"))
