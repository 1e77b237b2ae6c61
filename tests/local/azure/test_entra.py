"""Every way to sign in that Azure's libraries have and we know, the claims of what is given, and Graph."""

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jwt
import pytest
import requests
from azure.core.credentials import TokenCredential
from azure.core.exceptions import ClientAuthenticationError
from azure.identity import (
    CertificateCredential,
    ClientSecretCredential,
    ManagedIdentityCredential,
    WorkloadIdentityCredential,
)
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

from local.azure.entra.assertions import AssertionCredential
from local.azure.entra.models import Api, Application, Group, ManagedIdentity, Person
from tests.custodians import make_custodian
from tests.local.azure.conftest import ARM, send
from tests.local.azure.in_process import InProcess, running_in_process

GRAPH = "https://graph.microsoft.com/v1.0"
ISSUER = "https://kubernetes.example"
SUBJECT = "system:serviceaccount:hsm:provisioner"


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[InProcess]:
    with running_in_process(tmp_path_factory.mktemp("in-process")) as running:
        yield running


@pytest.fixture
def here(served: InProcess, monkeypatch: pytest.MonkeyPatch) -> Iterator[InProcess]:
    for name, value in served.environment.items():
        monkeypatch.setenv(name, value)
    yield served
    served.world.directory.token_seconds = 3600


@pytest.fixture(scope="module")
def key() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(65537, 2048)


def public_pem(key: rsa.RSAPrivateKey) -> str:
    return key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()


def claims_of(token: str) -> dict[str, Any]:
    claims: dict[str, Any] = jwt.decode(token, options={"verify_signature": False})
    return claims


def assertion(key: rsa.RSAPrivateKey, **wrong: Any) -> str:
    claims = {"iss": ISSUER, "sub": SUBJECT, "aud": "api://AzureADTokenExchange", "exp": int(time.time()) + 60, **wrong}
    return jwt.encode(claims, key, algorithm="RS256")


def workload(here: InProcess, key: rsa.RSAPrivateKey, file: Path) -> WorkloadIdentityCredential:
    credential = AssertionCredential(ISSUER, SUBJECT, public_pem(key))
    made = here.world.directory.add(Application("workload", assertion_credentials=[credential]))
    return WorkloadIdentityCredential(
        tenant_id=here.world.tenant_id, client_id=made.client_id, token_file_path=str(file)
    )


def test_a_workload_identity(here: InProcess, key: rsa.RSAPrivateKey, tmp_path: Path) -> None:
    file = tmp_path / "token"
    file.write_text(assertion(key))
    with workload(here, key, file) as credential:
        claims = claims_of(credential.get_token(f"{ARM}/.default").token)
    assert claims["appid"] == here.newest_application().client_id


@pytest.mark.parametrize(
    ("wrong", "code"),
    [
        ({"sub": "somebody else"}, "AADSTS700213"),
        ({"iss": "https://elsewhere.example"}, "AADSTS700213"),
        ({"aud": "api://something"}, "AADSTS700212"),
        ({"exp": 1}, "AADSTS700024"),
    ],
)
def test_a_wrong_assertion_is_refused(
    here: InProcess, key: rsa.RSAPrivateKey, tmp_path: Path, wrong: dict[str, Any], code: str
) -> None:
    file = tmp_path / "token"
    file.write_text(assertion(key, **wrong))
    with workload(here, key, file) as credential, pytest.raises(ClientAuthenticationError, match=code):
        credential.get_token(f"{ARM}/.default")


def test_an_assertion_that_somebody_else_signed_is_refused(
    here: InProcess, key: rsa.RSAPrivateKey, tmp_path: Path
) -> None:
    file = tmp_path / "token"
    file.write_text(assertion(rsa.generate_private_key(65537, 2048)))
    with workload(here, key, file) as credential, pytest.raises(ClientAuthenticationError, match="AADSTS700027"):
        credential.get_token(f"{ARM}/.default")


