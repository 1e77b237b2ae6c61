"""Whose upload it is that an HSM has taken in, as far as that can be known.

An HSM tells how its last upload of a security domain went, and not whose it was. What is known is what this service
asked it for, each time written down before, and what it answered. It takes in one at a time, and after one that ended
well none any more: so where it has one, and answered to one of ours that it takes it in, it is that one.
"""

from collections.abc import Collection, Sequence
from typing import Literal, NamedTuple

from domain.records import PinnedSource, UploadEntry

Holder = Literal["nobody", "us", "unknown", "others"]
"""Whose upload an HSM has taken in."""


class Upload(NamedTuple):
    """One request to take a security domain in, numbered in the order of all that an HSM ever got from us.

    `answered`: the HSM said that it takes it in. `refused`: it said no, or was not asked after all. `lost`: long after
    it was asked, the HSM had taken nothing in. `failed`: it was answered, and the HSM was seen to have failed at it.
    """

    number: int
    entry: UploadEntry
    answered: bool = False
    refused: bool = False
    lost: bool = False
    failed: bool = False

    @property
    def unanswered(self) -> bool:
        """Whether nobody knows what became of it."""
        return not (self.answered or self.refused or self.lost or self.failed)

    @property
    def may_be_held(self) -> bool:
        """Whether the HSM may have it, now or later."""
        # What was given up and answered after all was taken in.
        return self.unanswered or (self.answered and not self.failed)


def find_taken_in(uploads: Sequence[Upload], confirmed: Collection[int] = ()) -> Upload | None:
    """Find the last upload that the HSM said it takes in, or that an approver confirmed by its number."""
    known = [upload for upload in uploads if upload.answered or upload.number in confirmed]
    return next((upload for upload in reversed(known) if upload.may_be_held), None)


def judge_holder(uploads: Sequence[Upload], source: PinnedSource, confirmed: Collection[int] = ()) -> Holder:
    """Say whose upload it is that an HSM has taken in; `us` where it is one of the security domain that was pinned."""
    taken_in = find_taken_in(uploads, confirmed)
    if taken_in is not None:
        return "us" if taken_in.entry.is_of(source) else "others"
    return "unknown" if any(upload.may_be_held for upload in uploads) else "others"
