"""A real Chromium that finds the local Azure where Azure is, and a tab of it that remembers what went wrong."""

import base64
import hashlib
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final, Literal
from urllib.parse import quote

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from playwright.sync_api import Browser, Page, Playwright, expect

from local.child_process import REPOSITORY
from local.people import Person
from local.stack import Stack

CHROMIUM: Final = os.environ.get("CHROMIUM", "/usr/bin/chromium")
PICTURES: Final = REPOSITORY / "docs" / "images"
# `SCREENSHOTS=1` takes the pictures of the documentation anew.
TAKE_PICTURES: Final = bool(os.environ.get("SCREENSHOTS"))
AXE: Final = REPOSITORY / "node_modules" / "axe-core" / "axe.min.js"
SECONDS: Final = 1000
# Chromium's console tells of each request that did not succeed, too; the page shows it.
NOT_LOADED: Final = "Failed to load resource"
_REPORT_VIOLATIONS: Final = """
document.addEventListener("securitypolicyviolation",
  (event) => console.error(`policy: ${event.effectiveDirective} ${event.blockedURI} ${event.sourceFile}`));
"""
_FIND_FAULTS: Final = """
async () => (await axe.run()).violations.filter(({ impact }) => impact === "serious" || impact === "critical")
  .map(({ id, nodes }) => `${id}: ${nodes.map(({ target }) => target.join(" ")).join(", ")}`)
"""

ColorScheme = Literal["light", "dark"]


@contextmanager
def running_chromium(playwright: Playwright, stack: Stack) -> Iterator[Browser]:
    """Start one without a window, whose only way out is the local Azure's proxy."""
    endpoints = stack.azure.endpoints
    arguments = [
        "--no-sandbox",
        "--disable-gpu",
        "--disable-quic",
        "--no-first-run",
        "--disable-background-networking",
        "--disable-component-update",
        "--disable-sync",
        f"--proxy-server={endpoints.proxy_url}",
        f"--ignore-certificate-errors-spki-list={_fingerprint(Path(endpoints.ca_bundle).with_name('services.pem'))}",
    ]
    browser = playwright.chromium.launch(executable_path=CHROMIUM, args=arguments)
    try:
        yield browser
    finally:
        browser.close()


def _fingerprint(certificate: Path) -> str:
    """Name the one key that is trusted although no authority of the browser's says so."""
    key = x509.load_pem_x509_certificate(certificate.read_bytes()).public_key()
    digest = hashlib.sha256(key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)).digest()
    return base64.b64encode(digest).decode()


def object_id(stack: Stack, person: Person) -> str:
    """Tell by which object id the directory knows somebody."""
    return next(one.object_id for one in stack.control.people() if one.user_principal_name == person.username)


class Tab:
    """A tab with a session of its own, in which a person uses the console."""

    def __init__(self, browser: Browser, stack: Stack, scheme: ColorScheme, width: int) -> None:
        self.context = browser.new_context(
            color_scheme=scheme, viewport={"width": width, "height": 900}, locale="en-GB", timezone_id="UTC"
        )
        self.context.set_default_timeout(20 * SECONDS)
        self.context.add_init_script(_REPORT_VIOLATIONS)
        self.address = f"{stack.host.functions_url}/api"
        self.faults: list[str] = []
        self.page = self.new_page()

    def new_page(self) -> Page:
        """Open another tab of the same browser."""
        page = self.context.new_page()
        page.on("console", lambda message: self._note(message.type, message.text))
        page.on("pageerror", lambda error: self.faults.append(str(error)))
        page.on("dialog", lambda dialog: self.faults.append(f"a dialog: {dialog.message}"))
        return page

    def _note(self, kind: str, text: str) -> None:
        if kind in ("error", "warning") and not text.startswith(NOT_LOADED):
            self.faults.append(text)

    def sign_in(self, person: Person, view: str = "/") -> None:
        """Go to a view of the console, and sign in as it asks for."""
        self.page.goto(f"{self.address}/console/#{view}")
        self.page.get_by_role("button", name="Sign in").click()
        self.page.get_by_role("button", name=person.username).click()
        expect(self.page.get_by_role("link", name=person.username)).to_be_visible()

    def show(self, view: str, heading: str) -> None:
        """Go to a view, as a link does, and wait for it."""
        self.page.evaluate("view => { location.hash = view; }", view)
        expect(self.page.get_by_role("heading", name=heading, level=1)).to_be_visible()

    def show_operation(self, operation: dict[str, Any]) -> None:
        """Go to an operation."""
        self.show(f"/operations/{quote(operation['id'])}", f"Provision {operation['hsm']}")

    def check_accessibility(self) -> None:
        """Let axe-core look at the page, and nothing of it reach beyond a phone's or any screen's edge."""
        self.page.evaluate(AXE.read_text())
        assert self.page.evaluate(_FIND_FAULTS) == []
        assert self.page.evaluate("document.documentElement.scrollWidth <= innerWidth")

    def take_picture(self, name: str) -> None:
        """Write a picture for the documentation, if it was asked for."""
        if TAKE_PICTURES:
            self.page.screenshot(path=PICTURES / f"console-{name}.png", animations="disabled")
