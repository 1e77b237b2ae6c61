"""What is refused, with a 4xx that names the field, before anything is created."""

import base64
import json
import subprocess
from collections.abc import Callable
from typing import Any, Literal

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding

from local.azure.control.models import NewToken
from local.policy import TEAM_A
from local.portal import Portal
from local.stack import API_AUDIENCE, Application, Stack
from tests.custodians import Custodian, make_custodian, request_for, wrapping_keys

Change = Callable[[dict[str, Any], list[Custodian]], None]
KEYS = "securityDomain.wrappingKeys"
VAULT = "https://v.vault.azure.net"


def set_keys(count: int) -> Change:
    def change(body: dict[str, Any], custodians: list[Custodian]) -> None:
        body["securityDomain"]["wrappingKeys"] = wrapping_keys((custodians * 4)[:count])

    return change


def replace_last(make: Callable[[list[Custodian]], Custodian]) -> Change:
    def change(body: dict[str, Any], custodians: list[Custodian]) -> None:
        body["securityDomain"]["wrappingKeys"][-1] = {"custodian": "x", "pem": make(custodians).pem}

    return change


def set_certificate_id(text: str) -> Change:
    def change(body: dict[str, Any], _custodians: list[Custodian]) -> None:
        body["securityDomain"]["wrappingKeys"][-1] = {"custodian": "x", "certificateId": text}

    return change


def set_value(field: str, value: object) -> Change:
    def change(body: dict[str, Any], _custodians: list[Custodian]) -> None:
        body[field] = value

    return change


def set_quorum(value: int) -> Change:
    def change(body: dict[str, Any], _custodians: list[Custodian]) -> None:
        body["securityDomain"]["quorum"] = value

    return change


def weak_key() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(65537, 1024)


def same_key_again(custodians: list[Custodian]) -> Custodian:
    return make_custodian("another certificate", custodians[0].key)


def same_modulus(custodians: list[Custodian]) -> Custodian:
    """Whoever holds a private key can compute that of another exponent."""
    key = custodians[0].key
    assert isinstance(key, rsa.RSAPrivateKey)
    sibling = rsa.RSAPublicNumbers(e=257, n=key.public_key().public_numbers().n).public_key()
    return make_custodian("another exponent", custodians[1].key, public_key=sibling)


def unknown_version(custodians: list[Custodian]) -> Custodian:
    der = x509.load_pem_x509_certificate(custodians[2].pem.encode()).public_bytes(Encoding.DER)
    changed = base64.encodebytes(der.replace(bytes.fromhex("a003020102"), bytes.fromhex("a003020107"), 1)).decode()
    pem = f"-----BEGIN CERTIFICATE-----\n{changed}-----END CERTIFICATE-----\n"
    return custodians[2]._replace(pem=pem)


def signing_key(_custodians: list[Custodian]) -> Custodian:
    """An RSASSA-PSS key, which no library but OpenSSL makes."""
    command = (
        "openssl req -x509 -nodes -days 9 -subj /CN=x -newkey rsa-pss -pkeyopt rsa_keygen_bits:2048 -keyout /dev/null"
    )
    made = subprocess.run(command.split(), check=True, capture_output=True, text=True)
    return make_custodian("PSS")._replace(pem=made.stdout)


FAULTY_KEYS: dict[str, tuple[Callable[[list[Custodian]], Custodian], str]] = {
    "the same key in two certificates": (same_key_again, "wrapping_key_duplicated"),
    "an EC certificate": (
        lambda _: make_custodian("EC", ec.generate_private_key(ec.SECP256R1())),
        "wrapping_key_not_rsa",
    ),
    "a 1024-bit key": (lambda _: make_custodian("weak", weak_key()), "wrapping_key_size"),
    "an expired certificate": (
        lambda _: make_custodian("old", begins_in_days=-10, days=5),
        "wrapping_key_expired",
    ),
    "another exponent of the same modulus": (same_modulus, "wrapping_key_duplicated"),
    "a key that may only sign": (signing_key, "wrapping_key_not_rsa"),
    "a certificate of tomorrow": (lambda _: make_custodian("new", begins_in_days=2), "wrapping_key_not_yet_valid"),
}

