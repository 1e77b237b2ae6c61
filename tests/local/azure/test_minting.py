"""Tokens of the control API: right ones are Entra's, and each wrong one is wrong in the way that was asked for."""

import base64
import json
import time
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from hypothesis import given
from hypothesis import strategies as st

from local.azure.control.minting import mint
from local.azure.control.models import NewToken
from local.azure.core.claims import MAXIMUM_GROUPS
from local.azure.core.tokens import KEY_ID, TokenAuthority

TENANT = "11111111-2222-3333-4444-555555555555"
API = "api://hsm-provisioner"
AUTHORITY = TokenAuthority(TENANT)


def make(**asked: Any) -> str:
    return mint(AUTHORITY, NewToken.model_validate({"audience": API, **asked}))


def verify(token: str, algorithm: str = "RS256") -> dict[str, Any]:
    (key,) = AUTHORITY.published_keys()["keys"]
    claims: dict[str, Any] = jwt.decode(token, jwt.PyJWK(key, algorithm=algorithm), audience=API)
    return claims


def read(token: str, part: int) -> Any:
    text = token.split(".")[part]
    return json.loads(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)))


def test_an_applications_token() -> None:
    token = make(roles=["Hsm.Request"], object_id="an-object", application_id="a-client", groups=["a-group"])
    claims = verify(token)
    assert read(token, 0) == {"alg": "RS256", "typ": "JWT", "kid": KEY_ID}
    assert (claims["oid"], claims["sub"], claims["idtyp"]) == ("an-object", "an-object", "app")
    assert (claims["appid"], claims["appidacr"], claims["roles"]) == ("a-client", "1", ["Hsm.Request"])
    assert claims["groups"] == ["a-group"]
    assert not claims.keys() & {"scp", "name", "upn", "unique_name", "preferred_username", "azp", "nonce"}


@pytest.mark.parametrize(
    ("version", "issuer", "names"),
    [
        (1, f"https://sts.windows.net/{TENANT}/", {"appid", "appidacr", "upn", "unique_name"}),
        (2, f"https://login.microsoftonline.com/{TENANT}/v2.0", {"azp", "azpacr", "preferred_username"}),
    ],
)
def test_a_persons_token(version: int, issuer: str, names: set[str]) -> None:
    claims = verify(make(person=True, object_id="ada", version=version, roles=["Hsm.Read"], name="Ada", username="a@b"))
    assert (claims["iss"], claims["ver"], claims["scp"]) == (issuer, f"{version}.0", "access_as_user")
    both = {"appid", "appidacr", "upn", "unique_name", "azp", "azpacr", "preferred_username"}
    assert claims.keys() & both == names
    assert claims["name"] == "Ada"
    assert {claims[name] for name in names} >= {"a@b", "0"}
    assert claims["oid"] == "ada" != claims["sub"]
    assert "idtyp" not in claims


def test_a_persons_subject_is_pairwise() -> None:
    def subject(**asked: Any) -> str:
        return str(read(make(person=True, **asked), 1)["sub"])

    assert subject(object_id="ada") == subject(object_id="ada", application_id="another")
    assert subject(object_id="ada") == subject(object_id="ada", audience="hsm-provisioner", version=2)
    others = [{"object_id": "ada", "audience": "api://another"}, {"object_id": "grace"}]
    assert len({subject(object_id="ada"), *(subject(**other) for other in others)}) == 3


def test_too_many_groups_are_left_to_graph() -> None:
    groups = [f"group-{number}" for number in range(MAXIMUM_GROUPS + 1)]
    assert read(make(groups=groups[1:]), 1)["groups"] == groups[1:]
    claims = read(make(groups=groups, object_id="ada"), 1)
    assert "groups" not in claims
    assert claims["_claim_names"] == {"groups": "src1"}
    assert "/ada/" in claims["_claim_sources"]["src1"]["endpoint"]


@pytest.mark.parametrize(
    ("asked", "claim", "value"),
    [
        ({"claims": {"aud": [API, "other"]}}, "aud", [API, "other"]),
        ({"claims": {"exp": "tomorrow"}}, "exp", "tomorrow"),
        ({"claims": {"exp": 1.5e300}}, "exp", 1.5e300),
        ({"claims": {"exp": 10**40}}, "exp", 10**40),
        ({"claims": {"roles": {"0": "Hsm.Request"}}}, "roles", {"0": "Hsm.Request"}),
        ({"claims": {"scp": ""}}, "scp", ""),
        ({"person": True, "scopes": "Other.Scope"}, "scp", "Other.Scope"),
        ({"person": True, "scopes": ""}, "scp", None),
        ({"scopes": "access_as_user"}, "scp", "access_as_user"),
        ({"without": ["exp", "tid"]}, "exp", None),
        ({"without": ["exp", "tid"]}, "tid", None),
        ({"claims": {"idtyp": "app"}, "person": True}, "idtyp", "app"),
        ({"claims": {"exp": 1}, "without": ["exp"]}, "exp", None),
        ({"issuer": "https://elsewhere/"}, "iss", "https://elsewhere/"),
        ({"tenant_id": "other"}, "iss", "https://sts.windows.net/other/"),
        ({"tenant_id": "other", "version": 2}, "tid", "other"),
    ],
)
def test_claims_as_asked_for(asked: dict[str, Any], claim: str, value: Any) -> None:
    assert read(make(**asked), 1).get(claim) == value


