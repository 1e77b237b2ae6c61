"""What Azure's SDKs raise, in our words."""

import pytest

from clients.azure_errors import _seconds


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("7", 7),
        ("999999999", 3600),
        ("9" * 400, 3600),
        (None, None),
        ("Wed, 21 Oct 2026 07:28:00 GMT", None),
        ("²", None),
    ],
)
def test_nobody_waits_longer_than_an_hour(text: str | None, seconds: float | None) -> None:
    assert _seconds(text) == seconds
