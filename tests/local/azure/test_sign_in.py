"""Sign-in of persons in a browser, as MSAL does it, and every way in which it is refused."""

import base64
import json
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

import jwt
import pytest
import requests
from hypothesis import given
from hypothesis import strategies as st

from local.azure.control.client import ControlClient
from local.azure.entra.models import Api, Application, Person
from local.azure.entra.pages import show_error, show_people
from local.azure.entra.sign_in import CODE_SECONDS, REFRESH_SECONDS
from local.azure.launch import LocalAzure
from tests.local.azure.browser import LOGIN, Browser, Page
from tests.local.azure.in_process import InProcess, running_in_process

API = "api://hsm-provisioner"
REDIRECT = "http://127.0.0.1:7071/api/console/"
GRAPH = "https://graph.microsoft.com"
HOSTILE = '"><script>alert(1)</script>'
UNKNOWN = "00000000-0000-0000-0000-000000000001"


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[InProcess]:
    with running_in_process(tmp_path_factory.mktemp("in-process")) as running:
        directory = running.world.directory
        directory.add_person(Person("Ada", "ada@contoso.example", ["a-group"], {API: ["Hsm.Read"]}))
        directory.add_person(Person("Grace", "grace@contoso.example", app_roles={API: ["Hsm.Approve"]}))
        directory.add(Application("HSM console", spa_redirect_uris=[REDIRECT, f"{REDIRECT}?a=1"]))
        directory.add(Application("another console", spa_redirect_uris=["http://127.0.0.1:7071/other"]))
        yield running


@pytest.fixture
def here(served: InProcess, monkeypatch: pytest.MonkeyPatch) -> InProcess:
    for name, value in served.environment.items():
        monkeypatch.setenv(name, value)
    return served


def client_of(here: InProcess, name: str) -> str:
    return next(item.client_id for item in here.world.directory.applications.values() if item.display_name == name)


def person_of(here: InProcess, name: str) -> str:
    return next(item.object_id for item in here.world.directory.people.values() if item.display_name == name)


@pytest.fixture
def browser(here: InProcess) -> Browser:
    return Browser(here.world.tenant_id, client_of(here, "HSM console"), REDIRECT)


@pytest.fixture
def ada(here: InProcess) -> str:
    return person_of(here, "Ada")


def verify(token: str, audience: str) -> dict[str, Any]:
    (key,) = requests.get(f"{LOGIN}/common/discovery/v2.0/keys", timeout=5).json()["keys"]
    claims: dict[str, Any] = jwt.decode(token, jwt.PyJWK(key), algorithms=["RS256"], audience=audience)
    return claims


def refusal_of(response: requests.Response) -> tuple[int, str, int]:
    body = response.json()
    assert "access_token" not in response.text
    assert body["error_description"].startswith(f"AADSTS{body['error_codes'][0]}: ")
    return response.status_code, body["error"], body["error_codes"][0]


def test_a_person_signs_in(here: InProcess, browser: Browser, ada: str) -> None:
    page = browser.authorize()
    assert page.status_code == 200
    answer = browser.read_answer(browser.press(page, ada))
    assert answer.keys() == {"code", "state"}
    assert answer["state"] == "a state|with=signs&"
    response = browser.redeem(answer["code"])
    assert (response.status_code, response.headers["Cache-Control"]) == (200, "no-store")
    tokens = response.json()
    assert (tokens["token_type"], tokens["scope"], tokens["expires_in"]) == ("Bearer", f"{API}/access_as_user", 3599)

    access = verify(tokens["access_token"], API)
    tenant = here.world.tenant_id
    assert (access["oid"], access["tid"], access["iss"]) == (ada, tenant, f"https://sts.windows.net/{tenant}/")
    assert (access["scp"], access["roles"], access["groups"]) == ("access_as_user", ["Hsm.Read"], ["a-group"])
    assert (access["appid"], access["appidacr"], access["upn"]) == (browser.client_id, "0", "ada@contoso.example")
    assert "idtyp" not in access

    own = verify(tokens["id_token"], browser.client_id)
    assert (own["oid"], own["tid"], own["nonce"]) == (ada, tenant, "a-nonce")
    assert (own["iss"], own["ver"]) == (f"{LOGIN}/{tenant}/v2.0", "2.0")
    assert (own["name"], own["preferred_username"]) == ("Ada", "ada@contoso.example")
    assert len({ada, access["sub"], own["sub"]}) == 3

    info = json.loads(base64.urlsafe_b64decode(tokens["client_info"] + "=="))
    assert info == {"uid": ada, "utid": tenant}


