"""Signing in and out: by redirect, for this tab alone."""

import json

import pytest
from playwright.sync_api import expect

from local.people import AUDITOR, NOBODY, OPERATOR, READER, Person
from local.stack import API_AUDIENCE, Stack
from tests.browser.chromium import ColorScheme, Tab, object_id
from tests.browser.conftest import OpenTab

pytestmark = pytest.mark.browser


def test_a_person_signs_in_comes_back_to_the_same_view_and_signs_out(tab: Tab) -> None:
    tab.sign_in(OPERATOR, "/operations")
    expect(tab.page.get_by_role("heading", name="Operations", level=1)).to_be_focused()
    assert tab.page.url == f"{tab.address}/console/#/operations"
    tab.page.reload()
    expect(tab.page.get_by_role("link", name=OPERATOR.username)).to_be_visible()
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
    tab.page.route(
        lambda url: "/api/operations?" in url and "awaitingApproval" not in url,
        lambda route: route.fulfill(body=elsewhere, content_type="application/json"),
    )
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


@pytest.mark.parametrize(
    ("view", "scheme", "width"),
    [("/", "light", 1280), ("/operations", "dark", 1280), ("/hsms/hsm-payments", "dark", 360)],
)
def test_a_person_without_a_role_is_told_what_to_ask_for_wherever_they_go(
    open_tab: OpenTab, view: str, scheme: ColorScheme, width: int
) -> None:
    tab = open_tab(scheme, width)
    tab.sign_in(NOBODY, view)
    expect(tab.page.get_by_role("heading", name="You have no role here yet", level=1)).to_be_visible()
    about = tab.page.get_by_role("region", name="Who you are")
    for text in (NOBODY.name, NOBODY.username, "none"):
        expect(about).to_contain_text(text)
    advice = tab.page.get_by_role("region", name="What to ask for")
    for role in ("Hsm.Read", "Hsm.Request", "Hsm.Approve", "Hsm.Operate", "Hsm.Audit"):
        expect(advice).to_contain_text(role)
    expect(tab.page.get_by_role("navigation").get_by_role("link")).to_have_text(["API"])
    assert_no_dump(tab)


def test_a_person_copies_their_object_id_for_whoever_assigns_roles(tab: Tab, stack: Stack) -> None:
    tab.sign_in(NOBODY)
    tab.context.grant_permissions(["clipboard-read", "clipboard-write"])
    tab.page.get_by_role("button", name="Copy ").click()
    assert tab.page.evaluate("navigator.clipboard.readText()") == object_id(stack, NOBODY)
    expect(tab.page.get_by_role("status")).to_have_text("Copied.")


@pytest.mark.parametrize(("scheme", "width"), [("light", 1280), ("dark", 360)])
def test_an_auditor_is_told_how_to_read_the_audit_log(open_tab: OpenTab, scheme: ColorScheme, width: int) -> None:
    tab = open_tab(scheme, width)
    tab.sign_in(AUDITOR)
    expect(tab.page.get_by_role("heading", name="You may read the audit log", level=1)).to_be_visible()
    expect(tab.page.get_by_role("region", name="Who you are")).to_contain_text("Hsm.Audit")
    log = tab.page.get_by_role("region", name="Read the audit log")
    expect(log).to_contain_text(f"{tab.address}/audit?api-version=")
    expect(log).to_contain_text("api://hsm-provisioner/access_as_user")
    expect(tab.page.get_by_role("region", name="What to ask for")).to_contain_text("Hsm.Read")
    assert_no_dump(tab)
    log.get_by_role("link").click()
    expect(tab.page.locator("#operations-tag-audit[data-is-open=true]")).to_be_visible()


def test_who_reads_sees_their_roles_and_teams(tab: Tab) -> None:
    tab.sign_in(READER)
    tab.page.get_by_role("link", name=READER.username).click()
    expect(tab.page.get_by_role("heading", name="You", level=1)).to_be_focused()
    about = tab.page.get_by_role("region", name="Who you are")
    for text in (READER.name, "Hsm.Read", "team-a"):
        expect(about).to_contain_text(text)
    expect(tab.page.get_by_role("region", name="What to ask for")).to_have_count(0)
    tab.check_accessibility()


def test_who_is_of_no_team_is_told_whom_to_ask(tab: Tab, stack: Stack) -> None:
    person = Person("Nora Newcomer", "nora@contoso.example", ["Hsm.Read"], [])
    stack.control.create_person(person.name, person.username, app_roles={API_AUDIENCE: person.roles})
    tab.sign_in(person)
    tab.page.get_by_role("link", name="what to ask for").click()
    expect(tab.page.get_by_role("region", name="What to ask for")).to_contain_text("policy")
    tab.check_accessibility()


def assert_no_dump(tab: Tab) -> None:
    """No alert, no code of an error, no empty table; and everybody can read what is there."""
    expect(tab.page.get_by_role("alert")).to_have_count(0)
    expect(tab.page.get_by_role("table")).to_have_count(0)
    expect(tab.page.locator("main")).not_to_contain_text("role_missing")
    tab.check_accessibility()
