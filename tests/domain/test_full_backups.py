"""When a full backup is due or too old, and who may ask for one by schedule."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import pytest
from pydantic import ValidationError

from domain.backup_history import KEPT, BackupHistory, KeptBackup, RunningBackup, is_due, is_too_old
from domain.errors import ErrorDetail
from domain.handover.full_backups import BackupRequest
from domain.handover.request import Handover
from domain.handover.rules import find_handover_violations
from domain.handover.steps import steps_of
from domain.policy import PolicyInvalid, parse_policy
from domain.requests import HsmSpecification
from local.policy import policy

CONTAINER: Final = "https://backups.blob.core.windows.net/hsms"
IDENTITY: Final = (
    "/subscriptions/00000000-0000-4000-8000-000000000001/resourceGroups/rg-backup"
    "/providers/Microsoft.ManagedIdentity/userAssignedIdentities/hsm-backup"
)
PLACES: Final = [{"container": CONTAINER, "identity": IDENTITY}]
NOW: Final = datetime(2026, 11, 24, 12, tzinfo=UTC)
MADE: Final = NOW - timedelta(days=30)


def kept(hours: float, number: int = 0, container: str = CONTAINER) -> KeptBackup:
    """A full backup that ended so many hours ago."""
    return KeptBackup(
        container=container, folder=f"mhsm-hsm-1-20261124{number:08}", ended_at=NOW - timedelta(hours=hours)
    )


def history(*good: KeptBackup) -> BackupHistory:
    return BackupHistory(hsm="hsm-1", good=list(good))


def request(**changes: Any) -> BackupRequest:
    return BackupRequest(container=CONTAINER, **changes)


@pytest.mark.parametrize(
    ("hours", "every", "alert", "due", "too_old"),
    [
        (None, 24, None, True, True),
        (None, None, None, False, False),
        (None, None, 48, False, True),
        (23.9, 24, None, False, False),
        (24, 24, None, True, False),
        (48, 24, None, True, False),
        (48.1, 24, None, True, True),
        (48.1, 24, 100, True, False),
        (100.1, None, 100, False, True),
        (9000, None, None, False, False),
    ],
)
def test_when_one_is_due_or_too_old(
    hours: float | None, every: int | None, alert: int | None, due: bool, too_old: bool
) -> None:
    asked = request(every_hours=every, alert_after_hours=alert)
    known = history(kept(hours)) if hours is not None else history()
    assert (is_due(known, asked, NOW), is_too_old(known, asked, MADE, NOW)) == (due, too_old)


def test_one_in_another_container_does_not_count() -> None:
    elsewhere = history(kept(1, container=f"{CONTAINER}-before"))
    assert is_due(elsewhere, request(every_hours=24), NOW)
    assert is_too_old(elsewhere, request(every_hours=24), MADE, NOW)


def test_the_last_one_counts_whatever_comes_when_and_an_old_failure_is_over() -> None:
    failure = ErrorDetail(code="backup_failed", message="It failed.")
    running = RunningBackup(container=CONTAINER, job_id="j", asked_at=NOW)
    known = history(kept(5, 5)).model_copy(update={"failure": failure, "running": running})
    known = known.add(kept(3, 3)).add(kept(4, 4)).add(kept(3, 3))
    assert [backup.ended_at for backup in known.good] == [NOW - timedelta(hours=hours) for hours in (3, 4, 5)]
    assert (known.failure, known.running) == (None, running)
    for number in range(KEPT):
        known = known.add(kept(2 - number / 100, 100 + number))
    assert (len(known.good), known.good[0].ended_at) == (KEPT, kept(2 - (KEPT - 1) / 100).ended_at)


def test_nobody_is_told_before_the_next_one_is_due() -> None:
    with pytest.raises(ValidationError, match="alertAfterHours is at least everyHours"):
        request(every_hours=24, alert_after_hours=23)
    assert request(every_hours=24, alert_after_hours=24).alert_after == timedelta(hours=24)


KEEPS_BACKUP: Final = {"administration": {"giveUp": True, "keepBackup": True}}
SCHEDULED: Final = {"fullBackup": {"container": CONTAINER, "everyHours": 24}}
ONCE: Final = {"fullBackup": {"container": CONTAINER}}
NOT_LISTED: Final = ("handover.fullBackup.container", "backup_place_not_allowed")
LACKS_RIGHT: Final = ("handover.fullBackup.everyHours", "invalid_field")


@pytest.mark.parametrize(
    ("usual", "asked", "refused"),
    [
        ({}, SCHEDULED, [LACKS_RIGHT]),
        ({}, {**SCHEDULED, "administration": {"giveUp": True}}, [LACKS_RIGHT]),
        ({}, {**SCHEDULED, **KEEPS_BACKUP}, []),
        ({}, {**SCHEDULED, "administration": {"giveUp": False}}, []),
        (KEEPS_BACKUP, SCHEDULED, []),
        ({**SCHEDULED, **KEEPS_BACKUP}, {"administration": {"giveUp": True}}, [LACKS_RIGHT]),
        ({}, ONCE, []),
        ({}, {"fullBackup": {"container": f"{CONTAINER}-others"}}, [NOT_LISTED]),
        ({**SCHEDULED, **KEEPS_BACKUP}, {}, []),
    ],
)
def test_who_may_have_backups(usual: dict[str, Any], asked: dict[str, Any], refused: list[tuple[str, str]]) -> None:
    rules = parse_policy(policy(backupPlaces=PLACES, environments={"development": {"handover": usual}}))
    environment = rules.environments["development"]
    found = find_handover_violations(rules, environment, "hsm-1", Handover.model_validate(asked))
    assert [(error.field, error.code) for error in found] == refused


@pytest.mark.parametrize(
    ("usual", "place"),
    [
        (SCHEDULED, "handover.fullBackup.everyHours"),
        ({"fullBackup": {"container": f"{CONTAINER}-others"}}, "container"),
    ],
)
def test_a_policy_that_contradicts_itself_is_a_mistake(usual: dict[str, Any], place: str) -> None:
    with pytest.raises(PolicyInvalid) as invalid:
        parse_policy(policy(backupPlaces=PLACES, environments={"development": {"handover": usual}}))
    (mistake,) = invalid.value.mistakes
    assert mistake.startswith("environments.development.handover.fullBackup.")
    assert place in mistake
    assert "backups.blob" not in json.dumps(mistake)


ASKED: Final = {
    "subscriptionId": "00000000-0000-4000-8000-000000000001",
    "resourceGroup": "rg-hsm",
    "location": "norwayeast",
    "administrators": ["00000000-0000-4000-8000-000000000002"],
    "environment": "development",
}


def test_the_steps_are_taken_where_a_backup_is_asked_for() -> None:
    steps = steps_of(Handover.model_validate(ONCE), HsmSpecification.model_validate(ASKED))
    assert [name for name in steps if "back" in name] == ["back_up", "await_backed_up"]