def test_an_api_that_wants_version_2(here: InProcess, browser: Browser, ada: str) -> None:
    api = here.world.directory.find_api(API)
    here.world.directory.add_api(Api(API, "hsm-provisioner", version=2))
    try:
        access = verify(browser.redeem(browser.sign_in(ada)).json()["access_token"], "hsm-provisioner")
    finally:
        here.world.directory.add_api(api)
    assert access["iss"] == f"{LOGIN}/{here.world.tenant_id}/v2.0"
    assert (access["azp"], access["azpacr"], access["scp"]) == (browser.client_id, "0", "access_as_user")
    assert (access["preferred_username"], access["roles"]) == ("ada@contoso.example", ["Hsm.Read"])
    assert not access.keys() & {"upn", "unique_name", "appid", "idtyp"}


@pytest.mark.parametrize(
    ("scope", "audience", "scp", "given"),
    [
        (f"openid {API}/.default", API, "access_as_user", {"id_token"}),
        (f"{API}/access_as_user", API, "access_as_user", set()),
        ("hsm-provisioner/access_as_user offline_access", "hsm-provisioner", "access_as_user", {"refresh_token"}),
        ("openid profile", GRAPH, "openid profile", {"id_token"}),
        ("User.Read", GRAPH, "User.Read", set()),
        (f"{API}/access_as_user {GRAPH}/User.Read", API, "access_as_user", set()),
        ("https://management.azure.com//.default", "https://management.azure.com", "user_impersonation", set()),
    ],
)
def test_what_is_asked_for_is_given(
    browser: Browser, ada: str, scope: str, audience: str, scp: str, given: set[str]
) -> None:
    tokens = browser.redeem(browser.sign_in(ada, scope=scope), scope=None, client_info=None).json()
    assert verify(tokens["access_token"], audience)["scp"] == scp
    assert tokens.keys() & {"id_token", "refresh_token", "client_info"} == given


@pytest.mark.parametrize(
    ("changed", "refusal"),
    [
        ({"code_verifier": "x" * 43}, (400, "invalid_grant", 501481)),
        ({"code_verifier": "ü"}, (400, "invalid_grant", 501481)),
        ({"code_verifier": None}, (400, "invalid_request", 9002325)),
        ({"code": "x"}, (400, "invalid_grant", 70000)),
        ({"code": None}, (400, "invalid_grant", 70000)),
        ({"redirect_uri": f"{REDIRECT}?a=1"}, (400, "invalid_client", 500112)),
        ({"redirect_uri": None}, (400, "invalid_client", 500112)),
        ({"client_id": UNKNOWN}, (400, "unauthorized_client", 700016)),
        ({"origin": None}, (400, "invalid_request", 9002327)),
        ({"origin": "http://127.0.0.1:7072"}, (400, "invalid_request", 9002326)),
        ({"origin": "null"}, (400, "invalid_request", 9002326)),
        ({"base": f"{LOGIN}/common"}, (400, "invalid_request", 90002)),
        ({"grant_type": "password"}, (400, "unsupported_grant_type", 70003)),
        ({"grant_type": None}, (400, "unsupported_grant_type", 70003)),
        ({"grant_type": "client_credentials"}, (400, "invalid_request", 9002326)),
        ({"grant_type": "client_credentials", "origin": None}, (401, "invalid_client", 7000215)),
        ({"scope": f"{API}/all"}, (400, "invalid_client", 650053)),
        ({"scope": "api://unknown/.default"}, (400, "invalid_resource", 500011)),
    ],
)
def test_a_wrong_redemption_is_refused(
    browser: Browser, ada: str, changed: dict[str, str | None], refusal: tuple[int, str, int]
) -> None:
    code = browser.sign_in(ada)
    assert refusal_of(browser.redeem(code, **changed)) == refusal
    assert browser.redeem(code).status_code == 200


