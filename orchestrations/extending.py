"""Extending an HSM to another region, once it is active."""

from collections.abc import Generator
from typing import Any

from orchestrations.story import Story


def extend_to_regions(story: Story, pinned: dict[str, Any]) -> Generator[Any, Any]:
    """Have the HSM extended where the plan wants that; what preflight found says so. Raises StepFailed."""
    if "add_regions" not in pinned.get("wants", ()):
        story.skip("add_regions")
        story.skip("await_regions")
        return
    yield from story.step("add_regions")
    yield from story.step("await_regions")
