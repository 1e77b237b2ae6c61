"""That the service was made an administrator again of an HSM that it had left."""

from collections.abc import Iterable

from clients import archive
from clients.preflight import ADMINISTRATION, Candidate, Check


def run_checks(candidate: Candidate, checks: Iterable[Check]) -> None:
    """Go through checks, and record that the service was made an administrator again as soon as one of them saw it."""
    for check in checks:
        check.run(candidate)
        if check.name == ADMINISTRATION:
            _note_granted(candidate)


def tell_granted(hsm: str) -> dict[str, bool]:
    """Tell the orchestrator of it: then the operation gives that up again however it ends."""
    record = archive.find_hsm_record(hsm)
    granted = record is not None and record.given_up is not None and record.given_up.done_at is None
    return {"grantedAgain": True} if granted else {}


def _note_granted(candidate: Candidate) -> None:
    """Record it once that was seen: until it is given up again it is drift, whatever becomes of the operation."""
    held = archive.find_held_hsm_record(candidate.hsm)
    given_up = held.record.given_up if held else None
    if held is None or given_up is None or given_up.done_at is None or not candidate.needs_administration:
        return
    granted = given_up.model_copy(update={"done_at": None})
    # Whoever was faster wrote of what came later.
    archive.replace_hsm_record(held.record.model_copy(update={"given_up": granted}), held.etag)