def test_another_client_cannot_redeem(here: InProcess, browser: Browser, ada: str) -> None:
    other = client_of(here, "another console")
    code = browser.sign_in(ada)
    assert refusal_of(browser.redeem(code, client_id=other)) == (400, "invalid_grant", 70000)
    token = browser.redeem(code).json()["refresh_token"]
    assert refusal_of(browser.refresh(token, client_id=other)) == (400, "invalid_grant", 70000)


def test_a_code_is_redeemed_once(browser: Browser, ada: str) -> None:
    code = browser.sign_in(ada)
    assert browser.redeem(code).status_code == 200
    assert refusal_of(browser.redeem(code)) == (400, "invalid_grant", 54005)


def test_a_code_expires(here: InProcess, browser: Browser, ada: str) -> None:
    code = browser.sign_in(ada)
    here.world.timing.clock.change(advance_seconds=CODE_SECONDS)
    assert refusal_of(browser.redeem(code)) == (400, "invalid_grant", 70008)


def test_a_code_without_a_challenge_is_no_use(browser: Browser, ada: str) -> None:
    code = browser.sign_in(ada, code_challenge=None, code_challenge_method=None)
    assert refusal_of(browser.redeem(code)) == (400, "invalid_request", 9002325)


def test_a_refresh_token(here: InProcess, browser: Browser, ada: str) -> None:
    first = browser.redeem(browser.sign_in(ada)).json()
    assert first["refresh_token_expires_in"] in (REFRESH_SECONDS, REFRESH_SECONDS - 1)
    here.world.timing.clock.change(advance_seconds=REFRESH_SECONDS / 2)
    second = browser.refresh(first["refresh_token"]).json()
    assert verify(second["access_token"], API)["oid"] == ada
    assert "nonce" not in verify(second["id_token"], browser.client_id)
    assert second["refresh_token"] != first["refresh_token"]
    assert second["refresh_token_expires_in"] <= REFRESH_SECONDS / 2
    graph = browser.refresh(first["refresh_token"], scope="User.Read").json()
    assert verify(graph["access_token"], GRAPH)["scp"] == "User.Read"
    assert "refresh_token" not in graph
    here.world.timing.clock.change(advance_seconds=REFRESH_SECONDS / 2)
    for token in (first["refresh_token"], second["refresh_token"]):
        assert refusal_of(browser.refresh(token)) == (400, "invalid_grant", 70008)
    assert refusal_of(browser.refresh("x")) == (400, "invalid_grant", 70000)


def test_roles_are_those_of_the_moment(here: InProcess, browser: Browser, ada: str) -> None:
    token = browser.redeem(browser.sign_in(ada)).json()["refresh_token"]
    person = here.world.directory.people[ada]
    person.app_roles, before = {API: ["Hsm.Audit"]}, person.app_roles
    try:
        assert verify(browser.refresh(token).json()["access_token"], API)["roles"] == ["Hsm.Audit"]
    finally:
        person.app_roles = before


@pytest.mark.parametrize(
    "uri",
    [
        None,
        "",
        "https://evil.example/",
        f"{REDIRECT}/",
        REDIRECT.removesuffix("/"),
        f"{REDIRECT}evil",
        f"{REDIRECT}#",
        REDIRECT.replace("127.0.0.1", "127.0.0.1@evil.example"),
        REDIRECT.replace("7071", "7072"),
        REDIRECT.upper(),
        HOSTILE,
    ],
)
def test_a_redirect_uri_that_is_not_registered_is_never_gone_to(browser: Browser, uri: str | None) -> None:
    for prompt in ("none", None):
        response = browser.authorize(redirect_uri=uri, prompt=prompt)
        assert (response.status_code, "Location" in response.headers) == (400, False)
        assert "AADSTS50011" in response.text
        assert "<script" not in response.text


def test_what_is_wrong_with_a_client_is_shown(here: InProcess, browser: Browser) -> None:
    browser.client_id = UNKNOWN
    response = browser.authorize()
    assert (response.status_code, "AADSTS700016" in response.text) == (400, True)
    browser.client_id = here.world.developer.client_id
    response = browser.authorize()
    assert (response.status_code, "AADSTS50011" in response.text) == (400, True)
    browser.base = f"{LOGIN}/{UNKNOWN}"
    response = browser.authorize()
    assert (response.status_code, "AADSTS90002" in response.text) == (400, True)


