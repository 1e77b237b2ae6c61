"""Bad tokens: each is refused with 401 (or 403 where only the role is wrong), and none reaches a handler."""

import base64
import json
import time
import uuid
from collections.abc import Callable
from typing import Any, Final

import pytest
import requests

from local.azure.control.models import NewToken
from local.policy import TEAM_A
from local.portal import API_VERSION
from local.stack import API_AUDIENCE, Stack
from triggers.routes import ROUTES, Route

OTHER_TENANT: Final = "11111111-1111-1111-1111-111111111111"
ALL_ROLES: Final = ["Hsm.Read", "Hsm.Request", "Hsm.Approve", "Hsm.Operate", "Hsm.Audit"]
NOW: Final = int(time.time())


def minted(**changes: Any) -> Callable[[Stack], str]:
    """A token that is right but for the changes: an application's that may do everything."""

    def make(stack: Stack) -> str:
        values = {"audience": API_AUDIENCE, "roles": ALL_ROLES, "groups": [TEAM_A], **changes}
        return stack.control.create_token(NewToken.model_validate(values))

    return make


def claims(**values: Any) -> Callable[[Stack], str]:
    return minted(claims=values)


def changed(change: Callable[[str], str]) -> Callable[[Stack], str]:
    return lambda stack: change(minted()(stack))


def parts(token: str) -> tuple[str, str, str]:
    header, payload, signature = token.split(".")
    return header, payload, signature


def encoded(value: object) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=").decode()


def with_other_claims(token: str) -> str:
    header, payload, signature = parts(token)
    known = json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
    return f"{header}.{encoded({**known, 'oid': 'somebody-else'})}.{signature}"


def with_flipped_bit(token: str) -> str:
    header, payload, signature = parts(token)
    return f"{header}.{payload}.{'B' if signature[10] != 'B' else 'C'}".join(["", signature[11:]])