def test_times() -> None:
    now = time.time()
    expired, early = (
        read(make(**asked), 1) for asked in ({"expires_in_seconds": -600}, {"not_before_in_seconds": 600})
    )
    assert expired["iat"] <= expired["nbf"] < expired["exp"] <= now - 598
    assert now + 598 <= early["nbf"] < early["exp"]


@pytest.mark.parametrize("algorithm", ["RS384", "PS256"])
def test_other_algorithms_with_the_published_key(algorithm: str) -> None:
    token = make(algorithm=algorithm)
    assert read(token, 0)["alg"] == algorithm
    assert verify(token, algorithm)["aud"] == API


@pytest.mark.parametrize(
    "asked",
    [
        {"signing_key": "unpublished"},
        {"algorithm": "RS384", "signing_key": "unpublished"},
        {"algorithm": "PS256", "signing_key": "unpublished"},
        {"algorithm": "ES256"},
        {"algorithm": "none"},
        {"algorithm": "none", "header": {"alg": "RS256"}},
        {"algorithm": "HS256"},
        {"algorithm": "HS256", "header": {"alg": "RS256"}},
    ],
)
def test_what_the_published_key_did_not_sign(asked: dict[str, Any]) -> None:
    with pytest.raises(jwt.PyJWTError):
        verify(
            make(**asked), read(make(**asked), 0)["alg"] if asked.get("algorithm") in ("RS384", "PS256") else "RS256"
        )


def test_nothing_and_a_shared_secret_for_a_signature() -> None:
    assert make(algorithm="none").endswith(".")
    pem = AUTHORITY.published.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    message, _, signature = make(algorithm="HS256").rpartition(".")
    algorithm = jwt.get_algorithm_by_name("HS256")
    assert algorithm.verify(message.encode(), pem, base64.urlsafe_b64decode(signature + "="))


@pytest.mark.parametrize(
    ("asked", "name", "value"),
    [
        ({"key_id": None}, "kid", None),
        ({"key_id": "unknown"}, "kid", "unknown"),
        ({"signing_key": "unpublished"}, "kid", KEY_ID),
        ({"header": {"jku": "https://elsewhere/keys"}}, "jku", "https://elsewhere/keys"),
        ({"header": {"x5u": "https://elsewhere/chain"}}, "x5u", "https://elsewhere/chain"),
        ({"header": {"alg": "nOnE"}, "algorithm": "none"}, "alg", "nOnE"),
        ({"header": {"kid": ["odd"]}}, "kid", ["odd"]),
    ],
)
def test_headers_as_asked_for(asked: dict[str, Any], name: str, value: Any) -> None:
    assert read(make(**asked), 0).get(name) == value


@pytest.mark.parametrize("algorithm", ["RS256", "ES256"])
def test_a_key_that_brings_itself(algorithm: str) -> None:
    token = make(algorithm=algorithm, signing_key="unpublished", embed_key=True)
    own = jwt.PyJWK(read(token, 0)["jwk"], algorithm=algorithm)
    assert jwt.decode(token, own, audience=API)["aud"] == API
    assert "d" not in read(token, 0)["jwk"]


@pytest.mark.parametrize("payload", ["[]", "null", "not JSON", '{"a": 1, "a": 2}', ""])
def test_any_text_is_signed(payload: str) -> None:
    message, _, signature = make(payload=payload).rpartition(".")
    text = message.split(".")[1]
    assert base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)) == payload.encode()
    algorithm = jwt.get_algorithm_by_name("RS256")
    signed = base64.urlsafe_b64decode(signature + "=" * (-len(signature) % 4))
    assert algorithm.verify(message.encode(), AUTHORITY.published.public_key(), signed)


@given(st.integers(2000, 40_000), st.sampled_from(["RS256", "ES256", "HS256", "none"]))
def test_a_token_of_a_length(length: int, algorithm: str) -> None:
    token = make(minimum_length=length, algorithm=algorithm)
    assert length <= len(token) <= length + 2
    assert read(token, 1)["aud"] == API