def test_a_certificate(here: InProcess, key: rsa.RSAPrivateKey) -> None:
    made = here.world.directory.add(Application("certified"))
    endpoint = f"https://login.microsoftonline.com/{here.world.tenant_id}/oauth2/v2.0/token"
    registered = AssertionCredential(made.client_id, made.client_id, public_pem(key), endpoint)
    pem = make_custodian("certified", key).pem.encode()
    data = pem + key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    with (
        CertificateCredential(here.world.tenant_id, made.client_id, certificate_data=data) as credential,
        pytest.raises(ClientAuthenticationError, match="AADSTS700213"),
    ):
        credential.get_token(f"{ARM}/.default")
    made.assertion_credentials.append(registered)
    with CertificateCredential(here.world.tenant_id, made.client_id, certificate_data=data) as credential:
        assert claims_of(credential.get_token(f"{ARM}/.default").token)["oid"] == made.object_id


def test_a_client_without_credentials_is_refused(here: InProcess) -> None:
    url = f"https://login.microsoftonline.com/{here.world.tenant_id}/oauth2/v2.0/token"
    response = requests.post(url, data={"grant_type": "password", "client_id": "x"}, timeout=5)
    assert (response.status_code, response.json()["error"]) == (400, "unsupported_grant_type")


def test_user_assigned_identities(here: InProcess) -> None:
    resource_id = "/subscriptions/s/resourceGroups/r/providers/Microsoft.ManagedIdentity/userAssignedIdentities/backup"
    backup = here.world.directory.add_identity(ManagedIdentity("backup", resource_id=resource_id))
    asked: list[tuple[dict[str, Any], Application]] = [
        ({}, here.world.identity),
        ({"client_id": here.world.identity.client_id}, here.world.identity),
        ({"client_id": backup.client_id}, backup),
        ({"identity_config": {"object_id": backup.object_id}}, backup),
        ({"identity_config": {"resource_id": resource_id.upper()}}, backup),
    ]
    for arguments, expected in asked:
        with ManagedIdentityCredential(**arguments) as credential:
            assert claims_of(credential.get_token(f"{ARM}/.default").token)["oid"] == expected.object_id
    with ManagedIdentityCredential(client_id="nobody") as credential, pytest.raises(ClientAuthenticationError):
        credential.get_token(f"{ARM}/.default")


def test_tokens_can_be_short_lived(here: InProcess) -> None:
    here.world.directory.token_seconds = 1
    with here.sign_in() as credential:
        token = credential.get_token(f"{ARM}/.default")
    claims = claims_of(token.token)
    assert claims["exp"] - time.time() <= 1
    time.sleep(1.1)
    response = send(token.token, "GET", f"{ARM}/subscriptions")
    assert (response.status_code, response.json()["error"]["code"]) == (401, "ExpiredAuthenticationToken")


def test_an_api_can_ask_for_version_2(here: InProcess) -> None:
    directory = here.world.directory
    made = directory.add(Application("portal", {"api://v2": ["Do.It"]}, groups=["a-group"]))
    directory.add_api(Api("api://v2", "the-client-id-of-the-api", version=2))
    with ClientSecretCredential(here.world.tenant_id, made.client_id, made.client_secret) as credential:
        claims = claims_of(credential.get_token("api://v2/.default").token)
    assert claims["ver"] == "2.0"
    assert claims["iss"] == f"https://login.microsoftonline.com/{here.world.tenant_id}/v2.0"
    assert (claims["aud"], claims["azp"], claims["roles"]) == ("the-client-id-of-the-api", made.client_id, ["Do.It"])
    assert claims["groups"] == ["a-group"]
    assert "appid" not in claims


@pytest.fixture
def ada(here: InProcess) -> Person:
    return here.world.directory.add_person(Person("Ada", "ada@contoso.example", ["a-group"]))


