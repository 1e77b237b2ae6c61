"""Has a security domain exported until the HSM confirms one: the middle of every story that exports one."""

from collections.abc import Generator
from datetime import timedelta
from typing import Any, Final

from orchestrations.story import StepFailed, Story

MAXIMUM_DOWNLOADS: Final = 5
PAUSE_AFTER_FAILED_EXPORT: Final = timedelta(seconds=5)
_DOWNLOAD_AGAIN: Final = frozenset({"export_failed", "export_ambiguous", "security_domain_conflict"})


def download_until_confirmed(story: Story) -> Generator[Any, Any, dict[str, Any]]:
    """Download under one number after the other until the HSM confirms one; only that one counts."""
    for attempt in range(1, MAXIMUM_DOWNLOADS + 1):
        try:
            stored = yield from story.step("download_security_domain", attempt=attempt)
            receipt: dict[str, Any] = stored["receipt"]
            if stored["confirmed"]:
                story.skip("await_activation")
                return receipt
            story.note_download(attempt, receipt)
            activated = yield from story.step("await_activation", attempt=attempt)
            if not activated["confirmed"]:
                raise StepFailed(_AMBIGUOUS)
        except StepFailed as failure:
            if failure.code not in _DOWNLOAD_AGAIN:
                raise
            story.discard_download(attempt, failure.code)
            if attempt == MAXIMUM_DOWNLOADS:
                raise
            if failure.code == "export_failed":
                yield story.pause(PAUSE_AFTER_FAILED_EXPORT)
        else:
            story.confirm_download(attempt)
            return receipt
    raise AssertionError


_AMBIGUOUS: Final[dict[str, Any]] = {
    "code": "export_ambiguous",
    "message": "The HSM was asked for its security domain by another request as well: either may be what it confirmed.",
    "retryable": False,
    "advice": "Nothing is lost: every answer that came is kept. Send the request again: it is downloaded once more.",
}
