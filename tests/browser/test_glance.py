"""A fleet of its own, in which something runs, something failed and the rest is well: what a glance tells."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Playwright, expect

from local.people import OPERATOR
from local.portal import Portal
from local.stack import Stack, running_stack
from tests.browser.chromium import ColorScheme, Tab, running_chromium
from tests.custodians import Custodian, request_for

pytestmark = pytest.mark.browser

LOOKS: list[tuple[ColorScheme, int, str]] = [("light", 1280, ""), ("dark", 360, "-phone")]


@pytest.fixture(scope="module")
def fleet(tmp_path_factory: pytest.TempPathFactory, custodians: list[Custodian]) -> Iterator[Stack]:
    directory: Path = tmp_path_factory.mktemp("fleet") / "run"
    with running_stack(directory, provisioning_seconds=0.2, activation_seconds=0.2) as stack:
        portal = Portal(stack)

        def ask_for(name: str, location: str) -> str:
            response = portal.put_hsm(name, request_for(stack, custodians, location=location))
            assert response.status_code == 202, response.text
            return str(response.json()["id"])

        for name, location in (("hsm-payments", "norwayeast"), ("hsm-signing", "westeurope")):
            assert portal.follow(ask_for(name, location))["status"] == "Succeeded"
        stack.control.fail_provisioning(1)
        assert portal.follow(ask_for("hsm-tokens", "swedencentral"))["status"] == "Failed"
        stack.control.change_timing(3600, 0.2)
        ask_for("hsm-backup", "norwayeast")
        yield stack


def test_what_needs_a_person_comes_first(fleet: Stack, playwright: Playwright) -> None:
    with running_chromium(playwright, fleet) as chromium:
        for scheme, width, suffix in LOOKS:
            tab = Tab(chromium, fleet, scheme, width)
            tab.sign_in(OPERATOR)
            summary = tab.page.get_by_role("list", name="Summary")
            for figure in ("4 HSMs", "$10,000 a month", "1 operation runs", "1 needs attention"):
                expect(summary).to_contain_text(figure)
            names = tab.page.get_by_role("rowheader").get_by_role("link")
            expect(names).to_have_text(["hsm-tokens", "hsm-backup", "hsm-payments", "hsm-signing"])
            expect(tab.page.get_by_role("region", name="Running now")).to_contain_text("provision hsm-backup")
            tab.take_picture(f"fleet{suffix}")
            tab.page.get_by_label("Region").select_option("westeurope")
            expect(names).to_have_text(["hsm-signing"])
            tab.page.get_by_role("link", name="provision hsm-backup").click()
            expect(tab.page.locator("[aria-current=step]")).to_contain_text("Wait until Azure has made it")
            tab.take_picture(f"operation{suffix}")
            assert tab.faults == []