@pytest.mark.parametrize(
    ("changed", "error", "code"),
    [
        ({"response_type": "token"}, "unsupported_response_type", 70005),
        ({"response_type": None}, "unsupported_response_type", 70005),
        ({"response_mode": "form_post"}, "invalid_request", 70007),
        ({"prompt": "nothing"}, "invalid_request", 90023),
        ({"scope": None}, "invalid_request", 900144),
        ({"scope": f"{API}/all"}, "invalid_client", 650053),
        ({"scope": "api://unknown/x"}, "invalid_resource", 500011),
        ({"code_challenge_method": "plain"}, "invalid_request", 50149),
        ({"code_challenge_method": None}, "invalid_request", 50149),
        ({"code_challenge": "short"}, "invalid_request", 501491),
        ({"prompt": "none"}, "login_required", 50058),
        ({"prompt": "none", "response_mode": "query"}, "login_required", 50058),
    ],
)
def test_a_wrong_request_is_refused_at_the_redirect_uri(
    browser: Browser, changed: dict[str, str | None], error: str, code: int
) -> None:
    answer = browser.read_answer(browser.authorize(**changed))
    assert (answer["error"], answer["state"]) == (error, "a state|with=signs&")
    assert answer["error_description"].startswith(f"AADSTS{code}: ")


def test_where_the_answer_is(browser: Browser, ada: str) -> None:
    def parts(**changed: str) -> Any:
        return urlsplit(browser.press(browser.authorize(**changed, prompt="login"), ada).headers["Location"])

    assert parts(response_mode="query").query.startswith("code=")
    assert parts(response_mode="query", redirect_uri=f"{REDIRECT}?a=1").query.startswith("a=1&code=")
    fragment = parts(redirect_uri=f"{REDIRECT}?a=1")
    assert (fragment.query, fragment.fragment.partition("=")[0]) == ("a=1", "code")
    assert parts(state="").fragment.endswith("&state=")


def test_a_session(here: InProcess, browser: Browser, ada: str) -> None:
    response = browser.press(browser.authorize(), ada)
    cookie = response.headers["Set-Cookie"]
    assert {"Secure", "HttpOnly", "SameSite=none", "Path=/"} <= set(cookie.split("; "))
    for changed in ({}, {"prompt": "none"}, {"prompt": "none", "login_hint": "ada@contoso.example"}):
        code = browser.read_answer(browser.authorize(**changed))["code"]
        assert verify(browser.redeem(code).json()["access_token"], API)["oid"] == ada
    other = {"login_hint": "grace@contoso.example"}
    assert browser.read_answer(browser.authorize(prompt="none", **other))["error"] == "login_required"
    grace = person_of(here, "Grace")
    pages = [browser.authorize(**changed) for changed in (other, {"prompt": "login"}, {"prompt": "select_account"})]
    assert [page.status_code for page in pages] == [200, 200, 200]
    browser.press(pages[0], grace)
    code = browser.read_answer(browser.authorize(prompt="none"))["code"]
    assert verify(browser.redeem(code).json()["access_token"], API)["oid"] == grace
    elsewhere = Browser(here.world.tenant_id, browser.client_id, REDIRECT)
    elsewhere.session.cookies.set("ESTSAUTH", "guessed", domain="login.microsoftonline.com")
    assert elsewhere.read_answer(elsewhere.authorize(prompt="none"))["error"] == "login_required"


