"""The pages as the host serves them: a fixed list of files, and nothing that lies beside them."""

import hashlib
import json
from http.client import HTTPConnection, HTTPResponse
from urllib.parse import urlsplit
from uuid import UUID

import pytest

from local.child_process import REPOSITORY
from local.stack import Stack
from triggers.pages import CONSOLE_FILES, DOCS_FILES

CONSOLE = REPOSITORY / "console"
SERVED = [(f"/api/console/{path}", file) for path, file in CONSOLE_FILES.items()]
SERVED += [(f"/api/docs/{path}", file) for path, file in DOCS_FILES.items()]
TYPES = {"html": "text/html", "css": "text/css", "js": "text/javascript", "svg": "image/svg+xml"}
NOT_SERVED = [
    "/api/console/types.d.ts",
    "/api/console/jsconfig.json",
    "/api/console/index.html",
    "/api/console/vendor/",
    "/api/console/vendor/.packages",
    "/api/console/vendor/swagger-ui.LICENSE",
    "/api/console/../function_app.py",
    "/api/console/../console/main.js",
    "/api/console/views/../../host.json",
    "/api/console/..%2f..%2fhost.json",
    "/api/console/%2e%2e/host.json",
    "/api/console/%2e%2e%2fhost.json",
    "/api/console/..%5chost.json",
    "/api/console/....//host.json",
    "/api/console//etc/passwd",
    "/api/console/%2fetc%2fpasswd",
    "/api/console/main.js%00.html",
    "/api/console/MAIN.JS",
    "/api/console/main.js/",
    "/api/docs/../console/main.js",
    "/api/docs/docs/index.html",
    "/api/docs/oauth2-redirect.html",
]


def get(stack: Stack, path: str, headers: dict[str, str] | None = None) -> tuple[HTTPResponse, bytes]:
    """Ask for a path as it is written: other clients would shorten it first."""
    connection = HTTPConnection(urlsplit(stack.host.functions_url).netloc, timeout=30)
    try:
        connection.request("GET", path, headers=headers or {})
        response = connection.getresponse()
        return response, response.read()
    finally:
        connection.close()


@pytest.mark.parametrize(("path", "file"), SERVED)
def test_a_page_is_served_to_anybody_and_known_by_its_content(stack: Stack, path: str, file: str) -> None:
    response, body = get(stack, path)
    assert (response.status, body) == (200, (CONSOLE / file).read_bytes())
    assert str(response.getheader("content-type")).split(";")[0] == TYPES[file.rpartition(".")[2]]
    etag = response.getheader("etag")
    assert etag == f'"{hashlib.sha256(body).hexdigest()[:32]}"'
    again, nothing = get(stack, path, {"If-None-Match": f'"other", W/{etag}'})
    assert (again.status, nothing) == (304, b"")
    changed, _ = get(stack, path, {"If-None-Match": '"other"'})
    assert changed.status == 200


@pytest.mark.parametrize("path", NOT_SERVED)
def test_what_is_not_on_the_list_does_not_exist(stack: Stack, path: str) -> None:
    response, body = get(stack, path)
    assert response.status == 404
    assert b"FunctionsApp" not in body
    assert b"extensionBundle" not in body


@pytest.mark.parametrize("path", ["/api/console", "/api/docs"])
def test_a_page_is_found_without_its_slash(stack: Stack, path: str) -> None:
    assert get(stack, path)[1] == get(stack, f"{path}/")[1]


@pytest.mark.parametrize("path", ["/api/console/", "/api/console/main.js", "/api/docs/", "/api/docs/none"])
def test_a_browser_is_told_what_a_page_may_do(stack: Stack, path: str) -> None:
    response, _ = get(stack, path)
    policy = dict(
        directive.strip().partition(" ")[::2]
        for directive in str(response.getheader("content-security-policy")).split(";")
    )
    assert policy["default-src"] == "'none'"
    assert policy["script-src"] == "'self'"
    assert policy["frame-ancestors"] == policy["base-uri"] == policy["form-action"] == "'none'"
    assert response.getheader("x-content-type-options") == "nosniff"
    assert response.getheader("referrer-policy") == "no-referrer"


def test_the_console_may_load_nothing_inline_and_talk_to_entra_only(stack: Stack) -> None:
    policy = str(get(stack, "/api/console/")[0].getheader("content-security-policy"))
    assert "unsafe" not in policy
    assert "style-src 'self';" in policy
    assert "connect-src 'self' https://login.microsoftonline.com;" in policy
    assert "require-trusted-types-for 'script'; trusted-types 'none'" in policy


def test_every_script_and_style_of_ours_is_on_the_list() -> None:
    ours = {
        str(path.relative_to(CONSOLE))
        for pattern in ("*.js", "*.css", "*.html", "*.svg")
        for path in CONSOLE.rglob(pattern)
        if "vendor" not in path.parts
    }
    assert ours <= {*CONSOLE_FILES.values(), *DOCS_FILES.values()}


def test_nothing_of_ours_turns_text_into_html() -> None:
    ours = [path for path in CONSOLE.rglob("*.js") if "vendor" not in path.parts]
    for word in ("innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval(", "localStorage"):
        assert [path.name for path in ours if word in path.read_text()] == [], word


def test_no_page_names_another_host() -> None:
    for path in CONSOLE.rglob("*.html"):
        assert "//" not in path.read_text().replace("<!doctype html>", ""), path


def test_the_configuration_says_how_to_sign_in(stack: Stack) -> None:
    response, body = get(stack, "/api/console/config.json")
    tenant = stack.azure.endpoints.tenant_id
    assert response.status == 200
    assert response.getheader("cache-control") == "no-store"
    document = json.loads(body)
    UUID(document.pop("clientId"))
    assert document == {
        "tenantId": tenant,
        "scope": "api://hsm-provisioner/access_as_user",
        "authority": f"https://login.microsoftonline.com/{tenant}",
        "apiVersion": "2026-11-01",
    }
