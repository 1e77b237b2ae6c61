"""Which of an HSM's exports is its last: what may count as confirmed.

An HSM tells how its last export ended, and not which that is. A request that was not answered (its worker died, its
connection broke, it is slow) may take effect late, after a newer one.
"""

from collections.abc import Sequence
from typing import NamedTuple


class Export(NamedTuple):
    """One request for a security domain, numbered in the order of all that an HSM ever got from us.

    `answered`: its bytes were stored. `refused`: the HSM said no, so it had no effect. `ended`: since it was answered,
    the HSM's last export was seen to have ended.
    """

    number: int
    answered: bool = False
    refused: bool = False
    ended: bool = False


class BegunExport(NamedTuple):
    """A request that is about to be made; `alone` says that no earlier one can take effect after it."""

    number: int
    alone: bool


def is_alone(before: Sequence[Export]) -> bool:
    """Say whether nothing that was asked for before can take effect after a request that is made now.

    What was answered has had its effect; and what was asked for before an export that was seen to end has, too, for an
    export takes minutes.
    """
    last_ended = max((export.number for export in before if export.ended), default=0)
    return all(export.answered or export.refused or export.number < last_ended for export in before)


def is_last(exports: Sequence[Export], number: int) -> bool:
    """Say whether this export is known, and nothing was asked for after it that the HSM did not refuse."""
    taken = [export.number for export in exports if not export.refused]
    return max(taken, default=0) == number