def test_signing_out(browser: Browser, ada: str) -> None:
    def sign_out(**parameters: str) -> requests.Response:
        url = f"{browser.base}/oauth2/v2.0/logout"
        return browser.session.get(url, params=parameters, timeout=5, allow_redirects=False)

    browser.sign_in(ada)
    session = browser.session.cookies["ESTSAUTH"]
    response = sign_out(post_logout_redirect_uri=REDIRECT, state="s")
    assert (response.status_code, response.headers["Location"]) == (302, f"{REDIRECT}?state=s")
    assert browser.read_answer(browser.authorize(prompt="none"))["error"] == "login_required"
    browser.session.cookies.set("ESTSAUTH", session, domain="login.microsoftonline.com")
    assert browser.read_answer(browser.authorize(prompt="none"))["error"] == "login_required"
    assert sign_out(post_logout_redirect_uri=REDIRECT).headers["Location"] == REDIRECT
    for elsewhere in ({}, {"post_logout_redirect_uri": "https://evil.example/"}):
        response = sign_out(**elsewhere)
        assert (response.status_code, "Location" in response.headers) == (200, False)


def test_whoever_cancels_is_not_signed_in(browser: Browser) -> None:
    answer = browser.read_answer(browser.press(browser.authorize(), "1"))
    assert (answer["error"], answer["error_subcode"], "code" in answer) == ("access_denied", "cancel", False)
    assert browser.read_answer(browser.authorize(prompt="none"))["error"] == "login_required"


def test_a_page_is_answered_once_and_only_by_somebody(browser: Browser, ada: str) -> None:
    page = browser.authorize()
    assert browser.press(page, ada).status_code == 302
    again = browser.press(page, ada)
    assert (again.status_code, "Location" in again.headers) == (400, False)
    fields = Page(browser.authorize(prompt="login").text).fields
    for form in ({**fields, "person": UNKNOWN}, {"person": ada}, {}):
        response = browser.session.post(f"{browser.base}/login", data=form, timeout=5, allow_redirects=False)
        assert (response.status_code, "Location" in response.headers) == (400, False)