UNAUTHENTICATED: Final[dict[str, Callable[[Stack], str]]] = {
    # What is no token.
    "garbage": lambda _: "garbage",
    "three garbage parts": lambda _: "a.b.c",
    "dots": lambda _: "..",
    "binary": lambda _: "\xff\xfe\x00".encode("latin-1").hex(),
    "very long garbage": lambda _: "x" * 20_000,
    "JSON": lambda _: '{"alg":"none"}',
    "an encrypted token's five parts": lambda _: "a.b.c.d.e",
    "a header that is a list": lambda _: f"{encoded(['none'])}.{encoded({})}.",
    "a header that is no JSON": lambda _: "bm8.e30.c2ln",
    # Signatures.
    "alg none": minted(algorithm="none"),
    "alg none in capitals": minted(algorithm="none", header={"alg": "NONE"}),
    "HS256 with the public key": minted(algorithm="HS256"),
    "HS256 with the public key under RS256's name": minted(algorithm="HS256", header={"alg": "RS256"}),
    "RS384": minted(algorithm="RS384"),
    "PS256": minted(algorithm="PS256"),
    "ES256": minted(algorithm="ES256"),
    "an unpublished key": minted(signing_key="unpublished"),
    "an unpublished key that the header brings along": minted(signing_key="unpublished", embed_key=True),
    "an unpublished key and where to find it": minted(
        signing_key="unpublished", header={"jku": "https://evil.example"}
    ),
    "an unpublished key and its certificate's address": minted(
        signing_key="unpublished", header={"x5u": "https://evil.example"}
    ),
    "a critical extension": minted(header={"crit": ["b64"], "b64": False}),
    "no key id": minted(key_id=None),
    "an unknown key id": minted(key_id="somebody-elses"),
    "a key id that is a path": minted(key_id="../../keys"),
    "a key id that is a number": minted(header={"kid": 1}),
    "a key id that is a list": minted(header={"kid": ["local-azure-1"]}),
    "no signature": changed(lambda token: ".".join([*parts(token)[:2], ""])),
    "a signature of zeros": changed(lambda token: ".".join([*parts(token)[:2], "A" * 342])),
    "a changed signature": changed(with_flipped_bit),
    "changed claims": changed(with_other_claims),
    "another token's signature": lambda stack: ".".join(
        [*parts(minted()(stack))[:2], parts(minted(object_id="x")(stack))[2]]
    ),
    "cut off": changed(lambda token: token[:-20]),
    "a second payload": changed(lambda token: token + "." + parts(token)[1]),
    # Audience.
    "Azure's audience": minted(audience="https://management.azure.com"),
    "Graph's audience": minted(audience="https://graph.microsoft.com"),
    "another API's audience": claims(aud="api://another"),
    "the audience with something after it": claims(aud=f"{API_AUDIENCE}/"),
    "the audience with something before it": claims(aud=f"x{API_AUDIENCE}"),
    "an empty audience": claims(aud=""),
    "no audience": minted(without=["aud"]),
    "an audience that is an object": claims(aud={"aud": API_AUDIENCE}),
    "a list of other audiences": claims(aud=["api://another", "https://vault.azure.net"]),
    # Issuer and tenant.
    "another tenant": minted(tenant_id=OTHER_TENANT),
    "another tenant in tid only": claims(tid=OTHER_TENANT),
    "another issuer": minted(issuer="https://sts.windows.net/elsewhere/"),
    "another tenant's issuer": minted(issuer=f"https://sts.windows.net/{OTHER_TENANT}/"),
    "the common issuer": minted(issuer="https://login.microsoftonline.com/common/v2.0"),
    "no issuer": minted(without=["iss"]),
    "an issuer that is a list": claims(iss=["https://sts.windows.net/"]),
    "no tenant": minted(without=["tid"]),
    "a tenant that is null": claims(tid=None),
    # Times.
    "expired": minted(expires_in_seconds=-600),
    "expired long ago": claims(exp=1),
    "no expiry": minted(without=["exp"]),
    "an expiry that is a word": claims(exp="tomorrow"),
    "an expiry that is an object": claims(exp={}),
    "not yet valid": minted(not_before_in_seconds=600),
    "no begin": minted(without=["nbf"]),
    "a begin that is a word": claims(nbf="now"),
    "issued in the future": claims(iat=NOW + 100_000),
    "no time of issue": minted(without=["iat"]),
    # Who it is.
    "no object id": minted(without=["oid"]),
    "an object id that is empty": claims(oid=""),
    "an object id that is a list": claims(oid=["a", "b"]),
    "an object id that is a name": claims(oid="admin"),
    "no subject": minted(without=["sub"]),
    "an ID token": minted(person=True, scopes="", without=["scp"]),
    "a person's with another scope": minted(person=True, scopes="openid profile"),
    "a person's with a scope that ends alike": minted(person=True, scopes="not_access_as_user access_as_user_"),
    "a person's that says it is an application's": minted(person=True, claims={"idtyp": "app"}),
    "a scope that is a list": minted(person=True, claims={"scp": ["access_as_user"]}),
    # The payload.
    "a payload that is a list": minted(payload="[]"),
    "a payload that is null": minted(payload="null"),
    "a payload that is no JSON": minted(payload="nonsense"),
    "an empty payload": minted(payload="{}"),
    "a payload as deep as a well": minted(payload="[" * 5_000 + "]" * 5_000),
    "17,000 characters": minted(minimum_length=17_000),
}

WITHOUT_ROLE: Final[dict[str, Callable[[Stack], str]]] = {
    "no role": minted(roles=[]),
    "another API's role": minted(roles=["Vault.Read"]),
    "a role in small letters": minted(roles=["hsm.operate"]),
    "a role with something after it": minted(roles=["Hsm.Operate "]),
    "roles in one text": claims(roles="Hsm.Read Hsm.Operate"),
    "roles that are an object": claims(roles={"Hsm.Operate": True}),
    "roles in a list of a list": claims(roles=[["Hsm.Operate"]]),
    "a role as a scope": minted(person=True, roles=[], scopes="access_as_user Hsm.Operate"),
    "a role as a group": minted(roles=[], groups=["Hsm.Operate"]),
}


def test_the_tables_are_of_the_promised_size() -> None:
    assert len(UNAUTHENTICATED) + len(WITHOUT_ROLE) >= 60


