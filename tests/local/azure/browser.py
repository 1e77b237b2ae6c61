"""A single-page application and the browser that it runs in, as far as sign-in goes: what MSAL sends, and no more."""

import base64
import hashlib
import secrets
from html.parser import HTMLParser
from typing import Any
from urllib.parse import parse_qs, urlsplit

import requests

LOGIN = "https://login.microsoftonline.com"
SCOPE = "openid profile offline_access api://hsm-provisioner/access_as_user"


class Page(HTMLParser):
    """What a page shows and sends: its texts, its tags, its hidden fields, and its buttons with their values."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str | None]] = []
        self.texts: list[str] = []
        self.fields: dict[str, str] = {}
        self.buttons: dict[str, str] = {}
        self.action = ""
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes.extend(attrs)
        named = {name: value or "" for name, value in attrs}
        if tag == "form":
            self.action = named["action"]
        if tag == "input":
            self.fields[named["name"]] = named["value"]
        if tag == "button":
            self.buttons[named["value"]] = named["name"]

    def handle_data(self, data: str) -> None:
        self.texts.append(data)


class Browser:
    """A client in a browser of its own, with its cookies."""

    def __init__(self, tenant: str, client_id: str, redirect_uri: str) -> None:
        self.base = f"{LOGIN}/{tenant}"
        self.client_id = client_id
        self.redirect_uri = redirect_uri
        self.origin = "{0.scheme}://{0.netloc}".format(urlsplit(redirect_uri))
        self.verifier = secrets.token_urlsafe(32)
        self.session = requests.Session()

    def authorize(self, **changed: str | None) -> requests.Response:
        """Go to the authorization endpoint; a parameter that is changed to None is left out."""
        challenge = base64.urlsafe_b64encode(hashlib.sha256(self.verifier.encode()).digest()).rstrip(b"=").decode()
        parameters = {
            "client_id": self.client_id,
            "scope": SCOPE,
            "redirect_uri": self.redirect_uri,
            "response_mode": "fragment",
            "response_type": "code",
            "client_info": "1",
            "state": "a state|with=signs&",
            "nonce": "a-nonce",
            "code_challenge": challenge,
            "code_challenge_method": "S256",
            **changed,
        }
        return self.session.get(
            f"{self.base}/oauth2/v2.0/authorize", params=parameters, timeout=5, allow_redirects=False
        )

    def press(self, response: requests.Response, value: str) -> requests.Response:
        """Press the button with a value on the page for choosing a person."""
        page = Page(response.text)
        form = {**page.fields, page.buttons[value]: value}
        return self.session.post(f"{LOGIN}{page.action}", data=form, timeout=5, allow_redirects=False)

    def sign_in(self, person: str, **changed: str | None) -> str:
        """Choose a person; gives the code."""
        return self.read_answer(self.press(self.authorize(**changed), person))["code"]

    def read_answer(self, response: requests.Response) -> dict[str, str]:
        """Read what came to the redirect URI, in its fragment or its query."""
        assert response.status_code == 302
        location = response.headers["Location"]
        assert location.startswith(self.redirect_uri)
        parts = urlsplit(location)
        assert bool(parts.fragment) != bool(parts.query)
        return {name: value for name, (value,) in parse_qs(parts.fragment or parts.query).items()}

    def redeem(self, code: str, /, **changed: str | None) -> requests.Response:
        """Redeem a code."""
        fields = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": self.redirect_uri,
            "code_verifier": self.verifier,
            "scope": SCOPE,
        }
        return self.ask(**{**fields, **changed})

    def refresh(self, token: str, /, **changed: str | None) -> requests.Response:
        """Ask for tokens for a refresh token."""
        return self.ask(**{"grant_type": "refresh_token", "refresh_token": token, "scope": SCOPE, **changed})

    def ask(self, **changed: str | None) -> requests.Response:
        """Ask the token endpoint; `origin` and `base` are no fields but where the request comes from and goes to."""
        fields: dict[str, Any] = {"client_id": self.client_id, "client_info": "1", **changed}
        origin, base = fields.pop("origin", self.origin), fields.pop("base", self.base)
        headers = {"Origin": origin} if origin else {}
        return self.session.post(f"{base}/oauth2/v2.0/token", data=fields, headers=headers, timeout=5)
