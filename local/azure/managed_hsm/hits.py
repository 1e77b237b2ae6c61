"""How many requests an HSM answered, and when: what its metric ServiceApiHit tells."""

from collections import Counter
from collections.abc import Sequence
from typing import Final

_MINUTE: Final = 60


class Hits:
    """Counts requests by the minute, as Azure's metrics do."""

    def __init__(self) -> None:
        self._counts: Counter[int] = Counter()

    def __bool__(self) -> bool:
        return bool(self._counts)

    def add(self, time: float, count: int = 1) -> None:
        """Count requests at a time, in seconds since the epoch."""
        self._counts[int(time // _MINUTE)] += count

    def count(self, begins: Sequence[float], seconds: float) -> list[int]:
        """Count what came in spans of time of one length that follow each other, by their begins."""
        counts = [0] * len(begins)
        for minute, count in self._counts.items():
            place = int((minute * _MINUTE - begins[0]) // seconds)
            if 0 <= place < len(counts):
                counts[place] += count
        return counts
