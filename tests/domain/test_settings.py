"""The schedule that the app starts with, whatever its settings say."""

from collections.abc import Iterator

import pytest

from domain.settings import (
    DAILY,
    DAILY_CLEANUP,
    HOURLY,
    HOURLY_BACKUP,
    backup_schedule,
    cleanup_schedule,
    find_mistakes,
    reconciliation_schedule,
    settings,
    verification_schedule,
)

SCHEDULE = "HSM_PROVISIONER_VERIFICATION_SCHEDULE"
CLEANUP = "HSM_PROVISIONER_CLEANUP_SCHEDULE"
BACKUP = "HSM_PROVISIONER_BACKUP_SCHEDULE"
RECONCILIATION = "HSM_PROVISIONER_RECONCILIATION_SCHEDULE"
OTHERS = {
    "HSM_PROVISIONER_TENANT_ID": "t",
    "HSM_PROVISIONER_API_AUDIENCE": "api://a",
    "HSM_PROVISIONER_STORAGE_ACCOUNT_URL": "https://a.blob.core.windows.net",
    "HSM_PROVISIONER_POLICY": "{}",
}


@pytest.fixture(autouse=True)
def others(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    for name, value in OTHERS.items():
        monkeypatch.setenv(name, value)
    settings.cache_clear()
    yield
    settings.cache_clear()


@pytest.mark.parametrize(
    ("text", "schedule"), [(None, DAILY), ("0 */10 * * * *", "0 */10 * * * *"), ("0 30 4 * * Mon-Fri",) * 2]
)
def test_the_schedule_is_what_the_setting_says(
    text: str | None, schedule: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    if text is not None:
        monkeypatch.setenv(SCHEDULE, text)
        monkeypatch.setenv(CLEANUP, text)
        monkeypatch.setenv(RECONCILIATION, text)
        monkeypatch.setenv(BACKUP, text)
    assert verification_schedule() == schedule
    assert cleanup_schedule() == (DAILY_CLEANUP if text is None else schedule)
    assert reconciliation_schedule() == (HOURLY if text is None else schedule)
    assert backup_schedule() == (HOURLY_BACKUP if text is None else schedule)


@pytest.mark.parametrize("text", ["daily", "0 3 * * *", "%OTHER%", "0 0 3 * * ;"])
def test_one_that_is_none_is_named_and_keeps_the_app_from_nothing(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(SCHEDULE, text)
    assert (verification_schedule(), cleanup_schedule(), reconciliation_schedule()) == (DAILY, DAILY_CLEANUP, HOURLY)
    assert backup_schedule() == HOURLY_BACKUP
    assert any(SCHEDULE in mistake for mistake in find_mistakes())


TOPIC = "HSM_PROVISIONER_EVENTS_TOPIC"
ENDPOINT = "https://hsm-events.norwayeast-1.eventgrid.azure.net/api/events"


def test_the_topic_is_an_endpoint_of_event_grid(monkeypatch: pytest.MonkeyPatch) -> None:
    assert settings().events_topic is None
    settings.cache_clear()
    monkeypatch.setenv(TOPIC, ENDPOINT)
    assert settings().events_topic == ENDPOINT


@pytest.mark.parametrize(
    "text",
    [
        ENDPOINT.replace("https", "http"),
        ENDPOINT.replace("/api/events", ""),
        f"{ENDPOINT}/",
        f"{ENDPOINT}?code=1",
        f"{ENDPOINT}\n",
        ENDPOINT.replace("hsm-events.", ""),
        ENDPOINT.replace("https://", "https://user@"),
        ENDPOINT.replace(".net/", ".net:8443/"),
        ENDPOINT.replace(".net/", ".net.example.com/"),
        ENDPOINT.replace("hsm-events", "evil.example.com/hsm-events"),
        ENDPOINT.replace("hsm-events", "evil.example.com#hsm-events"),
        ENDPOINT.replace("eventgrid.azure.net", "eventgridXazure.net"),
    ],
)
def test_no_other_address_is_sent_a_token(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(TOPIC, text)
    assert any(TOPIC in mistake for mistake in find_mistakes())
