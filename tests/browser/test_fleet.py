"""The fleet at a glance."""

from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import expect

from local.people import OPERATOR
from local.portal import Portal
from local.stack import Stack
from tests.browser.chromium import SECONDS, Tab

pytestmark = pytest.mark.browser

Provision = Callable[[str], dict[str, Any]]


def test_an_hsm_is_in_the_fleet_with_what_it_costs(
    tab: Tab, portal: Portal, provision: Provision, hsm_name: str
) -> None:
    portal.follow(provision(hsm_name)["id"])
    tab.sign_in(OPERATOR)
    row = tab.page.get_by_role("row").filter(has_text=hsm_name)
    for text in ("Active", "norwayeast", "team-a · development", "$"):
        expect(row).to_contain_text(text)
    summary = tab.page.get_by_role("list", name="Summary")
    expect(summary).to_contain_text("No operation is running", timeout=60 * SECONDS)
    names = tab.page.get_by_role("columnheader").all_text_contents()
    assert names == ["HSM", "State", "Region", "Age", "Quorum", "Verified", "Expires", "Monthly cost"]
    row.get_by_role("link", name=hsm_name).click()
    expect(tab.page.get_by_role("heading", name=hsm_name, level=1)).to_be_focused()


def test_filters_are_in_the_address_and_keep_the_focus(
    tab: Tab, portal: Portal, provision: Provision, hsm_name: str
) -> None:
    portal.follow(provision(hsm_name)["id"])
    tab.sign_in(OPERATOR)
    expect(tab.page.get_by_role("link", name=hsm_name)).to_be_visible()
    state = tab.page.get_by_label("State")
    state.select_option("Active")
    expect(tab.page).to_have_url(f"{tab.address}/console/#/?state=Active")
    expect(tab.page.get_by_role("link", name=hsm_name)).to_be_visible()
    tab.page.reload()
    expect(tab.page.get_by_label("State")).to_have_value("Active")
    tab.show("/?team=nobody", "Fleet")
    expect(tab.page.get_by_text("No HSM is like that.")).to_be_visible()


def test_all_of_it_can_be_used_by_keyboard(tab: Tab, portal: Portal, provision: Provision, hsm_name: str) -> None:
    portal.follow(provision(hsm_name)["id"])
    tab.page.goto(f"{tab.address}/console/")
    expect(tab.page.get_by_role("button", name="Sign in")).to_be_visible()
    skip = tab.page.get_by_role("link", name="Skip to the content")
    tab.page.keyboard.press("Tab")
    expect(skip).to_be_focused()
    tab.sign_in(OPERATOR)
    expect(tab.page.get_by_role("link", name=hsm_name)).to_be_visible()
    skip.press("Enter")
    expect(tab.page.locator("main")).to_be_focused()
    for _ in range(30):
        tab.page.keyboard.press("Tab")
        if tab.page.evaluate("document.activeElement.textContent") == hsm_name:
            break
    tab.page.keyboard.press("Enter")
    expect(tab.page.get_by_role("heading", name=hsm_name, level=1)).to_be_focused()


def test_a_running_operation_is_seen_from_the_fleet(
    tab: Tab, stack: Stack, provision: Provision, hsm_name: str
) -> None:
    stack.control.change_timing(20, 0.6)
    provision(hsm_name)
    tab.sign_in(OPERATOR)
    running = tab.page.get_by_role("region", name="Running now")
    running.get_by_role("link", name=f"provision {hsm_name}").click()
    expect(tab.page.get_by_role("heading", name=f"Provision {hsm_name}")).to_be_visible()