CASES: dict[str, tuple[Change, str, str]] = {
    "a quorum above the keys": (set_quorum(4), "securityDomain.quorum", "quorum_out_of_range"),
    "a quorum of 1": (set_quorum(1), "securityDomain.quorum", "quorum_out_of_range"),
    "2 keys": (set_keys(2), KEYS, "wrapping_key_count"),
    "11 keys": (set_keys(11), KEYS, "wrapping_key_count"),
    "the same key twice": (replace_last(lambda custodians: custodians[0]), f"{KEYS}[2]", "wrapping_key_duplicated"),
    **{name: (replace_last(make), f"{KEYS}[2]", code) for name, (make, code) in FAULTY_KEYS.items()},
    "a certificate of an unknown version": (
        replace_last(unknown_version),
        f"{KEYS}[2]",
        "wrapping_key_unreadable",
    ),
    "a private key": (
        set_value("securityDomain", {"quorum": 2, "wrappingKeys": [{"pem": "-----BEGIN RSA PRIVATE KEY-----"}] * 3}),
        f"{KEYS}[0]",
        "private_key_sent",
    ),
    "retention 6": (set_value("softDeleteRetentionDays", 6), "softDeleteRetentionDays", "retention_out_of_range"),
    "retention 91": (set_value("softDeleteRetentionDays", 91), "softDeleteRetentionDays", "retention_out_of_range"),
    "another cloud": (
        set_certificate_id("https://v.vault.azure.cn/certificates/c"),
        f"{KEYS}[2].certificateId",
        "certificate_id_invalid",
    ),
    "a port": (
        set_certificate_id("https://v.vault.azure.net:443/certificates/c"),
        f"{KEYS}[2].certificateId",
        "certificate_id_invalid",
    ),
    "a user": (
        set_certificate_id("https://a@v.vault.azure.net/certificates/c"),
        f"{KEYS}[2].certificateId",
        "certificate_id_invalid",
    ),
    "a host that only ends like a vault": (
        set_certificate_id("https://evil.example.vault.azure.net.example/certificates/c"),
        f"{KEYS}[2].certificateId",
        "certificate_id_invalid",
    ),
    "a host with another label": (
        set_certificate_id("https://a.b.vault.azure.net/certificates/c"),
        f"{KEYS}[2].certificateId",
        "certificate_id_invalid",
    ),
    "some network": (set_value("publicNetworkAccess", "Sometimes"), "publicNetworkAccess", "invalid_field"),
    "its own region": (set_value("additionalRegions", ["norwayeast"]), "additionalRegions", "invalid_field"),
    "no identity": (set_value("identities", ["hsm-backup"]), "identities[0]", "invalid_field"),
    "an unknown field": (set_value("surprise", 1), "surprise", "invalid_field"),
    "an unknown sku": (set_value("sku", "Standard_B2"), "sku", "invalid_field"),
    "no administrator": (set_value("administrators", []), "administrators", "invalid_field"),
}


def created(stack: Stack) -> list[Any]:
    return [*stack.control.hsms()]


@pytest.mark.parametrize("case", CASES)
def test_a_faulty_request_is_refused_by_its_field(
    case: str, stack: Stack, portal: Portal, hsm_name: str, custodians: list[Custodian]
) -> None:
    change, field, code = CASES[case]
    body = request_for(stack, custodians)
    change(body, custodians)
    response = portal.put_hsm(hsm_name, body)
    problem = response.json()
    assert (response.status_code, problem["code"]) == (400, code), problem
    assert problem["errors"][0]["field"] == field
    assert response.headers["content-type"].startswith("application/problem+json")
    assert problem["advice"]
    assert portal.send("GET", f"hsms/{hsm_name}").status_code == 404
    assert created(stack) == []


