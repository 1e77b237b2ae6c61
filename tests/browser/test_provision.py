"""A provision as people follow it."""

from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import expect

from local.people import OPERATOR, READER, READER_OF_OTHERS
from local.portal import Portal
from local.stack import Stack
from tests.browser.chromium import SECONDS, Tab
from tests.browser.conftest import HOSTILE, OpenTab

pytestmark = pytest.mark.browser

Provision = Callable[[str], dict[str, Any]]
LOOKS = [("light", 1280), ("dark", 1280), ("light", 360), ("dark", 360)]
_HEAR = """
() => {
  window.heard = [];
  const heard = document.getElementById("announcements");
  new MutationObserver(() => window.heard.push(heard.textContent)).observe(heard, { childList: true });
}
"""


def test_a_provision_is_watched_to_its_end(
    tab: Tab, stack: Stack, portal: Portal, provision: Provision, hsm_name: str
) -> None:
    stack.control.change_timing(6, 8)
    tab.sign_in(READER)
    tab.page.evaluate(_HEAR)
    operation = provision(hsm_name)
    tab.show_operation(operation)
    page = tab.page
    steps = page.get_by_role("region", name="Steps").get_by_role("listitem")
    expect(page.locator("[aria-current=step]")).to_have_count(1)
    running = page.locator("[aria-current=step] .elapsed")
    before = running.text_content()
    expect(running).not_to_have_text(before or "")
    tab.check_accessibility()
    expect(page.locator("[aria-current=step]")).to_contain_text("Wait until the HSM confirms", timeout=60 * SECONDS)
    expect(page.locator(".progress")).to_contain_text("Succeeded", timeout=60 * SECONDS)
    expect(page.locator(".progress")).to_contain_text("100 %")
    ended = portal.operation(operation["id"])
    taken = [step["title"] for step in ended["steps"] if step["status"] != "Skipped"]
    expect(steps.locator(".title")).to_have_text(taken)
    for step in steps.all():
        expect(step).to_contain_text("Succeeded")
    page.get_by_text(f"{len(ended['steps']) - len(taken)} steps not needed").click()
    expect(page.get_by_text("Wait for approval", exact=True)).to_be_visible()
    tab.check_accessibility()
    expect(page.get_by_role("region", name="Result")).to_contain_text("security-domain.json")
    heard = page.evaluate("window.heard")
    assert any("percent" in words for words in heard)
    assert heard[-1].startswith("Succeeded")


def test_what_is_shown_stays_while_the_api_does_not_answer(
    tab: Tab, stack: Stack, portal: Portal, provision: Provision, hsm_name: str
) -> None:
    stack.control.change_timing(8, 0.6)
    operation = provision(hsm_name)
    tab.sign_in(READER, f"/operations/{operation['id']}")
    steps = tab.page.get_by_role("region", name="Steps")
    expect(steps).to_be_visible()
    tab.context.set_offline(True)
    expect(tab.page.get_by_text("Not up to date").first).to_be_visible(timeout=30 * SECONDS)
    expect(steps).to_be_visible()
    tab.context.set_offline(False)
    expect(tab.page.locator(".progress")).to_contain_text("Succeeded", timeout=60 * SECONDS)
    expect(tab.page.locator(".stale")).to_have_count(0)
    portal.follow(operation["id"])


def test_hostile_text_is_shown_as_text(tab: Tab, portal: Portal, provision: Provision, hsm_name: str) -> None:
    operation = provision(hsm_name)
    portal.follow(operation["id"])
    tab.sign_in(OPERATOR, f"/hsms/{hsm_name}")
    expect(tab.page.get_by_role("region", name="About")).to_contain_text(f"note: {HOSTILE}")
    expect(tab.page.get_by_role("region", name="Security domain")).to_contain_text(HOSTILE)
    tab.show_operation(operation)
    tab.show(f"/hsms/{HOSTILE}", "This cannot be shown")
    assert tab.page.locator("main img").count() == 0


