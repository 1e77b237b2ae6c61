"""The ceremony sheet: what custodians sign, of the record and as a page of paper."""

import base64
import re
from collections.abc import Callable
from typing import Any, Final

import pytest
from playwright.sync_api import Locator, Page, expect

from local.people import OPERATOR, READER
from local.portal import Portal
from local.stack import Stack
from tests import stored
from tests.browser.chromium import PICTURES, TAKE_PICTURES, Tab
from tests.browser.conftest import HOSTILE, OpenTab
from tests.custodians import Custodian, make_custodian
from tests.test_adopt import approve
from tests.test_rewrap import rewrap
from tests.test_security_domain import certificates, in_key_vault, verify

pytestmark = pytest.mark.browser

Provision = Callable[[str], dict[str, Any]]
NAMES: Final = ("Ada Lovelace", "Grace Hopper", "Katherine Johnson", "Radia Perlman", "Barbara Liskov")
SECTIONS: Final = (
    "What this sheet is for",
    "The HSM",
    "The security domain",
    "The custodians",
    "What is lost when",
    "The offline copy",
    "Witnesses",
)
# A4 at 96 dots in an inch, within the sheet's margins.
PAPER: Final = {"width": 680, "height": 1009}
# What Chromium writes for each page of a PDF.
PDF_PAGE: Final = re.compile(rb"/Type\s*/Page\b")


@pytest.fixture(scope="module")
def five() -> list[Custodian]:
    return [make_custodian(name) for name in NAMES]


def open_sheet(tab: Tab, name: str) -> None:
    tab.sign_in(OPERATOR, f"/hsms/{name}/ceremony")
    expect(tab.page.get_by_role("heading", name=f"Ceremony sheet of {name}", level=1)).to_be_visible()


def part(tab: Tab, title: str) -> Locator:
    return tab.page.get_by_role("region", name=title)


def digests(place: Locator) -> list[str]:
    """Read the digests of a part of the sheet: each in groups of four."""
    texts = place.locator(".digest").all_text_contents()
    assert all(re.fullmatch(r"([0-9a-f]{4}[ \n]){15}[0-9a-f]{4}", text) for text in texts)
    return [re.sub(r"\s", "", text) for text in texts]


def hexadecimal(thumbprint: str) -> str:
    return base64.urlsafe_b64decode(f"{thumbprint}=").hex()


@pytest.mark.usefixtures("hsm_name")
def test_the_sheet_is_of_the_record_and_goes_onto_paper(
    tab: Tab, stack: Stack, portal: Portal, five: list[Custodian]
) -> None:
    name = "hsm-payments"
    body = in_key_vault(stack, five[:4], name)
    body["securityDomain"] = {
        "quorum": 3,
        "wrappingKeys": [*body["securityDomain"]["wrappingKeys"], {"custodian": five[4].name, "pem": five[4].pem}],
    }
    operation = portal.follow(portal.put_hsm(name, body).json()["id"])
    assert operation["status"] == "Succeeded", operation
    receipt = operation["result"]["securityDomain"]
    tab.sign_in(READER, f"/operations/{operation['id']}")
    tab.page.get_by_role("link", name="Ceremony sheet").click()
    expect(tab.page.get_by_role("heading", name=f"Ceremony sheet of {name}", level=1)).to_be_focused()
    assert tuple(tab.page.locator("article h2").all_text_contents()) == SECTIONS
    expect(tab.page.get_by_role("alert")).to_have_count(0)
    about = part(tab, "The HSM")
    subscription = stack.azure.endpoints.subscription_id
    for text in (name, operation["plan"]["resourceId"], subscription, "norwayeast", "development", "team-a"):
        expect(about).to_contain_text(text)
    for text in (operation["id"], f"application {stack.portal.object_id}", "no approval was needed", READER.name):
        expect(about).to_contain_text(text)
    domain = part(tab, "The security domain")
    assert digests(domain) == [receipt["sha256"]]
    for text in (f"{receipt['size']:,} bytes", receipt["blobUrl"], receipt["etag"], "any 3 of these 5", "none failed"):
        expect(domain).to_contain_text(text)
    custodians = part(tab, "The custodians")
    assert digests(custodians) == [hexadecimal(custodian.thumbprint) for custodian in five]
    places = [key.get("certificateId", "made offline") for key in body["securityDomain"]["wrappingKeys"]]
    for number, (custodian, place) in enumerate(zip(five, places, strict=True), 1):
        row = custodians.get_by_role("row").filter(has=tab.page.get_by_role("rowheader", name=custodian.name))
        for text in (f"{number}. {custodian.name}", custodian.thumbprint, place, "I hold the private key"):
            expect(row).to_contain_text(text)
        expect(row.locator(".line")).to_have_text(["Signature", "Date", "Place of the sealed copy"])
    expect(part(tab, "What is lost when")).to_contain_text("Fewer than 3 of the 5 private keys are left")
    copy = part(tab, "The offline copy")
    account = receipt["blobUrl"].removeprefix("https://").partition(".")[0]
    blob = receipt["blobUrl"].partition("/security-domains/")[2]
    expect(copy.locator("pre")).to_have_text(
        f"az storage blob download --auth-mode login --account-name {account} --container-name security-domains "
        f"--name {blob} --file security-domain.json"
    )
    assert digests(copy) == [receipt["sha256"]]
    for text in ("sha256sum", "certutil -hashfile", "Get-FileHash"):
        expect(copy).to_contain_text(text)
    tab.check_accessibility()
    check_print(tab.page)
    check_paper(tab.page)


def check_print(page: Page) -> None:
    """Press the button, in place of the browser's own window for printing."""
    page.evaluate("() => { window.printed = 0; window.print = () => { window.printed += 1; }; }")
    page.get_by_role("button", name="Print").click()
    assert page.evaluate("window.printed") == 1


