"""The API's own page, over the document that the app generates."""

import pytest
from playwright.sync_api import expect

from tests.browser.chromium import Tab

pytestmark = pytest.mark.browser


def test_the_api_is_shown_without_a_sign_in(tab: Tab) -> None:
    asked: list[str] = []
    tab.page.on("request", lambda request: asked.append(request.url))
    tab.page.goto(f"{tab.address}/docs/")
    expect(tab.page.locator("[data-path$='/hsms/{name}']").first).to_be_visible()
    assert {url.split("/api/")[0] for url in asked if not url.startswith("data:")} == {tab.address.removesuffix("/api")}
