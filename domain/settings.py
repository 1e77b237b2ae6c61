"""What a deployment decides, read from the app's settings."""

import os
import re
from functools import lru_cache
from typing import Final

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from domain.cloud import EVENT_GRID_SUFFIX
from domain.policy import Policy, PolicyInvalid, parse_policy

_PREFIX = "HSM_PROVISIONER_"
DAILY: Final = "0 0 3 * * *"
DAILY_CLEANUP: Final = "0 0 4 * * *"
HOURLY: Final = "0 37 * * * *"
HOURLY_BACKUP: Final = "0 17 * * * *"
_NCRONTAB: Final = r"^[0-9A-Za-z*,/-]+( [0-9A-Za-z*,/-]+){5}$"
# Our token goes there: the whole address is parsed, with one host label for the topic and one for its region.
_TOPIC: Final = rf"^https://[a-z0-9-]{{3,50}}\.[a-z0-9]{{3,40}}-[0-9]\.{re.escape(EVENT_GRID_SUFFIX)}/api/events$"


class Settings(BaseModel):
    """The app settings `HSM_PROVISIONER_*`.

    `tenant_id`: the Entra tenant of the deployment, of its callers and of its HSMs. `api_audience`: what a caller's
    access token must be for. `storage_account_url`: where security domains and records are kept. `identity_client_id`:
    the user-assigned managed identity; empty for the system-assigned one. `poll_seconds`: the first pause between two
    looks at Azure's long work. `hsm_quota`: how many HSMs Azure allows for each subscription and region.
    `deadline_minutes`: how long an operation may take before it ends Failed, whatever it waits for.
    `connection_minutes`: how long the approval of a private endpoint, and a way to the HSM, are waited for. `policy`:
    who may ask for what, as JSON (`domain/policy.py`). `restore_blob_days`: how many days a restore waits for its
    custodians. `stop_creation` and `stop_destruction_and_export`: switches that end these at once, running operations
    included.
    `console_client_id`: the app registration that the console signs people in with. `verification_schedule`: when all
    stored security domains are verified, an NCRONTAB expression of six fields in UTC, `cleanup_schedule` when what
    costs money for nothing is cleaned up, `reconciliation_schedule` when records are held against Azure,
    `backup_schedule` when HSMs are looked at whose next full backup may be due.
    `history_days`: how long what ended is kept in the engine, and events,
    looks at subscriptions and answers under Idempotency-Keys in the records.
    `share_check_valid_days`: for how long the answer of a custodian whose key lies in no vault counts.
    `share_check_answer_days`: how long a custodian may take for it. `events_topic`: the endpoint of the Event Grid
    topic that events are published to; without it none are.
    """

    model_config = ConfigDict(frozen=True)

    tenant_id: str = Field(min_length=1)
    api_audience: str = Field(min_length=1)
    storage_account_url: str = Field(pattern=r"^https://[a-z0-9.-]+$")
    identity_client_id: str | None = None
    poll_seconds: float = Field(default=15, gt=0)
    hsm_quota: int = Field(default=5, ge=1)
    deadline_minutes: float = Field(default=180, gt=0)
    connection_minutes: float = Field(default=10, ge=0)
    restore_blob_days: float = Field(default=14, gt=0, le=90)
    policy: str = Field(min_length=1)
    stop_creation: bool = False
    stop_destruction_and_export: bool = False
    console_client_id: str | None = None
    verification_schedule: str = Field(default=DAILY, pattern=_NCRONTAB)
    cleanup_schedule: str = Field(default=DAILY_CLEANUP, pattern=_NCRONTAB)
    reconciliation_schedule: str = Field(default=HOURLY, pattern=_NCRONTAB)
    backup_schedule: str = Field(default=HOURLY_BACKUP, pattern=_NCRONTAB)
    history_days: float = Field(default=30, ge=1, le=3650)
    share_check_valid_days: float = Field(default=180, gt=0, le=3650)
    share_check_answer_days: float = Field(default=14, gt=0, le=3650)
    events_topic: str | None = Field(default=None, pattern=_TOPIC)


class SettingsInvalid(Exception):  # noqa: N818 - it says what is
    """The app's settings cannot be used; `mistakes` has one sentence for each."""

    def __init__(self, mistakes: list[str]) -> None:
        super().__init__("; ".join(mistakes))
        self.mistakes = mistakes


@lru_cache(maxsize=1)
def settings() -> Settings:
    """Read the settings, once for each process.

    Raises SettingsInvalid naming each setting that is missing or wrong.
    """
    values = {name: os.environ[key] for name in Settings.model_fields if os.environ.get(key := _PREFIX + name.upper())}
    try:
        return Settings.model_validate(values)
    except ValidationError as error:
        details = error.errors(include_url=False, include_context=False, include_input=False)
        raise SettingsInvalid(
            [f"{_PREFIX}{str(detail['loc'][0]).upper()}: {detail['msg']}" for detail in details]
        ) from None


def verification_schedule() -> str:
    """Give the schedule; where the settings are wrong the usual one: the app starts, and its health says what is."""
    try:
        return settings().verification_schedule
    except SettingsInvalid:
        return DAILY


def cleanup_schedule() -> str:
    """Give the schedule; where the settings are wrong the usual one."""
    try:
        return settings().cleanup_schedule
    except SettingsInvalid:
        return DAILY_CLEANUP


def reconciliation_schedule() -> str:
    """Give the schedule; where the settings are wrong the usual one."""
    try:
        return settings().reconciliation_schedule
    except SettingsInvalid:
        return HOURLY


def backup_schedule() -> str:
    """Give the schedule; where the settings are wrong the usual one."""
    try:
        return settings().backup_schedule
    except SettingsInvalid:
        return HOURLY_BACKUP


@lru_cache(maxsize=1)
def deployment_policy() -> Policy:
    """Read the policy from the settings, once for each process; raises SettingsInvalid."""
    return _read_policy(settings().policy)


def find_mistakes() -> list[str]:
    """Name every mistake in the settings and in the policy, a sentence for each."""
    mistakes: list[str] = []
    try:
        settings()
    except SettingsInvalid as invalid:
        mistakes += invalid.mistakes
    policy = os.environ.get(f"{_PREFIX}POLICY")
    if policy:
        try:
            _read_policy(policy)
        except SettingsInvalid as invalid:
            mistakes += invalid.mistakes
    return mistakes


def _read_policy(text: str) -> Policy:
    try:
        return parse_policy(text)
    except PolicyInvalid as invalid:
        raise SettingsInvalid([f"{_PREFIX}POLICY: {mistake}" for mistake in invalid.mistakes]) from None