def check_paper(page: Page) -> None:
    """Nothing of the screen is on the paper, and nothing is wider than it; a picture if it was asked for."""
    page.set_viewport_size({"width": PAPER["width"], "height": PAPER["height"]})
    page.emulate_media(media="print")
    for hidden in (page.get_by_role("navigation"), page.get_by_role("banner"), page.get_by_role("button")):
        expect(hidden.filter(visible=True)).to_have_count(0)
    expect(page.get_by_text("Back to")).to_be_hidden()
    expect(page.locator(".running-head")).to_be_visible()
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    if TAKE_PICTURES:
        page.screenshot(path=PICTURES / "ceremony-sheet.png", full_page=True, animations="disabled")
    for paper in ("A4", "Letter"):
        assert len(PDF_PAGE.findall(page.pdf(format=paper, prefer_css_page_size=True))) in range(3, 6)


@pytest.mark.parametrize(("scheme", "width"), [("light", 360), ("dark", 360), ("dark", 1280)])
def test_hostile_names_are_text_and_paper_is_white(
    open_tab: OpenTab, portal: Portal, provision: Provision, hsm_name: str, scheme: Any, width: int
) -> None:
    portal.follow(provision(hsm_name)["id"])
    tab = open_tab(scheme, width)
    tab.sign_in(OPERATOR, f"/hsms/{hsm_name}")
    tab.page.get_by_role("link", name="Ceremony sheet").click()
    expect(part(tab, "The custodians").get_by_role("rowheader").last).to_have_text(f"3. {HOSTILE}")
    assert tab.page.locator("main img").count() == 0
    tab.check_accessibility()
    tab.page.emulate_media(media="print")
    body = tab.page.locator("body")
    expect(body).to_have_css("color", "rgb(0, 0, 0)")
    expect(body).to_have_css("background-color", "rgb(255, 255, 255)")


def test_a_file_that_is_not_right_is_not_to_be_signed_for(
    tab: Tab, stack: Stack, portal: Portal, provision: Provision, hsm_name: str
) -> None:
    receipt = portal.follow(provision(hsm_name)["id"])["result"]["securityDomain"]
    path = receipt["blobUrl"].partition("/security-domains/")[2]
    stored.service(stack).get_blob_client("security-domains", path).upload_blob(b"{}", overwrite=True)
    faults = verify(portal, hsm_name)["faults"]
    open_sheet(tab, hsm_name)
    alert = tab.page.get_by_role("alert")
    for text in ("Do not sign this sheet.", *faults):
        expect(alert).to_contain_text(text)
    tab.check_accessibility()
    tab.page.emulate_media(media="print")
    expect(alert).to_be_visible()
    expect(tab.page.locator(".running-head")).to_contain_text("DO NOT SIGN")


def test_what_was_not_verified_is_not_to_be_signed_for(
    tab: Tab, stack: Stack, portal: Portal, provision: Provision, hsm_name: str
) -> None:
    portal.follow(provision(hsm_name)["id"])
    stored.service(stack).get_blob_client("hsm-records", f"verifications/{hsm_name}").delete_blob()
    open_sheet(tab, hsm_name)
    expect(tab.page.get_by_role("alert")).to_contain_text("What is stored has not been verified.")
    expect(part(tab, "The security domain")).to_contain_text("never")


def test_lost_keys_are_told_until_no_more_may_be_lost(
    tab: Tab, stack: Stack, portal: Portal, hsm_name: str, five: list[Custodian]
) -> None:
    portal.follow(portal.put_hsm(hsm_name, in_key_vault(stack, five[:4], hsm_name)).json()["id"])
    with certificates(stack) as client:
        client.update_certificate_properties(f"{hsm_name}-0", enabled=False)
        verify(portal, hsm_name)
        open_sheet(tab, hsm_name)
        expect(tab.page.get_by_role("alert")).to_have_count(0)
        expect(part(tab, "The custodians")).to_contain_text("disabled in its Key Vault")
        client.begin_delete_certificate(f"{hsm_name}-1").wait()
        verify(portal, hsm_name)
    tab.page.reload()
    expect(tab.page.get_by_role("alert")).to_contain_text(
        "2 of 4 keys are not known to be lost, and 2 are needed: one loss more loses the HSM."
    )
    expect(part(tab, "The custodians")).to_contain_text("not in its Key Vault any more")


def test_after_a_rewrap_the_sheet_is_of_the_new_custodians_and_names_who_approved(
    tab: Tab, stack: Stack, portal: Portal, provision: Provision, hsm_name: str, five: list[Custodian]
) -> None:
    portal.follow(provision(hsm_name)["id"])
    operation = approve(stack, portal, rewrap(portal, hsm_name, five).json()["id"])
    assert operation["status"] == "Succeeded", operation
    open_sheet(tab, hsm_name)
    about = part(tab, "The HSM")
    for text in (operation["id"], operation["requestedBy"], f"person {operation['approval']['decidedBy']['objectId']}"):
        expect(about).to_contain_text(text)
    assert digests(part(tab, "The custodians")) == [hexadecimal(custodian.thumbprint) for custodian in five]


def test_without_a_security_domain_there_is_no_sheet(
    tab: Tab, stack: Stack, portal: Portal, provision: Provision, hsm_name: str
) -> None:
    stack.control.fail_provisioning(1)
    assert portal.follow(provision(hsm_name)["id"])["status"] == "Failed"
    tab.sign_in(OPERATOR, f"/hsms/{hsm_name}/ceremony")
    expect(tab.page.get_by_role("alert")).to_contain_text("No security domain of this HSM is stored.")
    expect(tab.page.get_by_role("article")).to_have_count(0)