def test_pages_may_ask_from_registered_origins_only(browser: Browser, ada: str) -> None:
    url = f"{browser.base}/oauth2/v2.0/token"
    asked = {"Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "x-anchormailbox"}
    allowed = requests.options(url, headers={"Origin": browser.origin, **asked}, timeout=5)
    assert allowed.headers["Access-Control-Allow-Origin"] == browser.origin
    assert (allowed.headers["Access-Control-Allow-Headers"], allowed.headers["Vary"]) == ("*", "Origin")
    assert "POST" in allowed.headers["Access-Control-Allow-Methods"]
    for origin in ("http://127.0.0.1:7072", "https://127.0.0.1:7071", "null"):
        refused = requests.options(url, headers={"Origin": origin, **asked}, timeout=5)
        assert not [name for name in refused.headers if name.startswith("Access-Control-")]
    code = browser.sign_in(ada)
    answers = [browser.redeem(code, code_verifier="wrong"), browser.redeem(code, origin="https://evil.example")]
    answers.append(browser.redeem(code))
    origins = [answer.headers.get("Access-Control-Allow-Origin") for answer in answers]
    assert origins == [browser.origin, None, browser.origin]


def test_what_is_public_is_readable_by_every_page(here: InProcess) -> None:
    base = f"{LOGIN}/{here.world.tenant_id}"
    configuration = requests.get(f"{base}/v2.0/.well-known/openid-configuration", timeout=5)
    described = configuration.json()
    for name, path in {"authorization": "authorize", "token": "token", "end_session": "logout"}.items():
        assert described[f"{name}_endpoint"] == f"{base}/oauth2/v2.0/{path}"
    keys = requests.get(described["jwks_uri"], timeout=5)
    endpoint = {"api-version": "1.1", "authorization_endpoint": described["authorization_endpoint"]}
    instance = requests.get(f"{LOGIN}/common/discovery/instance", params=endpoint, timeout=5)
    assert instance.json()["tenant_discovery_endpoint"] == configuration.url
    elsewhere = {**endpoint, "authorization_endpoint": "https://evil.example/x/oauth2/v2.0/authorize"}
    refused = requests.get(f"{LOGIN}/common/discovery/instance", params=elsewhere, timeout=5)
    assert (refused.status_code, refused.json()["error"]) == (400, "invalid_instance")
    for answer in (configuration, keys, instance, refused):
        assert answer.headers["Access-Control-Allow-Origin"] == "*"


def test_the_page_protects_itself(here: InProcess, browser: Browser) -> None:
    hostile = here.world.directory.add_person(Person(HOSTILE, f"{HOSTILE}@contoso.example", object_id=HOSTILE))
    named = here.world.directory.add(Application(HOSTILE, spa_redirect_uris=["https://a.example/"]))
    try:
        hostile_client = Browser(here.world.tenant_id, named.client_id, "https://a.example/")
        pages = [browser.authorize(), hostile_client.authorize(), browser.authorize(redirect_uri=HOSTILE)]
    finally:
        del here.world.directory.people[hostile.object_id], here.world.directory.applications[named.client_id]
    for page, action in zip(pages, ["'self' http://127.0.0.1:7071", "'self' https://a.example", "'none'"], strict=True):
        assert "<script" not in page.text
        policy = dict(directive.split(" ", 1) for directive in page.headers["Content-Security-Policy"].split("; "))
        assert policy.pop("style-src").startswith("'sha256-")
        none = dict.fromkeys(("default-src", "base-uri", "frame-ancestors"), "'none'")
        assert policy == {**none, "form-action": action}
        assert (page.headers["X-Frame-Options"], page.headers["Cache-Control"]) == ("DENY", "no-store")


@given(name=st.text(), username=st.text(), object_id=st.text(min_size=1), client=st.text(), message=st.text())
def test_names_stay_texts(name: str, username: str, object_id: str, client: str, message: str) -> None:
    names = [text.replace("\r", "\n").encode(errors="ignore").decode() for text in (name, username, client, message)]
    page = Page(
        bytes(show_people([Person(names[0], names[1], object_id=object_id)], names[2], "f", "/p", "o").body).decode()
    )
    assert page.tags.count("button") == 2
    assert set(page.tags) <= {
        "html",
        "head",
        "meta",
        "title",
        "style",
        "body",
        "main",
        "h1",
        "p",
        "form",
        "input",
        "button",
        "span",
    }
    assert {name for name, _ in page.attributes} <= {
        "lang",
        "charset",
        "name",
        "content",
        "method",
        "action",
        "type",
        "value",
    }
    shown = "".join(page.texts)
    assert all(text in shown for text in names[:3])
    error = Page(bytes(show_error(names[3], 400).body).decode())
    assert names[3] in "".join(error.texts)
    assert "button" not in error.tags


def test_the_control_api_makes_all_that_a_sign_in_needs(azure: LocalAzure, control: ControlClient) -> None:
    group = control.create_group("custodians")
    api = "api://of-the-control-api"
    person = control.create_person("Ada", "ada@contoso.example", app_roles={api: ["Do.It"]}, groups=[group])
    control.create_api(api, "of-the-control-api", scopes=["Do"], version=2)
    browser = Browser(azure.endpoints.tenant_id, control.create_spa_client("console", [REDIRECT]), REDIRECT)
    assert person in control.people()
    since = len(control.journal())
    scope = f"openid {api}/Do"
    code = browser.sign_in(person.object_id, scope=scope)
    tokens = browser.redeem(code, scope=scope).json()
    access = verify(tokens["access_token"], "of-the-control-api")
    assert (access["oid"], access["scp"], access["roles"]) == (person.object_id, "Do", ["Do.It"])
    assert (access["groups"], access["ver"]) == ([group], "2.0")
    journal = str(control.journal("entra", since=since))
    assert "/oauth2/v2.0/authorize" in journal
    for secret in (code, browser.verifier, browser.session.cookies["ESTSAUTH"], tokens["access_token"]):
        assert secret not in journal


@pytest.mark.parametrize("uri", ["", "/relative", "ftp://a.example/", "https://a.example/#f", "http://127.0.0.1:*/"])
def test_a_redirect_uri_must_be_one(control: ControlClient, uri: str) -> None:
    with pytest.raises(ValueError, match="a redirect URI is absolute"):
        control.create_spa_client("console", [uri])


def test_graph_tells_a_person_who_they_are(browser: Browser, ada: str) -> None:
    tokens = browser.redeem(browser.sign_in(ada, scope="User.Read openid"), scope=None).json()
    headers = {"Authorization": f"Bearer {tokens['access_token']}"}
    assert requests.get(f"{GRAPH}/v1.0/me", headers=headers, timeout=5).json()["id"] == ada
