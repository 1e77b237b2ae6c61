"""Reads what is imported: a private key with its certificate, in PKCS #12 or PEM."""

import base64
import re
from typing import Final, NamedTuple

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import load_pem_private_key, pkcs12
from cryptography.x509.oid import NameOID

from local.azure.key_vault.bodies import Import
from local.azure.key_vault.faults import bad_parameter
from local.azure.key_vault.issuing import CURVES, PrivateKey
from local.azure.key_vault.policy import (
    PEM,
    BasicConstraints,
    CurveName,
    KeyProperties,
    KeyUsageName,
    Policy,
    SubjectAlternativeNames,
    X509Properties,
)

_BLOCK: Final = re.compile(rb"-----BEGIN ([A-Z0-9 ]+)-----.*?-----END \1-----", re.DOTALL)
_DAYS_OF_A_MONTH: Final = 30.4
_USAGES: Final[dict[str, KeyUsageName]] = {
    "digital_signature": "digitalSignature",
    "content_commitment": "nonRepudiation",
    "key_encipherment": "keyEncipherment",
    "data_encipherment": "dataEncipherment",
    "key_agreement": "keyAgreement",
    "key_cert_sign": "keyCertSign",
    "crl_sign": "cRLSign",
}


class Imported(NamedTuple):
    """A certificate, its private key and the certificates above it."""

    certificate: x509.Certificate
    private_key: PrivateKey
    chain: list[x509.Certificate]


def read_import(body: Import) -> Imported:
    """Read what was imported in the form that its policy names; raises ServiceFault 400 without a word of it.

    That the form must be the policy's is documented (source: azure-keyvault-certificates, `import_certificate`).
    """
    password = body.pwd.encode() if body.pwd else None
    is_pem = body.policy.secret_props.content_type == PEM
    try:
        key, certificates = _read_pem(body.value, password) if is_pem else _read_pkcs12(body.value, password)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        form = "PEM" if is_pem else "PKCS#12"
        reason = f"the specified {form} X.509 certificate content can not be read: check its format and the password"
        raise bad_parameter("value", reason) from None
    if not isinstance(key, rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey):
        raise bad_parameter("value", "its private key is neither RSA nor elliptic curve")
    own = [certificate for certificate in certificates if certificate.public_key() == key.public_key()]
    if not own:
        raise bad_parameter("value", "no certificate in it belongs to its private key")
    return Imported(own[0], key, [certificate for certificate in certificates if certificate != own[0]])


def describe_imported(certificate: x509.Certificate, policy: Policy) -> Policy:
    """Write the policy of a certificate that Key Vault did not make; raises ServiceFault 400 for its key."""
    days = (certificate.not_valid_after_utc - certificate.not_valid_before_utc).days
    described = X509Properties.model_construct(
        subject=certificate.subject.rfc4514_string({NameOID.STATE_OR_PROVINCE_NAME: "S"}).replace(",", ", "),
        sans=_read_alternative_names(certificate),
        ekus=_read_extended_usages(certificate),
        key_usage=_read_usages(certificate),
        validity_months=max(1, round(days / _DAYS_OF_A_MONTH)),
        basic_constraints=BasicConstraints(ca=_is_authority(certificate)),
    )
    properties = _describe_key(certificate, policy.key_props)
    return policy.model_copy(update={"x509_props": described, "key_props": properties})


def _read_pkcs12(value: str, password: bytes | None) -> tuple[object, list[x509.Certificate]]:
    key, certificate, others = pkcs12.load_key_and_certificates(_decode(value), password)
    return key, [item for item in (certificate, *others) if item is not None]


def _read_pem(value: str, password: bytes | None) -> tuple[object, list[x509.Certificate]]:
    text = value.encode() if value.lstrip().startswith("-----BEGIN") else _decode(value)
    blocks = [(match[1], match[0]) for match in _BLOCK.finditer(text)]
    keys = [block for label, block in blocks if label.endswith(b"PRIVATE KEY")]
    if len(keys) != 1:
        message = "there is not exactly one private key"
        raise ValueError(message)
    key = load_pem_private_key(keys[0], password if b"ENCRYPTED" in keys[0] else None)
    return key, [x509.load_pem_x509_certificate(block) for label, block in blocks if label == b"CERTIFICATE"]


def _decode(value: str) -> bytes:
    """Read base64; raises ValueError."""
    return base64.b64decode(value, validate=True)


def _describe_key(certificate: x509.Certificate, asked: KeyProperties) -> KeyProperties:
    key = certificate.public_key()
    suffix = "-HSM" if asked.kty.endswith("-HSM") else ""
    if isinstance(key, rsa.RSAPublicKey):
        return asked.model_copy(update={"kty": f"RSA{suffix}", "key_size": key.key_size, "crv": None})
    if isinstance(key, ec.EllipticCurvePublicKey):
        named = {"kty": f"EC{suffix}", "key_size": key.key_size, "crv": name_curve(key.curve)}
        return asked.model_copy(update=named)
    raise bad_parameter("value", "its key is neither RSA nor elliptic curve")


def name_curve(curve: ec.EllipticCurve) -> CurveName:
    """Give a curve's name as a JSON web key has it; raises ServiceFault 400."""
    names: tuple[CurveName, ...] = ("P-256", "P-256K", "P-384", "P-521")
    for name in names:
        if CURVES[name].name == curve.name:
            return name
    raise bad_parameter("value", "its key is on a curve that is not supported")


def _find[Extension: x509.ExtensionType](certificate: x509.Certificate, kind: type[Extension]) -> Extension | None:
    try:
        return certificate.extensions.get_extension_for_class(kind).value
    except x509.ExtensionNotFound:
        return None


def _read_usages(certificate: x509.Certificate) -> list[KeyUsageName]:
    usage = _find(certificate, x509.KeyUsage)
    return sorted(name for attribute, name in _USAGES.items() if usage is not None and getattr(usage, attribute))


def _read_extended_usages(certificate: x509.Certificate) -> list[str]:
    return [usage.dotted_string for usage in _find(certificate, x509.ExtendedKeyUsage) or []]


def _is_authority(certificate: x509.Certificate) -> bool:
    constraints = _find(certificate, x509.BasicConstraints)
    return constraints is not None and constraints.ca


def _read_alternative_names(certificate: x509.Certificate) -> SubjectAlternativeNames | None:
    names = _find(certificate, x509.SubjectAlternativeName)
    if names is None:
        return None
    return SubjectAlternativeNames(
        dns_names=names.get_values_for_type(x509.DNSName) or None,
        emails=names.get_values_for_type(x509.RFC822Name) or None,
    )
