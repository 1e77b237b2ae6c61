"""What the engine keeps of an operation's steps, and what is made of it again."""

import pytest

from domain.steps import STEPS, compact, expand, steps_to_come


@pytest.mark.parametrize("kind", STEPS)
def test_what_is_left_out_of_a_custom_status_is_known_again(kind: str) -> None:
    steps = steps_to_come(kind)
    # Before the first has begun nothing is said of any.
    assert expand(kind, compact({"steps": steps, "status": "Running"})) == {"status": "Running"}
    steps[0] |= {"status": "Succeeded", "attempts": 1, "startedAt": "2026-11-01T12:00:00Z"}
    steps[1] |= {"status": "Skipped"}
    progress = {"steps": steps, "status": "Running"}
    assert expand(kind, compact(progress)) == progress
    assert len(compact(progress)["steps"]) == 1


def test_the_progress_of_an_earlier_version_is_read_as_it_is() -> None:
    steps = [{"name": "preflight", "status": "Running", "attempts": 1}, {"name": "gone", "status": "NotStarted"}]
    whole = {"steps": steps}
    names = [step["name"] for step in expand("provision", whole)["steps"]]
    assert names == [*STEPS["provision"], "gone"]
    assert expand("provision", {}) == {}
