"""The console as a person uses it: a real Chromium, a real sign-in at the local Entra, the real API."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, Playwright, expect, sync_playwright

from local.portal import Portal
from local.stack import Stack
from tests.browser.chromium import ColorScheme, Tab, running_chromium
from tests.custodians import Custodian, make_custodian, request_for

HOSTILE = "<img src=x onerror=alert(1)>"

OpenTab = Callable[..., Tab]


@pytest.fixture(scope="session")
def playwright() -> Iterator[Playwright]:
    # A machine that does other work as well draws a page late, not wrongly.
    expect.set_options(timeout=20_000)
    with sync_playwright() as playwright:
        yield playwright


@pytest.fixture(scope="session")
def chromium(playwright: Playwright, stack: Stack) -> Iterator[Browser]:
    with running_chromium(playwright, stack) as browser:
        yield browser


@pytest.fixture
def open_tab(chromium: Browser, stack: Stack) -> Iterator[OpenTab]:
    """Open a tab; whatever a test does in it, no page breaks and no policy is violated."""
    tabs: list[Tab] = []

    def open_tab(scheme: ColorScheme = "light", width: int = 1280) -> Tab:
        tabs.append(Tab(chromium, stack, scheme, width))
        return tabs[-1]

    yield open_tab
    for tab in tabs:
        tab.context.close()
        assert tab.faults == []


@pytest.fixture
def tab(open_tab: OpenTab) -> Tab:
    return open_tab()


@pytest.fixture(scope="session")
def hostile_custodians() -> list[Custodian]:
    return [make_custodian(name) for name in ("Ada L.", "Grace H.", HOSTILE)]


@pytest.fixture
def provision(stack: Stack, portal: Portal, hostile_custodians: list[Custodian]) -> Callable[[str], dict[str, Any]]:
    """Ask for an HSM whose tags and custodians are named to do harm, and give the operation that was accepted."""

    def provision(name: str) -> dict[str, Any]:
        body = request_for(stack, hostile_custodians, tags={"owner": "team-a", "note": HOSTILE})
        response = portal.put_hsm(name, body)
        assert response.status_code == 202, response.text
        operation: dict[str, Any] = response.json()
        return operation

    return provision
