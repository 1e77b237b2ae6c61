"""The pages: the console, and the API's document to read and try; static files, of a fixed list."""

import hashlib
from functools import cache
from pathlib import Path
from typing import Final, NamedTuple

import azure.functions as func

from domain.caller import SCOPE
from domain.cloud import AUTHORITY
from triggers.registration import blueprint
from triggers.routes import API_VERSION

_ROOT: Final = Path(__file__).parent.parent / "console"
_TYPES: Final = {".css": "text/css", ".html": "text/html", ".js": "text/javascript", ".svg": "image/svg+xml"}
_VIEWS: Final = (
    "ceremony", "cleanup", "copying", "deletion", "drift", "every", "filters", "fleet", "handover", "hsm", "offline",
    "operation", "operations", "paper", "people", "problem", "receipt", "settings", "tables", "you",
)  # fmt: skip

# What is asked for, and the file that answers. What is not here does not exist, whatever lies in the folder.
CONSOLE_FILES: Final = {
    "": "index.html",
    **{name: name for name in ("icon.svg", "sheet.css", "style.css")},
    **{f"{name}.js": f"{name}.js" for name in ("api", "caller", "dom", "format", "main", "session", "status")},
    **{f"views/{name}.js": f"views/{name}.js" for name in _VIEWS},
    "vendor/msal-browser.min.js": "vendor/msal-browser.min.js",
}
DOCS_FILES: Final = {
    "": "docs/index.html",
    "start.js": "docs/start.js",
    "swagger-ui-bundle.js": "vendor/swagger-ui-bundle.js",
    "swagger-ui.css": "vendor/swagger-ui.css",
}

_SHARED_POLICY: Final = (
    "default-src 'none'; script-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
# Trusted types that nobody may make: no script of the console's can turn a text into HTML, even by mistake.
CONSOLE_POLICY: Final = (
    f"{_SHARED_POLICY}; style-src 'self'; img-src 'self'; connect-src 'self' {AUTHORITY}; "
    "require-trusted-types-for 'script'; trusted-types 'none'"
)
# Swagger UI's style sheet holds its pictures itself, and it writes styles on its elements.
DOCS_POLICY: Final = f"{_SHARED_POLICY}; style-src 'self' 'unsafe-inline'; img-src 'self' data:; connect-src 'self'"


class _Page(NamedTuple):
    """A file as it is served."""

    body: bytes
    media_type: str
    etag: str


CONSOLE_PATH: Final = "console/{*path}"
DOCS_PATH: Final = "docs/{*path}"


@blueprint.route(route=CONSOLE_PATH, trigger_arg_name="request", methods=["GET"], auth_level=func.AuthLevel.ANONYMOUS)
def get_console(request: func.HttpRequest) -> func.HttpResponse:
    """Serve the console, and how it signs people in."""
    path = request.route_params.get("path", "")
    if path == "config.json":
        return _configuration()
    return _serve(request, CONSOLE_FILES.get(path), CONSOLE_POLICY)


@blueprint.route(route=DOCS_PATH, trigger_arg_name="request", methods=["GET"], auth_level=func.AuthLevel.ANONYMOUS)
def get_docs(request: func.HttpRequest) -> func.HttpResponse:
    """Serve Swagger UI over the API's OpenAPI document."""
    return _serve(request, DOCS_FILES.get(request.route_params.get("path", "")), DOCS_POLICY)


def _configuration() -> func.HttpResponse:
    """Say how to sign in; without `clientId` the deployment has no application for people."""
    from domain.settings import settings
    from triggers.door.problems import answer

    deployment = settings()
    document = {
        "tenantId": deployment.tenant_id,
        "scope": f"{deployment.api_audience}/{SCOPE}",
        "authority": f"{AUTHORITY}/{deployment.tenant_id}",
        "apiVersion": API_VERSION,
    }
    if deployment.console_client_id:
        document["clientId"] = deployment.console_client_id
    return answer(200, document)


def _serve(request: func.HttpRequest, file: str | None, policy: str) -> func.HttpResponse:
    """Serve a file of the list; a browser that has it asks again whether it is still the same."""
    headers = {
        "Content-Security-Policy": policy,
        "Referrer-Policy": "no-referrer",
        "X-Content-Type-Options": "nosniff",
    }
    if file is None:
        return func.HttpResponse("There is no such page.\n", status_code=404, mimetype="text/plain", headers=headers)
    page = _load(file)
    headers |= {"ETag": page.etag, "Cache-Control": "no-cache"}
    known = request.headers.get("if-none-match", "")
    if page.etag in {tag.strip().removeprefix("W/") for tag in known.split(",")}:
        return func.HttpResponse(status_code=304, headers=headers)
    return func.HttpResponse(page.body, status_code=200, mimetype=page.media_type, charset="utf-8", headers=headers)


@cache
def _load(file: str) -> _Page:
    path = _ROOT / file
    body = path.read_bytes()
    return _Page(body, _TYPES[path.suffix], f'"{hashlib.sha256(body).hexdigest()[:32]}"')
