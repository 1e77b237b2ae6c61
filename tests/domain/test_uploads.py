"""Whose upload an HSM has: held against a model of an HSM that takes uploads in as they come, also from strangers."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.records import PinnedSource, Receipt, UploadEntry
from domain.uploads import Upload, find_taken_in, judge_holder

AT = datetime(2026, 3, 1, tzinfo=UTC)
RECEIPT = Receipt(
    operation_id="first-1",
    attempt=1,
    blob_url="",
    etag="",
    sha256="aa",
    size=1,
    quorum=2,
    thumbprints=[],
    export=1,
    alone=True,
    stored_at=AT,
)
SOURCE = PinnedSource(hsm="first", receipt=RECEIPT)
ENTRY = UploadEntry(operation_id="second-1", source="first", sha256="aa", hsm_made_at=AT, at=AT)
ASKED = Upload(1, ENTRY)
ANSWERED, REFUSED = ASKED._replace(answered=True), ASKED._replace(refused=True)
LOST, FAILED = ASKED._replace(lost=True), ANSWERED._replace(failed=True)
OTHER = ANSWERED._replace(entry=ENTRY.model_copy(update={"sha256": "bb"}))


def journal(*uploads: Upload) -> list[Upload]:
    return [upload._replace(number=number) for number, upload in enumerate(uploads, 1)]


@pytest.mark.parametrize(
    ("uploads", "confirmed", "holder"),
    [
        ([], (), "others"),
        ([REFUSED], (), "others"),
        ([LOST], (), "others"),
        ([FAILED], (), "others"),
        ([ASKED], (), "unknown"),
        ([FAILED, ASKED], (), "unknown"),
        ([ANSWERED], (), "us"),
        ([ASKED, ANSWERED, REFUSED], (), "us"),
        ([FAILED, ANSWERED, ASKED], (), "us"),
        # Given up, and answered after all.
        ([LOST._replace(answered=True)], (), "us"),
        ([ASKED], (1,), "us"),
        ([REFUSED], (1,), "others"),
        ([OTHER], (), "others"),
    ],
)
def test_what_was_answered_or_confirmed_is_known(
    uploads: list[Upload], confirmed: tuple[int, ...], holder: str
) -> None:
    assert judge_holder(journal(*uploads), SOURCE, confirmed) == holder


class Hsm:
    """Takes one upload in at a time, and none after one that ended well; `None` is a stranger's."""

    def __init__(self) -> None:
        self.uploads: list[Upload] = []
        self.in_flight: list[int] = []
        self.answers: dict[int, bool] = {}
        self.has: int | None = None
        self.taken_in = False

    def ask(self) -> None:
        self.uploads.append(Upload(len(self.uploads) + 1, ENTRY))
        self.in_flight.append(len(self.uploads))

    def land(self, number: int | None) -> None:
        if number is not None:
            self.in_flight.remove(number)
            self.answers[number] = not self.taken_in
        if not self.taken_in:
            self.has, self.taken_in = number, True

    def hear(self, number: int) -> None:
        """Have the answer written down; where this never happens, whoever asked was killed."""
        answered, upload = self.answers.pop(number), self.uploads[number - 1]
        self.uploads[number - 1] = upload._replace(answered=answered, refused=not answered)

    def fail(self) -> None:
        """Have the upload fail, which somebody sees who looks before anybody uploads again."""
        if self.taken_in:
            self.taken_in = False
            self.uploads = [upload._replace(failed=upload.failed or upload.answered) for upload in self.uploads]


@given(st.lists(st.sampled_from(["ask", "land", "stranger", "hear", "fail"]), max_size=30), st.data())
def test_what_is_said_of_an_hsm_is_true(story: list[str], data: st.DataObject) -> None:
    hsm = Hsm()
    for event in story:
        if event == "ask":
            hsm.ask()
        elif event == "land" and hsm.in_flight:
            hsm.land(data.draw(st.sampled_from(hsm.in_flight)))
        elif event == "stranger":
            hsm.land(None)
        elif event == "hear" and hsm.answers:
            hsm.hear(data.draw(st.sampled_from(sorted(hsm.answers))))
        elif event == "fail" and not any(hsm.answers.values()):
            hsm.fail()
        if not hsm.taken_in:
            continue
        holder = judge_holder(hsm.uploads, SOURCE)
        assert holder == "unknown" or (holder == "us") == (hsm.has is not None), hsm.uploads
        taken_in = find_taken_in(hsm.uploads)
        assert taken_in is None or taken_in.number == hsm.has
