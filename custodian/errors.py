"""What the tool refuses and why: each refusal has a stable code, and the code says how the tool ends."""

from typing import Final

DONE: Final = 0
USE_OR_LOCAL: Final = 1
BAD_ANSWER: Final = 2

BAD_ANSWERS: Final = frozenset(
    {
        "challenge_not_opened",
        "challenge_of_another_file",
        "envelope_contradicts",
        "envelope_for_another_key",
        "envelope_not_opened",
        "envelope_of_another_file",
        "envelope_of_no_share",
        "fingerprint_differs",
        "malformed",
        "no_share_for_key",
        "not_json",
        "part_damaged",
        "share_damaged",
        "share_malformed",
        "share_not_opened",
        "shares_contradict",
        "quorum_impossible",
        "transfer_key_differs",
        "version_1",
        "version_unknown",
    }
)
"""The codes of what was looked at and is not as it must be; every other one is of how the tool was used, or local."""


class CustodianError(Exception):
    """Names what was refused by a stable code and a sentence, with the file or the key; never a value of either."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


def exit_code_of(code: str) -> int:
    """Say with which exit code a refusal ends the tool."""
    return BAD_ANSWER if code in BAD_ANSWERS else USE_OR_LOCAL
