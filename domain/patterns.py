"""Regular expressions of the policy: which are taken, and matching that always ends soon.

Python's matcher goes back and tries again: `(a+)+b` takes 2^n steps for n letters, and a text that a caller chose would
stop the process. So a pattern is taken only if the number of ways in which it can be tried on a text of the greatest
length is small. The number is counted from the pattern, too high rather than too low: a choice of n is n ways, what
follows is multiplied, and a repeat of something with a choice is a power. Look-around, back references and flags cannot
be counted like that, and are refused.
"""

import re
import warnings
from typing import Final

MAXIMUM_PATTERN: Final = 200
"""How long a pattern may be, in characters."""

MAXIMUM_WAYS: Final = 1_000_000
"""In how many ways a pattern may be tried: some hundredths of a second."""

_COUNTS: Final = re.compile(r"\{(?:(?P<exactly>\d+)|(?P<least>\d*),(?P<most>\d*))\}", re.ASCII)
_CLASS: Final = re.compile(r"\[\^?\]?(?:\\.|[^\]\\])*\]", re.DOTALL)


def find_fault(pattern: str, longest: int) -> str | None:
    """Say in one sentence why a pattern is not taken for texts of up to `longest` characters; None if it is."""
    if len(pattern) > MAXIMUM_PATTERN:
        return f"A regular expression has at most {MAXIMUM_PATTERN} characters."
    if not _compiles(pattern):
        return "This is not a regular expression of Python's."
    try:
        ways = _Counter(pattern, longest).count()
    except _UncountableError:
        return "A regular expression has no look-around, no back reference, no named group and no flag here."
    if ways > MAXIMUM_WAYS:
        return (
            "This regular expression could take too long: use fewer repeats, none within a repeat, "
            "or bound them, such as {1,20}."
        )
    return None


def matches(pattern: str, text: str, longest: int) -> bool:
    """Say whether the whole text is as the pattern has it; a text that is longer than `longest` never is."""
    return len(text) <= longest and re.fullmatch(pattern, text) is not None


def _compiles(pattern: str) -> bool:
    """Say whether Python takes it without a warning: what it warns of will mean something else one day."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        try:
            re.compile(pattern)
        except (re.error, OverflowError, RecursionError, Warning):
            return False
    return True


class _UncountableError(Exception):
    """The pattern holds something of which nobody can say how often it is tried."""


class _Counter:
    """Reads a pattern that compiles, and counts in how many ways it can be tried."""

    def __init__(self, pattern: str, longest: int) -> None:
        self._pattern = pattern
        self._longest = longest
        self._at = 0

    def count(self) -> int:
        """Give the ways of alternatives: their sum. Raises _UncountableError."""
        ways = self._sequence()
        while self._take("|"):
            ways += self._sequence()
        return self._bounded(ways)

    def _sequence(self) -> int:
        ways = 1
        while self._at < len(self._pattern) and self._pattern[self._at] not in "|)":
            ways = self._bounded(ways * self._repeated(self._one()))
        return ways

    def _one(self) -> int:
        if self._take("("):
            if self._take("?") and not self._take(":"):
                raise _UncountableError
            ways = self.count()
            self._at += 1
            return ways
        if self._take("\\"):
            if self._pattern[self._at].isdigit():
                raise _UncountableError
            self._at += 1
            return 1
        matched = _CLASS.match(self._pattern, self._at)
        self._at = matched.end() if matched else self._at + 1
        return 1

    def _repeated(self, ways: int) -> int:
        """Give the ways of what can be repeated: for each number of times, its own ways to the power of it."""
        least, most = self._times()
        total = 0
        for times in range(least, most + 1):
            total = self._bounded(total + ways**times)
        return total

    def _times(self) -> tuple[int, int]:
        counts = _COUNTS.match(self._pattern, self._at)
        if counts:
            self._at = counts.end()
            exactly = counts["exactly"]
            least, most = (exactly, exactly) if exactly else (counts["least"] or "0", counts["most"])
            times = self._cut(least), self._cut(most) if most else self._longest
        elif self._take("*"):
            times = 0, self._longest
        elif self._take("+"):
            times = 1, self._longest
        elif self._take("?"):
            times = 0, 1
        else:
            return 1, 1
        # Behind a repeat, these say in which order it is tried, or that it is tried in one way only.
        if not self._take("?"):
            self._take("+")
        return times

    def _cut(self, times: str) -> int:
        """Read a number of times; no more than the text has characters need be looked at."""
        return min(int(times), self._longest)

    def _take(self, character: str) -> bool:
        taken = self._pattern.startswith(character, self._at)
        self._at += taken
        return taken

    @staticmethod
    def _bounded(ways: int) -> int:
        """Keep the number small: beyond the limit it does not matter which it is."""
        return min(ways, MAXIMUM_WAYS + 1)
