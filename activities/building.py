"""What a step of the hand-over built is written down for the hand-over sheet, by what the step says of it."""

from collections.abc import Iterator

from clients import handover_record
from domain.outcomes import Outcome, Work


def note_built(step: str, work: Work, outcome: Outcome) -> None:
    """Keep where the step built something: its result names that by texts, such as resource ids, or lists of them.

    Idempotent: a step that runs again says the same.
    """
    where = [place for value in outcome.result.values() for place in _texts(value)] if outcome.status == "done" else []
    if where:
        handover_record.note_built(work.operation_id, step, where)


def _texts(value: object) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, list):
        yield from (item for item in value if isinstance(item, str))
