"""What counts as confirmed: held against a model of an HSM to which requests come late and in any order."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.exports import Export, is_alone, is_last

LOST, KEPT = Export(1), Export(1, answered=True)
ENDED, REFUSED = Export(1, answered=True, ended=True), Export(1, refused=True)


def journal(*exports: Export) -> list[Export]:
    return [export._replace(number=number) for number, export in enumerate(exports, 1)]


@pytest.mark.parametrize(
    ("before", "alone"),
    [
        ([], True),
        ([KEPT], True),
        ([REFUSED], True),
        ([LOST], False),
        ([LOST, KEPT], False),
        ([LOST, ENDED], True),
        ([LOST, REFUSED], False),
        ([ENDED, LOST], False),
        ([LOST, ENDED, LOST], False),
    ],
)
def test_what_was_not_answered_may_take_effect_late(before: list[Export], alone: bool) -> None:
    assert is_alone(journal(*before)) is alone


@pytest.mark.parametrize("later", [LOST, KEPT, ENDED])
def test_an_older_one_is_not_the_last(later: Export) -> None:
    assert not is_last(journal(KEPT, later), 1)
    assert is_last(journal(KEPT, REFUSED), 1)
    assert not is_last([], 1)


class Hsm:
    """Takes requests in any order; the last to land is its last export."""

    def __init__(self) -> None:
        self.exports: list[Export] = []
        self.alone: dict[int, bool] = {}
        self.in_flight: list[int] = []
        self.landed: list[int] = []

    def ask(self, *, refused: bool) -> None:
        number = len(self.exports) + 1
        self.alone[number] = is_alone(self.exports)
        self.exports.append(Export(number, refused=refused))
        if not refused:
            self.in_flight.append(number)

    def land(self, number: int) -> None:
        self.in_flight.remove(number)
        self.landed.append(number)

    def answer(self, number: int) -> None:
        self.exports[number - 1] = self.exports[number - 1]._replace(answered=True)

    def end(self) -> None:
        """A whole export passes: what was asked for before the newest answered one has landed by then."""
        answered = [export.number for export in self.exports if export.answered]
        if not answered:
            return
        for number in [late for late in self.in_flight if late < answered[-1]]:
            self.land(number)
        self.exports[answered[-1] - 1] = self.exports[answered[-1] - 1]._replace(ended=True)

    def certain(self) -> list[int]:
        return [
            export.number
            for export in self.exports
            if export.answered and self.alone[export.number] and is_last(self.exports, export.number)
        ]


@given(st.lists(st.sampled_from(["ask", "be refused", "land", "answer", "end"]), max_size=25), st.data())
def test_what_is_certain_is_what_the_hsm_has(story: list[str], data: st.DataObject) -> None:
    hsm = Hsm()
    for event in story:
        unanswered = [number for number in hsm.landed if not hsm.exports[number - 1].answered]
        if event in ("ask", "be refused"):
            hsm.ask(refused=event == "be refused")
        elif event == "land" and hsm.in_flight:
            hsm.land(data.draw(st.sampled_from(hsm.in_flight)))
        elif event == "answer" and unanswered:
            hsm.answer(data.draw(st.sampled_from(unanswered)))
        elif event == "end":
            hsm.end()
    certain = hsm.certain()
    for number in data.draw(st.permutations(hsm.in_flight)):
        hsm.land(number)
    assert certain in ([], hsm.landed[-1:])