def test_an_id_is_short_and_copied_whole(
    tab: Tab, stack: Stack, portal: Portal, provision: Provision, hsm_name: str
) -> None:
    portal.follow(provision(hsm_name)["id"])
    tab.sign_in(OPERATOR, f"/hsms/{hsm_name}")
    tab.context.grant_permissions(["clipboard-read", "clipboard-write"])
    requester = tab.page.get_by_role("region", name="People").get_by_title(stack.portal.object_id)
    expect(requester).to_have_text(f"{stack.portal.object_id[:8]}…")
    requester.press("Enter")
    expect(tab.page.get_by_role("status")).to_have_text("Copied.")
    assert tab.page.evaluate("navigator.clipboard.readText()") == stack.portal.object_id


def test_an_update_says_what_it_changes_and_the_network_is_in_words(
    tab: Tab, portal: Portal, provision: Provision, hsm_name: str
) -> None:
    portal.follow(provision(hsm_name)["id"])
    tab.sign_in(OPERATOR, f"/hsms/{hsm_name}")
    expect(tab.page.get_by_role("region", name="Protection")).to_contain_text("Open to all networks")
    change = {"network": {"defaultAction": "Deny", "ipRules": ["203.0.113.0/24"]}}
    operation = portal.send("PATCH", f"hsms/{hsm_name}", json=change).json()
    portal.follow(operation["id"])
    tab.show(f"/operations/{operation['id']}", f"Update {hsm_name}")
    expect(tab.page.get_by_role("region", name="Change").locator("dt")).to_have_text(["Sets the network"])
    tab.show(f"/hsms/{hsm_name}", hsm_name)
    protection = tab.page.get_by_role("region", name="Protection")
    expect(protection).to_contain_text("Denied by default, open to:203.0.113.0/24")


def test_what_belongs_to_another_team_does_not_exist(
    tab: Tab, portal: Portal, provision: Provision, hsm_name: str
) -> None:
    portal.follow(provision(hsm_name)["id"])
    tab.sign_in(READER_OF_OTHERS)
    expect(tab.page.get_by_role("heading", name="Fleet")).to_be_visible()
    expect(tab.page.get_by_role("link", name=hsm_name)).to_have_count(0)
    tab.show(f"/hsms/{hsm_name}", "This cannot be shown")
    expect(tab.page.get_by_role("alert")).to_contain_text("hsm_not_found")


def test_a_failed_operation_says_what_exists_and_what_to_do(
    tab: Tab, stack: Stack, portal: Portal, provision: Provision, hsm_name: str
) -> None:
    stack.control.fail_provisioning(1)
    operation = provision(hsm_name)
    ended = portal.follow(operation["id"])
    assert ended["status"] == "Failed"
    tab.sign_in(READER, f"/operations/{operation['id']}")
    expect(tab.page.get_by_role("alert")).to_contain_text(ended["error"]["message"])
    expect(tab.page.get_by_role("alert")).to_contain_text(ended["error"]["advice"])
    expect(tab.page.get_by_role("region", name="What exists")).to_contain_text("$")
    tab.check_accessibility()


@pytest.mark.parametrize(("scheme", "width"), LOOKS)
def test_every_view_is_for_everybody(
    open_tab: OpenTab, portal: Portal, provision: Provision, hsm_name: str, scheme: Any, width: int
) -> None:
    operation = provision(hsm_name)
    portal.follow(operation["id"])
    tab = open_tab(scheme, width)
    tab.page.goto(f"{tab.address}/console/")
    expect(tab.page.get_by_role("button", name="Sign in")).to_be_visible()
    tab.check_accessibility()
    tab.sign_in(OPERATOR)
    for view, heading in (
        ("/", "Fleet"),
        (f"/hsms/{hsm_name}", hsm_name),
        ("/operations", "Operations"),
        (f"/operations/{operation['id']}", f"Provision {hsm_name}"),
        ("/you", "You"),
        ("/nowhere", "This cannot be shown"),
    ):
        tab.show(view, heading)
        tab.check_accessibility()