@pytest.mark.parametrize("case", [*UNAUTHENTICATED, *WITHOUT_ROLE])
def test_a_bad_token_is_refused_and_reaches_no_handler(case: str, stack: Stack) -> None:
    token = {**UNAUTHENTICATED, **WITHOUT_ROLE}[case](stack)
    response = send(stack, "PUT", "hsms/anything", {"Authorization": f"Bearer {token}"}, b"{}")
    expected = (401, "unauthenticated") if case in UNAUTHENTICATED else (403, "role_missing")
    assert (response.status_code, response.json()["code"]) == expected, response.text
    assert handled(stack, response) == 0
    assert token not in response.text


@pytest.mark.parametrize("scheme", ["", "Bearer", "Bearer ", "Basic dTpw", "Token {}", "Bearer {} {}", "bearer\t{}x"])
def test_what_is_no_bearer_token_is_refused(scheme: str, stack: Stack) -> None:
    token = minted()(stack)
    response = send(stack, "PUT", "hsms/anything", {"Authorization": scheme.replace("{}", token)}, b"{}")
    assert (response.status_code, response.json()["code"]) == (401, "unauthenticated")
    assert response.headers["WWW-Authenticate"].startswith("Bearer")


@pytest.mark.parametrize("where", ["query", "cookie", "body", "another header"])
def test_a_token_elsewhere_than_in_its_header_is_not_looked_for(where: str, stack: Stack) -> None:
    token = minted()(stack)
    headers = {"cookie": {"Cookie": f"access_token={token}"}, "another header": {"X-Authorization": f"Bearer {token}"}}
    query = f"&access_token={token}" if where == "query" else ""
    body = json.dumps({"access_token": token}).encode() if where == "body" else b"{}"
    response = send(stack, "PUT", "hsms/anything", headers.get(where, {}), body, query)
    assert response.status_code == 401


@pytest.mark.parametrize("route", [route for route in ROUTES if route.roles], ids=lambda route: route.name)
def test_every_call_is_behind_the_door(route: Route, stack: Stack) -> None:
    path = route.path.replace("{name}", "anything").replace("{id}", "anything-01HZZZZZZZZZZZZZZZZZZZZZZZ")
    nobody = send(stack, route.method, path, {}, b"{}")
    assert (nobody.status_code, nobody.json()["code"]) == (401, "unauthenticated")
    no_role = send(stack, route.method, path, {"Authorization": f"Bearer {minted(roles=[])(stack)}"}, b"{}")
    assert (no_role.status_code, no_role.json()["code"]) == (403, "role_missing")
    assert [handled(stack, response) for response in (nobody, no_role)] == [0, 0]


def test_a_good_token_reaches_the_handler(stack: Stack) -> None:
    """What the tests above take for proof does show when a handler runs."""
    response = send(stack, "GET", "hsms/nobody-has-this", {"Authorization": f"Bearer {minted()(stack)}"})
    assert (response.status_code, response.json()["code"]) == (404, "hsm_not_found")
    assert handled(stack, response) > 0


def handled(stack: Stack, response: requests.Response) -> int:
    """Count what a request's handler asked of Azure: each looks into the store first.

    The door asks for Entra's keys, and records whom it refused.
    """
    asked = response.headers["x-ms-client-request-id"]
    doors = ("entra/", "blob_storage/audit/refusals/")
    calls = [
        f"{entry['service']}{entry['path']}" for entry in stack.control.journal() if asked == entry["clientRequestId"]
    ]
    return sum(not call.startswith(doors) for call in calls)


def send(
    stack: Stack, method: str, path: str, headers: dict[str, str], body: bytes | None = None, query: str = ""
) -> requests.Response:
    url = f"{stack.host.functions_url}/api/{path}?api-version={API_VERSION}{query}"
    with requests.Session() as session:
        session.trust_env = False
        kind = {"Content-Type": "application/json"} if body else {}
        named = {"x-ms-client-request-id": str(uuid.uuid4()), **kind}
        return session.request(method, url, headers={**named, **headers}, data=body, timeout=60)
