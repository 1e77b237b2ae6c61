"""The hand-over in the console: what an approver reads in the plan, and the sheet that the team prints."""

from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import expect

from local.people import OPERATOR
from local.portal import Portal
from tests.browser.chromium import Tab

pytestmark = pytest.mark.browser

Provision = Callable[[str], dict[str, Any]]


def test_a_sheet_is_read_and_printed(tab: Tab, portal: Portal, provision: Provision, hsm_name: str) -> None:
    operation = portal.follow(provision(hsm_name)["id"])
    page = tab.page
    tab.sign_in(OPERATOR, f"/operations/{operation['id']}")
    expect(page.get_by_role("region", name="Hand-over")).to_contain_text("giveUp: false")
    tab.show(f"/hsms/{hsm_name}", hsm_name)
    expect(page.get_by_role("region", name="Hand-over")).to_contain_text("things to do")
    page.get_by_role("link", name="Hand-over sheet").click()
    expect(page.get_by_role("heading", name=f"Hand-over of {hsm_name}", level=1)).to_be_visible()
    parts = page.get_by_role("region", name="What it was given")
    expect(parts.get_by_role("row", name="Administration")).to_contain_text("The service keeps it")
    expect(parts.get_by_role("row", name="Full backup")).to_contain_text("Not asked for")
    duties = page.get_by_role("region", name="What the team must now do")
    sheet = portal.send("GET", f"hsms/{hsm_name}/handover").json()
    expect(duties.get_by_role("heading", level=3)).to_have_text([duty["title"] for duty in sheet["toDo"]])
    expect(duties).to_contain_text(f"az keyvault key create --hsm-name {hsm_name}")
    tab.check_accessibility()
    page.emulate_media(media="print")
    expect(page.get_by_role("button", name="Print")).to_be_hidden()
    expect(duties).to_be_visible()