@pytest.mark.parametrize("name", ["ab", "1abc", "a--b", "abc-", "a" * 25, "a_b", "ümlaut", "a.b"])
def test_a_bad_name_is_refused(name: str, stack: Stack, portal: Portal, custodians: list[Custodian]) -> None:
    response = portal.put_hsm(name, request_for(stack, custodians))
    assert (response.status_code, response.json()["code"]) == (400, "hsm_name_invalid")
    assert response.json()["errors"][0]["field"] == "name"


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        (b"", 400, "body_missing"),
        (b"{not json", 400, "body_not_json"),
        (b'{"a": "\xff"}', 400, "body_not_utf8"),
        (b"[" * 10_000 + b"]" * 10_000, 400, "body_not_json"),
        (b"[]", 400, "invalid_field"),
        (json.dumps({"tags": "x" * 2_000_000}).encode(), 413, "body_too_large"),
        (json.dumps({f"k{number}": 0 for number in range(40_000)}).encode(), 413, "body_too_large"),
    ],
    ids=["none", "not JSON", "not UTF-8", "10,000 deep", "a list", "2 MB", "40,000 members"],
)
def test_a_body_that_is_no_request_is_refused(
    body: bytes, status: int, code: str, portal: Portal, hsm_name: str
) -> None:
    response = portal.send("PUT", f"hsms/{hsm_name}", data=body)
    assert (response.status_code, response.json()["code"]) == (status, code)
    assert response.json()["errors"][0]["field"] == "body"


MANY: dict[str, tuple[dict[str, Any], str, str]] = {
    "members": ({f"k{number}": 0 for number in range(17_000)}, "k0", "invalid_field"),
    "tags": ({"tags": {f"k{number}": "" for number in range(17_000)}}, "tags", "invalid_field"),
    "keys": ({"securityDomain": {"quorum": 2, "wrappingKeys": [{}] * 17_000}}, f"{KEYS}[0]", "wrapping_key_source"),
}


@pytest.mark.parametrize("case", MANY)
def test_of_17_000_faults_some_are_named(
    case: str, stack: Stack, portal: Portal, hsm_name: str, custodians: list[Custodian]
) -> None:
    changes, field, code = MANY[case]
    response = portal.put_hsm(hsm_name, {**request_for(stack, custodians), **changes})
    problem = response.json()
    assert (response.status_code, problem["code"]) == (400, code)
    assert field in [error["field"] for error in problem["errors"]]
    assert len(problem["errors"]) <= 50
    assert len(response.content) < 16 * 1024


def test_a_subscription_of_another_tenant_is_refused(
    stack: Stack, portal: Portal, hsm_name: str, custodians: list[Custodian]
) -> None:
    foreign = stack.azure.endpoints.other_tenant_subscription_id
    response = portal.put_hsm(hsm_name, request_for(stack, custodians, subscriptionId=foreign))
    assert (response.status_code, response.json()["code"]) == (400, "subscription_not_ours")
    assert response.json()["errors"][0]["field"] == "subscriptionId"


@pytest.mark.parametrize("case", FAULTY_KEYS)
def test_the_same_fault_in_a_key_vault_ends_the_operation_at_preflight(
    case: str, stack: Stack, portal: Portal, hsm_name: str, custodians: list[Custodian]
) -> None:
    make, code = FAULTY_KEYS[case]
    planted = stack.control.plant_certificate("custodians", f"{hsm_name}-faulty", make(custodians).pem)
    body = request_for(stack, custodians)
    body["securityDomain"]["wrappingKeys"][-1] = {"custodian": "x", "certificateId": planted}
    operation = portal.follow(portal.put_hsm(hsm_name, body).json()["id"])
    assert (operation["status"], operation["error"]["code"]) == ("Failed", code)
    assert operation["error"]["errors"][0]["field"] == f"{KEYS}[2]"
    assert [step["name"] for step in operation["steps"] if step["status"] == "Failed"] == ["preflight"]
    assert created(stack) == []