def test_a_person(here: InProcess, ada: Person) -> None:
    token = here.world.directory.issue_to_person(ada, "a-client", "https://graph.microsoft.com", "User.Read")
    claims = claims_of(token)
    assert (claims["oid"], claims["appid"], claims["scp"]) == (ada.object_id, "a-client", "User.Read")
    assert claims["groups"] == ["a-group"]
    assert "idtyp" not in claims
    me = requests.get(f"{GRAPH}/me", headers={"Authorization": f"Bearer {token}"}, timeout=5).json()
    assert (me["id"], me["userPrincipalName"]) == (ada.object_id, "ada@contoso.example")


def test_graph_tells_who_somebody_is(here: InProcess, ada: Person) -> None:
    group = here.world.directory.add_group(Group("custodians"))

    def ask(method: str, path: str, body: dict[str, Any] | None = None) -> requests.Response:
        return send(credential, method, f"{GRAPH}/{path}", body, scope="https://graph.microsoft.com/.default")

    credential: TokenCredential
    with here.sign_in() as credential:
        own = here.newest_application()
        ids = [ada.object_id, group.object_id, own.object_id, "unknown"]
        found = ask("POST", "directoryObjects/getByIds", {"ids": ids, "types": ["user"]}).json()["value"]
        kinds = {item["id"]: item["@odata.type"].rpartition(".")[2] for item in found}
        assert kinds == {ada.object_id: "user", group.object_id: "group", own.object_id: "servicePrincipal"}
        by_name = f"servicePrincipals?$filter=servicePrincipalNames/any(c:c eq '{own.client_id}')"
        for question in (by_name, f"servicePrincipals?$filter=appId eq '{own.client_id}'"):
            assert [item["id"] for item in ask("GET", question).json()["value"]] == [own.object_id]
        users = ask("GET", "users?$filter=userPrincipalName eq 'ada@contoso.example'").json()["value"]
        assert ada.object_id in [item["id"] for item in users]
        refusals = {"users?$filter=startswith(mail,'a')": 400, "me": 400, "groups": 404}
        assert {path: ask("GET", path).status_code for path in refusals} == refusals
        assert ask("POST", "directoryObjects/getByIds", {"ids": 1}).status_code == 400
    for wrong in ("", here.world.directory.issue(own, ARM)):
        refused = send(wrong, "GET", f"{GRAPH}/me")
        assert (refused.status_code, refused.json()["error"]["code"]) == (401, "InvalidAuthenticationToken")


def test_graph_tells_who_is_in_a_group(here: InProcess, ada: Person) -> None:
    directory = here.world.directory
    outer = directory.add_group(Group("administrators"))
    inner = directory.add_group(Group("of the night", [outer.object_id]))
    application = directory.add(Application("application", groups=[outer.object_id]))
    bob = directory.add_person(Person("Bob", "bob@contoso.example", [inner.object_id], account_enabled=False))

    def ask(url: str) -> requests.Response:
        return send(credential, "GET", url, scope="https://graph.microsoft.com/.default")

    members = f"{GRAPH}/groups/{outer.object_id}/transitiveMembers"
    credential: TokenCredential
    with here.sign_in() as credential:
        found = ask(members).json()
        assert found["@odata.context"] == f"{GRAPH}/$metadata#directoryObjects"
        assert {item["id"]: item.get("accountEnabled") for item in found["value"]} == {
            inner.object_id: None,
            application.object_id: True,
            bob.object_id: None,
        }
        url, pages = f"{members}?$select=id,accountEnabled&$top=2", list[int]()
        items: list[dict[str, Any]] = []
        while url:
            page = ask(url).json()
            pages.append(len(page["value"]))
            items += page["value"]
            url = page.get("@odata.nextLink", "")
            assert url.startswith(members) or not url
        assert pages == [2, 1]
        assert {"@odata.type": "#microsoft.graph.group", "id": inner.object_id} in items
        disabled = {"@odata.type": "#microsoft.graph.user", "id": bob.object_id, "accountEnabled": False}
        assert disabled in items
        refusals = {f"{members}?$top={top}": 400 for top in ("0", "1000", "x")}
        refusals |= {f"{members}?$skiptoken=x": 400, f"{GRAPH}/groups/{ada.object_id}/transitiveMembers": 404}
        assert {url: ask(url).status_code for url in refusals} == refusals
