"""Tokens as a test wants them: as Entra makes them, or wrong in one way or several."""

import hashlib
import hmac
import json
import math
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from local.azure.control.models import NewToken
from local.azure.core.claims import AccessToken, Names, encode, make_issuer
from local.azure.core.tokens import TokenAuthority
from local.azure.entra.models import DEFAULT_SCOPE

type _Key = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey


def mint(authority: TokenAuthority, new: NewToken) -> str:
    """Make a token, of whatever claims, signed by whatever key in whatever way."""
    payload = new.payload if new.payload is not None else json.dumps(_claims(authority, new))
    key = _choose_key(authority, new)
    token = _sign(new, key, payload)
    missing = max(0, new.minimum_length - len(token))
    # Four characters of a token are three of its payload; spaces after a JSON text mean nothing.
    return _sign(new, key, payload + " " * math.ceil(missing * 3 / 4))


def _sign(new: NewToken, key: _Key, payload: str) -> str:
    header: dict[str, Any] = {"alg": new.algorithm, "typ": "JWT"}
    if new.key_id is not None:
        header["kid"] = new.key_id
    if new.embed_key:
        header["jwk"] = _publish(key)
    message = f"{encode(json.dumps(header | new.header).encode())}.{encode(payload.encode())}"
    return f"{message}.{encode(_make_signature(new.algorithm, key, message.encode()))}"


def _claims(authority: TokenAuthority, new: NewToken) -> dict[str, Any]:
    tenant = new.tenant_id or authority.tenant_id
    default_scope = DEFAULT_SCOPE if new.person else ""
    claims = AccessToken(
        tenant_id=tenant,
        audience=new.audience,
        object_id=new.object_id,
        client_id=new.application_id,
        roles=new.roles,
        groups=new.groups,
        scopes=default_scope if new.scopes is None else new.scopes,
        names=Names(new.name, new.username) if new.person else None,
        version=new.version,
        seconds=new.expires_in_seconds,
    ).claims()
    claims["iss"] = new.issuer or make_issuer(tenant, new.version)
    claims["nbf"] += new.not_before_in_seconds
    return {name: value for name, value in (claims | new.claims).items() if name not in new.without}


def _choose_key(authority: TokenAuthority, new: NewToken) -> _Key:
    if new.algorithm == "ES256":
        return ec.generate_private_key(ec.SECP256R1())
    return authority.published if new.signing_key == "published" else authority.unpublished


def _make_signature(algorithm: str, key: _Key, message: bytes) -> bytes:
    if algorithm == "none":
        return b""
    if algorithm == "HS256":
        # The old trick: a verifier that lets the token choose takes the public key for a shared secret.
        secret = key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
        return hmac.new(secret, message, hashlib.sha256).digest()
    return jwt.get_algorithm_by_name(algorithm).sign(message, key)


def _publish(key: _Key) -> dict[str, Any]:
    if isinstance(key, rsa.RSAPrivateKey):
        return jwt.algorithms.RSAAlgorithm.to_jwk(key.public_key(), as_dict=True)
    return jwt.algorithms.ECAlgorithm.to_jwk(key.public_key(), as_dict=True)
