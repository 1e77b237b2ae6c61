"""Why a full backup or restore failed: Azure's short code, wherever its answer has it, and none of its free text."""

from typing import Any, Final

import pytest

from clients.full_backups import find_failure

EMPTY: Final = {"code": None, "message": None, "innererror": None}
NAMED: Final = {"code": "StorageForbidden", "message": "The account contoso refuses.", "innererror": {"code": "Inner"}}
TEXT: Final = "The container https://contoso.example/c refuses."


@pytest.mark.parametrize(
    ("details", "error", "code"),
    [
        (None, None, ""),
        ("ResourceNotFound", EMPTY, "ResourceNotFound"),
        ("ResourceNotFound", NAMED, "ResourceNotFound"),
        (None, NAMED, "StorageForbidden"),
        ("", NAMED, "StorageForbidden"),
        (TEXT, NAMED, "StorageForbidden"),
        (TEXT, EMPTY, ""),
        (None, {"code": TEXT, "message": TEXT}, ""),
        (None, TEXT, ""),
        ({"code": "ResourceNotFound"}, None, ""),
    ],
)
def test_a_short_code_is_taken_over_and_nothing_else(details: Any, error: Any, code: str) -> None:
    assert find_failure({"status": "Failed", "statusDetails": details, "error": error}) == code
