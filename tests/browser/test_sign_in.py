"""Signing in and out: by redirect, for this tab alone."""

import json

import pytest
from playwright.sync_api import expect

from local.people import NOBODY, OPERATOR
from tests.browser.chromium import Tab

pytestmark = pytest.mark.browser


def test_a_person_signs_in_comes_back_to_the_same_view_and_signs_out(tab: Tab) -> None:
    tab.sign_in(OPERATOR, "/operations")
    expect(tab.page.get_by_role("heading", name="Operations", level=1)).to_be_focused()
    assert tab.page.url == f"{tab.address}/console/#/operations"
    tab.page.reload()
    expect(tab.page.get_by_text(OPERATOR.username)).to_be_visible()
    tab.page.get_by_role("button", name="Sign out").click()
    expect(tab.page.get_by_role("button", name="Sign in")).to_be_visible()
    tab.page.reload()
    expect(tab.page.get_by_role("button", name="Sign in")).to_be_visible()


def test_no_token_goes_beyond_the_tab(tab: Tab) -> None:
    tab.sign_in(OPERATOR)
    kept = json.loads(tab.page.evaluate("JSON.stringify(sessionStorage)"))
    assert any("accesstoken" in name for name in kept)
    assert tab.page.evaluate("localStorage.length") == 0
    assert [cookie for cookie in tab.context.cookies() if "microsoftonline" not in str(cookie.get("domain"))] == []
    assert tab.page.evaluate("indexedDB.databases().then((all) => all.length)") == 0
    other = tab.new_page()
    other.goto(f"{tab.address}/console/")
    expect(other.get_by_role("button", name="Sign in")).to_be_visible()


def test_the_access_token_goes_to_the_api_alone_wherever_a_link_points(tab: Tab) -> None:
    tab.sign_in(OPERATOR)
    elsewhere = json.dumps({"value": [], "nextLink": "https://elsewhere.example/api/operations?api-version=2026-11-01"})
    tab.page.route("**/api/operations?**", lambda route: route.fulfill(body=elsewhere, content_type="application/json"))
    asked: list[str] = []
    tab.page.on("request", lambda request: asked.append(request.url))
    tab.show("/operations", "Operations")
    tab.page.get_by_role("button", name="Show more").click()
    expect(tab.page.get_by_role("button", name="That did not work")).to_be_visible()
    assert asked
    assert [url for url in asked if not url.startswith(tab.address)] == []


def test_a_person_who_cancels_can_sign_in_again(tab: Tab) -> None:
    tab.page.goto(f"{tab.address}/console/")
    tab.page.get_by_role("button", name="Sign in").click()
    tab.page.get_by_role("button", name="Cancel").click()
    expect(tab.page.get_by_role("alert")).to_contain_text("access_denied")
    tab.page.get_by_role("button", name="Sign in").click()
    tab.page.get_by_role("button", name=OPERATOR.username).click()
    expect(tab.page.get_by_role("heading", name="Fleet")).to_be_visible()


def test_a_person_without_a_role_is_told_which_is_missing(tab: Tab) -> None:
    tab.sign_in(NOBODY)
    refused = tab.page.get_by_role("alert")
    expect(refused).to_contain_text("403 Forbidden")
    expect(refused).to_contain_text("Hsm.Read")
    expect(refused).to_contain_text("Have an administrator assign the role")
    tab.check_accessibility()
