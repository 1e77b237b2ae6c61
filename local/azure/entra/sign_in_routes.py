"""Where a person's browser goes to sign in and to sign out."""

import re
from collections.abc import Callable
from functools import wraps
from typing import Any, Final
from urllib.parse import quote, urlencode

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from local.azure.core.errors import ServiceFault
from local.azure.entra.forms import check_tenant, read_form
from local.azure.entra.models import Directory, Person
from local.azure.entra.pages import show_error, show_people, show_signed_out
from local.azure.entra.scopes import read_scopes
from local.azure.entra.sign_in import SignInRequest, SignIns, origin_of

COOKIE: Final = "ESTSAUTH"
_PROMPTS: Final = ("", "none", "login", "select_account", "consent")
_RESPONSE_MODES: Final = {"query": "?", "fragment": "#"}
_CHALLENGE: Final = re.compile(r"[\w.~-]{43}", re.ASCII)


def make_sign_in_routes(sign_ins: SignIns) -> list[Route]:
    """Make the routes; what is wrong before it is known where an answer may go is shown on a page."""

    def shown(handler: Callable[[Request], Any]) -> Callable[[Request], Any]:
        @wraps(handler)
        async def handle(request: Request) -> Response:
            try:
                check_tenant(request, sign_ins.directory)
                answer: Response = await handler(request)
            except ServiceFault as fault:
                return show_error(fault.message, fault.status)
            return answer

        return handle

    async def get_authorize(request: Request) -> Response:
        """Let a person choose who they are, if need be, and send their browser back to the client with a code.

        Leaves out: the tenants `common` and `organizations`; every response type but `code`, `response_mode=form_post`
        and the challenge method `plain`; consent; `domain_hint`, `claims`, `max_age`; `session_state` in the answer.

        Assumes: a silent sign-in for another person than the one of the session is `login_required`; a client that is
        unknown, or asks to be answered elsewhere than registered, is told on a page with status 400.
        """
        return _authorize(request, sign_ins)

    async def post_login(request: Request) -> Response:
        """Take the person who was chosen, remember them for this browser, and send it back to the client with a code.

        Leaves out: passwords: whoever sees the page may be anybody of the directory.
        """
        return _log_in(await read_form(request), sign_ins)

    async def get_logout(request: Request) -> Response:
        """Forget who signed in to this browser, and send it to `post_logout_redirect_uri`, if that is registered.

        Leaves out: telling other clients; `logout_hint` and `id_token_hint`.

        Assumes: it may be registered by any client.
        """
        return _log_out(request, sign_ins)

    return [
        Route("/{tenant}/oauth2/v2.0/authorize", shown(get_authorize)),
        Route("/{tenant}/login", shown(post_login), methods=["POST"]),
        Route("/{tenant}/oauth2/v2.0/logout", shown(get_logout)),
    ]


def _authorize(request: Request, sign_ins: SignIns) -> Response:
    """Answer a client's request; raises ServiceFault where its redirect URI is not one of its own."""
    query = dict(request.query_params)
    client = sign_ins.directory.find(query.get("client_id", ""))
    redirect_uri = query.get("redirect_uri", "")
    if redirect_uri not in client.spa_redirect_uris:
        message = f"AADSTS50011: The redirect URI '{redirect_uri}' specified in the request does not match the "
        raise ServiceFault(400, "invalid_request", f"{message}redirect URIs configured for the application.")
    try:
        asked = _read_request(query, sign_ins.directory)
        person = _find_silently(query, sign_ins, request)
    except ServiceFault as fault:
        refusal = {"error": fault.code, "error_description": fault.message}
        return _go_back(redirect_uri, query.get("response_mode", ""), query.get("state"), refusal)
    if person is not None:
        return _go_back_with_code(asked, sign_ins, person)
    flow, path = sign_ins.keep(asked), f"/{sign_ins.directory.authority.tenant_id}/login"
    people = sign_ins.directory.people.values()
    return show_people(people, client.display_name, flow, path, origin_of(redirect_uri))


