"""The pages that a person sees: choosing who one is, having signed out, and what went wrong."""

import base64
import hashlib
from collections.abc import Iterable
from html import escape
from typing import Final

from starlette.responses import HTMLResponse, Response

from local.azure.entra.models import Person

_STYLE: Final = """
:root { color-scheme: light dark; font: 1rem/1.5 system-ui, sans-serif; }
body { margin: 2rem auto; max-width: 26rem; padding: 0 1rem; }
button { border: 1px solid; border-radius: .25rem; cursor: pointer; font: inherit; margin: .25rem 0; padding: .5rem;
  text-align: left; width: 100%; }
button span { display: block; overflow-wrap: anywhere; }
"""
_STYLE_HASH: Final = base64.b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()


def show_people(people: Iterable[Person], client_name: str, flow: str, path: str, redirect_origin: str) -> Response:
    """Show everybody of the directory as a button; the form goes back to `path` and from there to the client."""
    buttons = "".join(_make_button(person) for person in people)
    none = "<p>There is nobody in the directory: the control API makes people.</p>"
    body = (
        f"<p>to {escape(client_name)}, at the local Azure: no password is asked for.</p>"
        f'<form method="post" action="{escape(path)}"><input type="hidden" name="flow" value="{escape(flow)}">'
        f"{buttons or none}"
        '<button name="cancel" value="1"><span>Cancel</span></button></form>'
    )
    # A browser holds the redirect that follows upon the form against this directive, too.
    return _make_page("Sign in", body, form_action=f"'self' {redirect_origin}")


def show_signed_out() -> Response:
    """Say that nobody is signed in to this browser any more."""
    return _make_page("You signed out", "<p>You can close this window.</p>")


def show_error(message: str, status: int) -> Response:
    """Say what is wrong with a request whose answer must go nowhere else."""
    return _make_page("You cannot be signed in", f"<p>{escape(message)}</p>", status=status)


def _make_button(person: Person) -> str:
    identifier, name, username = map(escape, (person.object_id, person.display_name, person.user_principal_name))
    return f'<button name="person" value="{identifier}"><span>{name}</span><span>{username}</span></button>'


def _make_page(title: str, body: str, *, status: int = 200, form_action: str = "'none'") -> Response:
    page = (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{title}</title><style>{_STYLE}</style></head>"
        f"<body><main><h1>{title}</h1>{body}</main></body></html>"
    )
    policy = (
        f"default-src 'none'; style-src 'sha256-{_STYLE_HASH}'; form-action {form_action}; "
        "base-uri 'none'; frame-ancestors 'none'"
    )
    headers = {
        "Content-Security-Policy": policy,
        "Cache-Control": "no-store",
        "Referrer-Policy": "no-referrer",
        "X-Content-Type-Options": "nosniff",
        "X-Frame-Options": "DENY",
    }
    return HTMLResponse(page, status, headers)
