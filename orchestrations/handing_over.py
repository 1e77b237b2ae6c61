"""What is done around an HSM: before it is activated, and once its security domain is safe."""

from collections.abc import Collection, Generator, Mapping
from contextlib import suppress
from datetime import timedelta
from typing import Any, Final, NamedTuple

from orchestrations.story import StepFailed, Story


class _Part(NamedTuple):
    """Steps that are taken one after the other; `always`: also where one of another part failed."""

    names: tuple[str, ...]
    always: bool = False


_HANDING_OVER: Final = (
    _Part(("add_regions", "await_regions", "change_settings", "create_keys")),
    # Whatever became of the keys, the service does not keep the role that makes them.
    _Part(("leave_keys",), always=True),
    _Part(
        (
            "define_local_roles",
            "assign_local_roles",
            "send_diagnostics",
            "create_alerts",
            "back_up",
            "await_backed_up",
            "lock_hsm",
        )
    ),
    _Part(("give_up_administration",), always=True),
)
"""The steps after its security domain is verified."""
_LEFT_WITHIN: Final = timedelta(minutes=15)
"""So long there is at least to give roles up, whatever came before."""


def connect(story: Story, wants: Collection[str]) -> Generator[Any, Any, bool]:
    """Make the ways on which the HSM is reached, and see that it is; says whether it was opened for that."""
    if "create_private_endpoints" in wants:
        yield from _make_private_endpoints(story)
    else:
        story.skip("create_private_endpoints")
        story.skip("await_private_endpoints")
    opened = False
    if "reach_data_plane" in wants:
        opened = yield from _reach(story, wants)
    else:
        story.skip("reach_data_plane")
    if not opened:
        story.skip("open_temporarily")
    return opened


def connect_again(story: Story, wants: Collection[str], number: int, *, opened: bool) -> Generator[Any, Any, bool]:
    """See that the HSM can be reached still, once people were waited for; says whether it was opened for that.

    One that was `opened` before they were has no other way, and is opened at once: `number` says for which time.
    """
    if opened:
        yield from _open(story, number)
    elif "reach_data_plane" in wants:
        opened = yield from _reach(story, wants, number)
    return opened


def _reach(story: Story, wants: Collection[str], number: int = 0) -> Generator[Any, Any, bool]:
    """See that the HSM can be reached; where it cannot, and that is wanted, open its firewall for a while."""
    try:
        yield from story.step("reach_data_plane", progress=story.wait_from_now())
    except StepFailed as failure:
        if failure.code != "data_plane_unreachable" or "open_temporarily" not in wants:
            raise
        yield from _open(story, number)
        return True
    return False


def _open(story: Story, number: int) -> Generator[Any, Any]:
    story.set_back("close_opening")
    yield from story.step("open_temporarily", attempt=number)
    yield from story.step("reach_data_plane", progress=story.wait_from_now())


def close(story: Story, wants: Collection[str]) -> Generator[Any, Any]:
    """Close what was opened for a while."""
    yield from _take(story, ("close_opening",), wants)


def close_after_failure(story: Story, wants: Collection[str]) -> Generator[Any, Any]:
    """Close what was opened for a while; what cannot be closed now the schedule closes."""
    try:
        yield from close(story, wants)
    except StepFailed:
        return


def _make_private_endpoints(story: Story) -> Generator[Any, Any]:
    """Take two steps in turn: what an endpoint has in addition can be asked for once it is there."""
    since, number, connected = story.wait_from_now(), 0, False
    while not connected:
        number += 1
        yield from story.step("create_private_endpoints", attempt=number)
        found = yield from story.step("await_private_endpoints", attempt=number, progress=since)
        connected = bool(found["connected"])


def hand_over(story: Story, wants: Collection[str]) -> Generator[Any, Any]:
    """Give the HSM what was asked for; whatever fails, the service then gives its own roles up."""
    failure = None
    for part in _HANDING_OVER:
        if failure is not None and not part.always:
            continue
        if part.always:
            story.allow(_LEFT_WITHIN)
        try:
            yield from _take(story, part.names, wants)
        except StepFailed as failed:
            if failed.code == "not_claimed":
                raise
            failure = failure or failed
    if failure is not None:
        raise failure


def give_up(story: Story, wants: Collection[str]) -> Generator[Any, Any]:
    """Have the service give its administration up, where that is wanted; whatever came before, there is time for it."""
    story.allow(_LEFT_WITHIN)
    yield from _take(story, ("give_up_administration",), wants)


def give_up_what_was_granted(story: Story, pinned: Mapping[str, Any]) -> Generator[Any, Any]:
    """Have an administration given up that was granted for an operation which failed before it came to that.

    What is told is what failed before: the step itself shows where this fails, too.
    """
    if "grantedAgain" in pinned and not story.came_to("give_up_administration"):
        with suppress(StepFailed):
            yield from give_up(story, pinned.get("wants", ()))


def _take(story: Story, names: Collection[str], wants: Collection[str]) -> Generator[Any, Any]:
    for name in names:
        if name in wants:
            yield from story.step(name)
        else:
            story.skip(name)