@pytest.mark.parametrize(
    "token",
    [
        NewToken(audience="https://management.azure.com", roles=["Hsm.Request"]),
        NewToken(audience=API_AUDIENCE, roles=["Hsm.Request"], expires_in_seconds=-600),
        NewToken(audience=API_AUDIENCE, roles=["Hsm.Request"], not_before_in_seconds=600),
        NewToken(audience=API_AUDIENCE, roles=["Hsm.Request"], tenant_id="11111111-1111-1111-1111-111111111111"),
        NewToken(audience=API_AUDIENCE, roles=["Hsm.Request"], issuer="https://sts.windows.net/elsewhere/"),
        NewToken(audience=API_AUDIENCE, roles=["Hsm.Request"], signing_key="unpublished"),
    ],
    ids=["another audience", "expired", "not yet valid", "another tenant", "another issuer", "another key"],
)
def test_a_wrong_token_is_refused(token: NewToken, stack: Stack, portal: Portal) -> None:
    headers = {"Authorization": f"Bearer {stack.control.create_token(token)}"}
    response = portal.send("GET", "hsms/anything", headers=headers)
    assert (response.status_code, response.json()["code"]) == (401, "unauthenticated")
    assert headers["Authorization"][7:] not in response.text


@pytest.mark.parametrize("header", ["", "Bearer", "Bearer ", "Basic dTpw", "Bearer nonsense", "Bearer " + "x" * 20_000])
def test_no_token_is_refused(header: str, portal: Portal) -> None:
    response = portal.send("GET", "hsms/anything", headers={"Authorization": header})
    invalid = 'Bearer error="invalid_token"' if header == "Bearer nonsense" else "Bearer"
    assert (response.status_code, response.headers["WWW-Authenticate"]) == (401, invalid)


def test_a_caller_without_a_role_is_refused(stack: Stack, stranger: Application, custodians: list[Custodian]) -> None:
    response = Portal(stack, stranger).put_hsm("anything", request_for(stack, custodians))
    assert (response.status_code, response.json()["code"]) == (403, "role_missing")


def test_health_is_open_to_all(portal: Portal) -> None:
    assert portal.send("GET", "health", headers={"Authorization": ""}).status_code == 200


def test_what_does_not_exist_is_not_found(portal: Portal) -> None:
    assert portal.send("GET", "hsms/nobody-has-this").json()["code"] == "hsm_not_found"


@pytest.mark.parametrize("name", ["nobody-has-this", "a--b", "ab", "a" * 25, "-a", "..%2fclaims"])
def test_an_operation_that_does_not_exist_is_not_found(name: str, portal: Portal) -> None:
    for identifier in (name, f"{name}-01HZZZZZZZZZZZZZZZZZZZZZZZ"):
        for method, path in (("GET", identifier), ("POST", f"{identifier}/cancel")):
            response = portal.send(method, f"operations/{path}")
            assert (response.status_code, response.json()["code"]) == (404, "operation_not_found")
            assert response.headers["content-type"].startswith("application/problem+json")


@pytest.mark.parametrize("version", [1, 2])
def test_tokens_of_both_versions_and_of_persons_are_taken(version: Literal[1, 2], stack: Stack, portal: Portal) -> None:
    audience = API_AUDIENCE if version == 1 else API_AUDIENCE.removeprefix("api://")
    token = NewToken(
        audience=audience, roles=["Hsm.Read"], version=version, person=True, scopes="access_as_user", groups=[TEAM_A]
    )
    headers = {"Authorization": f"Bearer {stack.control.create_token(token)}"}
    assert portal.send("GET", "hsms/nobody-has-this", headers=headers).json()["code"] == "hsm_not_found"