def _log_in(form: dict[str, str], sign_ins: SignIns) -> Response:
    """Answer the page's form; raises ServiceFault where it is not under way, or names nobody."""
    asked = sign_ins.take(form.get("flow", ""))
    if "cancel" in form:
        cancelled = {"error": "access_denied", "error_subcode": "cancel"}
        return _go_back(asked.redirect_uri, asked.response_mode, asked.state, cancelled)
    person = sign_ins.directory.people.get(form.get("person", ""))
    if person is None:
        raise ServiceFault(400, "invalid_request", "AADSTS50034: The user account does not exist in the directory.")
    answer = _go_back_with_code(asked, sign_ins, person)
    # A client's page asks in a hidden frame, too: there this cookie is a third party's.
    answer.set_cookie(COOKIE, sign_ins.begin_session(person), secure=True, httponly=True, samesite="none")
    return answer


def _log_out(request: Request, sign_ins: SignIns) -> Response:
    sign_ins.end_session(request.cookies.get(COOKIE, ""))
    target = request.query_params.get("post_logout_redirect_uri", "")
    known = any(target in client.spa_redirect_uris for client in sign_ins.directory.applications.values())
    state = request.query_params.get("state")
    answer = _go_back(target, "query", state, {}) if known else show_signed_out()
    answer.delete_cookie(COOKIE, secure=True, httponly=True, samesite="none")
    return answer


def _read_request(query: dict[str, str], directory: Directory) -> SignInRequest:
    """Read what a client asks for; raises ServiceFault with what its redirect URI is answered."""
    mode = query.get("response_mode", "query")
    if query.get("response_type") != "code":
        message = "AADSTS70005: The local Azure has no response_type but 'code'."
        raise ServiceFault(400, "unsupported_response_type", message)
    if mode not in _RESPONSE_MODES:
        message = "AADSTS70007: The local Azure has no response_mode but 'query' and 'fragment'."
        raise ServiceFault(400, "invalid_request", message)
    if query.get("prompt", "") not in _PROMPTS:
        raise ServiceFault(400, "invalid_request", "AADSTS90023: Unsupported 'prompt' value.")
    if not query.get("scope"):
        message = "AADSTS900144: The request body must contain the following parameter: 'scope'."
        raise ServiceFault(400, "invalid_request", message)
    challenge = query.get("code_challenge", "")
    if challenge and query.get("code_challenge_method") != "S256":
        raise ServiceFault(400, "invalid_request", "AADSTS50149: Invalid Code_Challenge_method parameter.")
    if challenge and not _CHALLENGE.fullmatch(challenge):
        raise ServiceFault(400, "invalid_request", "AADSTS501491: Invalid size of Code_Challenge parameter.")
    return SignInRequest(
        client=directory.find(query["client_id"]),
        redirect_uri=query["redirect_uri"],
        response_mode=mode,
        state=query.get("state"),
        nonce=query.get("nonce", ""),
        code_challenge=challenge,
        asked=read_scopes(query["scope"], directory),
    )


def _find_silently(query: dict[str, str], sign_ins: SignIns, request: Request) -> Person | None:
    """Find who need not be asked; raises ServiceFault where nobody may be asked and somebody would have to be."""
    prompt, hint = query.get("prompt", ""), query.get("login_hint")
    person = sign_ins.find_session(request.cookies.get(COOKIE, ""))
    if prompt in ("login", "select_account") or (person and hint and hint != person.user_principal_name):
        person = None
    if prompt == "none" and person is None:
        message = "AADSTS50058: A silent sign-in request was sent but no user is signed in."
        raise ServiceFault(400, "login_required", message)
    return person


def _go_back_with_code(asked: SignInRequest, sign_ins: SignIns, person: Person) -> Response:
    code = {"code": sign_ins.issue_code(asked, person)}
    return _go_back(asked.redirect_uri, asked.response_mode, asked.state, code)


def _go_back(redirect_uri: str, mode: str, state: str | None, answer: dict[str, str]) -> Response:
    """Send the browser to a registered redirect URI; what is no mode that we know is answered in the query."""
    members = answer | ({} if state is None else {"state": state})
    separator = _RESPONSE_MODES.get(mode, "?")
    if separator in redirect_uri:
        separator = "&"
    target = f"{redirect_uri}{separator}{urlencode(members, quote_via=quote)}" if members else redirect_uri
    return RedirectResponse(target, 302, {"Cache-Control": "no-store", "Referrer-Policy": "no-referrer"})
