"""Sign-in of persons: sessions of browsers, authorization codes, and refresh tokens.

Source: Microsoft identity platform, OAuth 2.0 authorization code flow, and AADSTS error codes; PKCE (RFC 7636). A code
lives for ten minutes; a refresh token of a single-page application for a day, which its successors inherit.
"""

import hashlib
import json
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final
from urllib.parse import urlsplit

from local.azure.core.claims import IdToken, encode
from local.azure.core.errors import ServiceFault
from local.azure.entra.models import Application, Directory, Person
from local.azure.entra.scopes import Asked, read_scopes
from local.clock import Clock

CODE_SECONDS: Final = 600
REFRESH_SECONDS: Final = 24 * 3600


@dataclass(frozen=True, kw_only=True)
class SignInRequest:
    """What a client asks of a sign-in, and where its answer goes."""

    client: Application
    redirect_uri: str
    response_mode: str
    state: str | None
    nonce: str
    code_challenge: str
    asked: Asked


@dataclass(frozen=True, kw_only=True)
class Grant:
    """What a code or a refresh token is given for: a person's tokens, for one client, until `ends` on the clock."""

    person: Person
    client_id: str
    redirect_uri: str
    nonce: str
    code_challenge: str
    asked: Asked
    ends: float


@dataclass
class SignIns:
    """All that is under way: who signed in to which browser, and what clients may still redeem."""

    directory: Directory
    clock: Clock
    _waiting: dict[str, SignInRequest] = field(default_factory=dict)
    _sessions: dict[str, Person] = field(default_factory=dict)
    _codes: dict[str, Grant] = field(default_factory=dict)
    _redeemed: set[str] = field(default_factory=set)
    _refresh: dict[str, Grant] = field(default_factory=dict)

    def keep(self, request: SignInRequest) -> str:
        """Keep a request while its page is shown; gives the id with which the page's form comes back."""
        identifier = secrets.token_urlsafe(24)
        self._waiting[identifier] = request
        return identifier

    def take(self, identifier: str) -> SignInRequest:
        """Take a request up again, once; raises ServiceFault 400."""
        request = self._waiting.pop(identifier, None)
        if request is None:
            raise ServiceFault(400, "invalid_request", "AADSTS165000: Invalid Request: the sign-in is not under way.")
        return request

    def begin_session(self, person: Person) -> str:
        """Remember who signed in to a browser; gives what its cookie holds."""
        session = secrets.token_urlsafe(24)
        self._sessions[session] = person
        return session

    def find_session(self, session: str) -> Person | None:
        """Find who signed in to a browser."""
        return self._sessions.get(session)

    def end_session(self, session: str) -> None:
        """Forget who signed in to a browser."""
        self._sessions.pop(session, None)

    def issue_code(self, request: SignInRequest, person: Person) -> str:
        """Give the code that the client redeems for a person's tokens."""
        code = secrets.token_urlsafe(48)
        self._codes[code] = Grant(
            person=person,
            client_id=request.client.client_id,
            redirect_uri=request.redirect_uri,
            nonce=request.nonce,
            code_challenge=request.code_challenge,
            asked=request.asked,
            ends=self.clock.now() + CODE_SECONDS,
        )
        return code

    def redeem_code(self, form: Mapping[str, str], origin: str | None) -> dict[str, Any]:
        """Give tokens for a code, once; raises ServiceFault 400 with Entra's codes."""
        client = self._find_client(form, origin)
        code = form.get("code", "")
        if code in self._redeemed:
            raise _refuse("54005: OAuth2 Authorization code was already redeemed, please retry with a new valid code.")
        grant = self._find_grant(self._codes, code, client)
        if form.get("redirect_uri") != grant.redirect_uri:
            message = "500112: The reply address does not match the one provided when requesting Authorization code."
            raise _refuse(message, "invalid_client")
        _check_verifier(grant.code_challenge, form.get("code_verifier", ""))
        answer = self._answer(replace(grant, ends=self.clock.now() + REFRESH_SECONDS), form)
        del self._codes[code]
        self._redeemed.add(code)
        return answer

    def refresh(self, form: Mapping[str, str], origin: str | None) -> dict[str, Any]:
        """Give tokens for a refresh token, which stays valid; raises ServiceFault 400 with Entra's codes."""
        client = self._find_client(form, origin)
        grant = self._find_grant(self._refresh, form.get("refresh_token", ""), client)
        # The nonce was for the answer to its own request.
        return self._answer(replace(grant, nonce=""), form)

    def _find_client(self, form: Mapping[str, str], origin: str | None) -> Application:
        client = self.directory.find(form.get("client_id", ""))
        if origin is None:
            message = "9002327: Tokens issued for the 'Single-Page Application' client-type may only be redeemed via "
            raise _refuse(f"{message}cross-origin requests.", "invalid_request")
        if origin not in {origin_of(uri) for uri in client.spa_redirect_uris}:
            message = "9002326: Cross-origin token redemption is permitted only for the 'Single-Page Application' "
            raise _refuse(f"{message}client-type.", "invalid_request")
        return client

    def _find_grant(self, grants: Mapping[str, Grant], text: str, client: Application) -> Grant:
        grant = grants.get(text)
        if grant is None or grant.client_id != client.client_id:
            raise _refuse("70000: Provided grant is invalid or malformed.")
        if self.clock.now() >= grant.ends:
            raise _refuse("70008: The provided authorization code or refresh token has expired.")
        return grant

    def _answer(self, grant: Grant, form: Mapping[str, str]) -> dict[str, Any]:
        """Write tokens down as the token endpoint gives them; a form may ask for less, or for another API."""
        directory, person = self.directory, grant.person
        asked = read_scopes(form["scope"], directory) if form.get("scope") else grant.asked
        scopes = " ".join(asked.scopes)
        seconds = directory.token_seconds - 1
        answer: dict[str, Any] = {
            "token_type": "Bearer",
            "scope": asked.describe(),
            "expires_in": seconds,
            "ext_expires_in": seconds,
            "access_token": directory.issue_to_person(person, grant.client_id, asked.resource, scopes),
        }
        if "offline_access" in asked.openid & grant.asked.openid:
            answer["refresh_token"] = secrets.token_urlsafe(64)
            answer["refresh_token_expires_in"] = int(grant.ends - self.clock.now())
            self._refresh[answer["refresh_token"]] = grant
        if "openid" in asked.openid & grant.asked.openid:
            answer["id_token"] = self._make_id_token(grant)
        if form.get("client_info") == "1":
            own = {"uid": person.object_id, "utid": directory.authority.tenant_id}
            answer["client_info"] = encode(json.dumps(own).encode())
        return answer

    def _make_id_token(self, grant: Grant) -> str:
        token = IdToken(
            tenant_id=self.directory.authority.tenant_id,
            object_id=grant.person.object_id,
            client_id=grant.client_id,
            names=grant.person.names,
            nonce=grant.nonce,
            seconds=self.directory.token_seconds,
        )
        return self.directory.authority.sign(token.claims())


def origin_of(uri: str) -> str:
    """Give the origin of a redirect URI, as a browser names it."""
    parts = urlsplit(uri)
    return f"{parts.scheme}://{parts.netloc}"


def _check_verifier(challenge: str, verifier: str) -> None:
    """Hold a verifier against its challenge (RFC 7636, section 4.6)."""
    if not challenge or not verifier:
        message = "9002325: Proof Key for Code Exchange is required for cross-origin authorization code redemption."
        raise _refuse(message, "invalid_request")
    made = encode(hashlib.sha256(verifier.encode()).digest())
    if not secrets.compare_digest(made.encode(), challenge.encode()):
        raise _refuse("501481: The Code_Verifier does not match the code_challenge supplied in the request.")


def _refuse(message: str, error: str = "invalid_grant") -> ServiceFault:
    return ServiceFault(400, error, f"AADSTS{message}")
