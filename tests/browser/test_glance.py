"""A fleet of its own, in which something runs, waits or failed and the rest is well: what a glance tells."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from azure.mgmt.keyvault import KeyVaultManagementClient
from azure.mgmt.keyvault import models as arm
from playwright.sync_api import Playwright, expect

from local.people import APPROVER, OPERATOR, READER
from local.policy import policy
from local.portal import Portal
from local.stack import Stack, running_stack
from tests.browser.chromium import SECONDS, ColorScheme, Tab, object_id, running_chromium
from tests.custodians import Custodian, request_for
from tests.people import await_step

pytestmark = pytest.mark.browser

ENVIRONMENTS = {"development": {}, "shared": {"approval": ["provision"]}}
LOOKS: list[tuple[ColorScheme, int, str]] = [("light", 1280, ""), ("dark", 360, "-phone")]


@pytest.fixture(scope="module")
def fleet(tmp_path_factory: pytest.TempPathFactory, custodians: list[Custodian]) -> Iterator[Stack]:
    directory: Path = tmp_path_factory.mktemp("fleet") / "run"
    heal = {"heal": ["tags_differ"]}
    settings = {
        "HSM_PROVISIONER_POLICY": policy(environments=ENVIRONMENTS, reconciliation=heal),
        # None begins of itself at the full hour.
        "HSM_PROVISIONER_RECONCILIATION_SCHEDULE": "0 0 0 1 1 *",
    }
    with running_stack(directory, provisioning_seconds=0.2, activation_seconds=0.2, settings=settings) as stack:
        portal = Portal(stack)

        def ask_for(name: str, location: str, **changes: str) -> str:
            response = portal.put_hsm(name, request_for(stack, custodians, location=location, **changes))
            assert response.status_code == 202, response.text
            return str(response.json()["id"])

        for name, location in (("hsm-payments", "norwayeast"), ("hsm-signing", "westeurope")):
            assert portal.follow(ask_for(name, location))["status"] == "Succeeded"
        stack.control.fail_provisioning(1)
        assert portal.follow(ask_for("hsm-tokens", "swedencentral"))["status"] == "Failed"
        asked = {"environment": "shared", "requestedBy": object_id(stack, READER)}
        await_step(portal, ask_for("hsm-identity", "norwayeast", **asked), "await_approval")
        stack.control.change_timing(3600, 0.2)
        # It is recorded, and so looked at by schedules, once Azure was asked for it.
        await_step(portal, ask_for("hsm-backup", "norwayeast"), "await_ready")
        yield stack


def test_what_needs_a_person_comes_first(fleet: Stack, playwright: Playwright) -> None:
    with running_chromium(playwright, fleet) as chromium:
        for scheme, width, suffix in LOOKS:
            tab = Tab(chromium, fleet, scheme, width)
            tab.sign_in(OPERATOR)
            summary = tab.page.get_by_role("list", name="Summary")
            for figure in ("5 HSMs", "$10,000 a month", "2 operations are running", "2 need attention"):
                expect(summary).to_contain_text(figure)
            names = tab.page.get_by_role("rowheader").get_by_role("link")
            expect(names).to_have_text(["hsm-tokens", "hsm-identity", "hsm-backup", "hsm-payments", "hsm-signing"])
            running = tab.page.get_by_role("region", name="Running now").get_by_role("listitem")
            expect(running.filter(has_text="Provision hsm-identity")).to_contain_text("Waits for approval")
            expect(running.filter(has_text="Provision hsm-backup")).to_contain_text("%")
            expect(tab.page.get_by_role("row").filter(has_text="hsm-identity")).to_contain_text("waits for approval")
            tab.take_picture(f"fleet{suffix}")
            tab.page.get_by_label("Region").select_option("westeurope")
            expect(names).to_have_text(["hsm-signing"])
            tab.page.get_by_role("link", name="provision hsm-backup").click()
            expect(tab.page.locator("[aria-current=step]")).to_contain_text("Wait until Azure has made it")
            tab.take_picture(f"operation{suffix}")
            assert tab.faults == []


@pytest.mark.parametrize(("scheme", "width", "suffix"), LOOKS)
def test_what_waits_for_approval_comes_first_and_says_how_to_decide(
    fleet: Stack, playwright: Playwright, scheme: ColorScheme, width: int, suffix: str
) -> None:
    with running_chromium(playwright, fleet) as chromium:
        tab = Tab(chromium, fleet, scheme, width)
        tab.sign_in(APPROVER, "/operations")
        waiting = tab.page.get_by_role("region", name="Waits for approval")
        expect(tab.page.locator("section").first).to_contain_text("Waits for approval")
        expect(waiting.get_by_role("row").filter(has_text="hsm-")).to_have_count(1)
        for text in ("hsm-identity", "team-a", "application", "now"):
            expect(waiting).to_contain_text(text)
        tab.check_accessibility()
        tab.take_picture(f"operations{suffix}")
        waiting.get_by_role("link", name="Provision hsm-identity").click()
        approval = tab.page.get_by_role("region", name="Approval")
        tab.check_accessibility()
        tab.context.grant_permissions(["clipboard-read", "clipboard-write"])
        approval.get_by_role("button", name="Copy the command").click()
        copied = tab.page.evaluate("navigator.clipboard.readText()")
        digest = approval.locator("dd").last.text_content()
        assert f'"planSha256": "{digest}"' in copied
        assert f"{tab.address}/operations/hsm-identity-" in copied
        tab.page.evaluate("document.getElementById('copy-approve').dataset.before = ''")
        drawn_again = tab.page.locator("#copy-approve:not([data-before])")
        expect(drawn_again).to_be_focused(timeout=40 * SECONDS)
        assert tab.faults == []


def test_who_asked_is_told_that_somebody_else_decides(fleet: Stack, playwright: Playwright) -> None:
    with running_chromium(playwright, fleet) as chromium:
        tab = Tab(chromium, fleet, "light", 1280)
        tab.sign_in(READER, "/operations")
        waiting = tab.page.get_by_role("region", name="Waits for approval")
        expect(waiting).to_contain_text(f"says: for {READER.name} (you)")
        waiting.get_by_role("link", name="Provision hsm-identity").click()
        approval = tab.page.get_by_role("region", name="Approval")
        expect(approval).to_contain_text("You asked for it: somebody else of team-a decides")
        expect(approval.get_by_role("button", name="Copy the command")).to_have_count(0)
        assert tab.faults == []


@pytest.mark.parametrize("width", [1280, 360])
def test_the_fleet_is_searched_by_keyboard_and_the_search_is_in_the_address(
    fleet: Stack, playwright: Playwright, width: int
) -> None:
    with running_chromium(playwright, fleet) as chromium:
        tab = Tab(chromium, fleet, "light", width)
        tab.sign_in(OPERATOR)
        page = tab.page
        names = page.get_by_role("rowheader").get_by_role("link")
        expect(names).to_have_count(5)
        page.get_by_label("Environment").select_option("development")
        expect(names).to_have_count(4)
        steps = page.evaluate("history.length")
        search = page.get_by_role("searchbox", name="Name or team")
        search.press_sequentially("Team-A k")
        expect(names).to_have_text(["hsm-tokens", "hsm-backup"])
        expect(page.get_by_role("status")).to_have_text("2 HSMs")
        search.press("End")
        search.press_sequentially("en")
        expect(names).to_have_text(["hsm-tokens"])
        search.press("Enter")
        expect(search).to_be_focused()
        assert page.evaluate("history.length") == steps
        assert page.url == f"{tab.address}/console/#/?environment=development&search=Team-A+ken"
        page.reload()
        expect(names).to_have_text(["hsm-tokens"])
        expect(search).to_have_value("Team-A ken")
        search.fill("nobody")
        expect(page.get_by_text("No HSM is like that.")).to_be_visible()
        tab.check_accessibility()
        assert tab.faults == []


def test_operators_and_auditors_see_what_the_clean_up_found(fleet: Stack, playwright: Playwright) -> None:
    fleet.host.fire("start_fleet_cleanup")
    with running_chromium(playwright, fleet) as chromium:
        for scheme, width, _ in LOOKS:
            tab = Tab(chromium, fleet, scheme, width)
            tab.sign_in(OPERATOR)
            tab.page.get_by_role("navigation").get_by_role("link", name="Clean-up").click()
            expect(tab.page.get_by_role("heading", name="Clean-up", level=1)).to_be_visible()
            summary = tab.page.get_by_role("list", name="Summary")
            for figure in ("Report only", "4 HSMs looked at", "$0 a month for nothing"):
                expect(summary).to_contain_text(figure, timeout=30 * SECONDS)
            expect(tab.page.get_by_role("region", name="The run")).to_contain_text("Began")
        tab = Tab(chromium, fleet, "light", 1280)
        tab.sign_in(READER)
        for name in ("Clean-up", "Drift"):
            expect(tab.page.get_by_role("link", name=name)).to_be_hidden()


def test_what_drifted_is_seen_the_worst_first_with_what_is_done_about_it(fleet: Stack, playwright: Playwright) -> None:
    drift_apart(fleet)
    fleet.host.fire("start_fleet_reconciliation")
    with running_chromium(playwright, fleet) as chromium:
        tab = Tab(chromium, fleet, "light", 1280)
        tab.sign_in(OPERATOR, "/drift")
        page = tab.page
        findings = page.get_by_role("table", name="What differs").get_by_role("row")
        expect(page.get_by_text("and only reported")).to_be_visible(timeout=30 * SECONDS)
        expect(findings.nth(2)).to_contain_text("nothing: the run only reported")
        fleet.host.fire("start_fleet_reconciliation")
        page.reload()
        healed = findings.nth(2).get_by_role("link", name="Show operation on hsm-payments")
        expect(healed).to_be_visible(timeout=30 * SECONDS)
        for number, words in enumerate(WORST_FIRST, start=1):
            for text in words:
                expect(findings.nth(number)).to_contain_text(text)
        tab.check_accessibility()
        tab.take_picture("drift")
        healed.click()
        expect(page.get_by_role("heading", name="Update hsm-payments")).to_be_visible()
        page.go_back()
        page.get_by_label("Severity").select_option("warning")
        expect(findings.filter(has_text="hsm-")).to_have_count(1)
        page.get_by_role("link", name="hsm-signing").click()
        expect(page.get_by_role("region", name="Drift")).to_contain_text("it is in other regions")
        assert tab.faults == []
        phone = Tab(chromium, fleet, "dark", 360)
        phone.sign_in(OPERATOR)
        phone.page.get_by_role("navigation").get_by_role("link", name="Drift").click()
        expect(phone.page.get_by_role("list", name="Summary")).to_contain_text("1 operation begun")
        phone.check_accessibility()
        phone.take_picture("drift-phone")
        assert phone.faults == []


WORST_FIRST = [
    ("hsm-signing", "team-a", "Warning", "it is in other regions", "nothing: a person has to look"),
    ("hsm-payments", "team-a", "Information", "its tags differ", "Expected: owner=team-a", "Found: owner=nobody"),
]


def drift_apart(fleet: Stack) -> None:
    """Change two HSMs as somebody does who has rights on the subscription, and does not ask us."""
    regions = [arm.MHSMGeoReplicatedRegion(name=name) for name in ("norwayeast", "westeurope")]
    extended = arm.ManagedHsm(properties=arm.ManagedHsmProperties(regions=regions))
    with (
        fleet.portal_credential() as credential,
        KeyVaultManagementClient(credential, fleet.azure.endpoints.subscription_id, polling_interval=0.1) as client,
    ):
        client.managed_hsms.begin_update("rg-hsm", "hsm-signing", extended).result()
        client.managed_hsms.begin_update("rg-hsm", "hsm-payments", arm.ManagedHsm(tags={"owner": "nobody"})).result()
