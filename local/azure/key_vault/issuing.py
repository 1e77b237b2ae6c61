"""Makes key pairs, certificate requests and self-signed certificates as policies say."""

import calendar
import ipaddress
import re
from datetime import UTC, datetime, timedelta
from typing import Final, NamedTuple

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import NameOID, ObjectIdentifier

from local.azure.key_vault.faults import bad_parameter
from local.azure.key_vault.policy import KeyProperties, SubjectAlternativeNames, X509Properties

PrivateKey = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey

CURVES: Final[dict[str, ec.EllipticCurve]] = {
    "P-256": ec.SECP256R1(),
    "P-256K": ec.SECP256K1(),
    "P-384": ec.SECP384R1(),
    "P-521": ec.SECP521R1(),
}
_USER_PRINCIPAL_NAME: Final = ObjectIdentifier("1.3.6.1.4.1.311.20.2.3")
# DER's tag of a UTF8String, and the longest length that it writes in one byte (X.690, 8.1.3.4).
_UTF8_STRING: Final = 0x0C
_LONGEST_SHORT_FORM: Final = 127
_SPACE_AFTER_COMMA: Final = re.compile(r"(?<!\\)([,+])\s+")
_NAMES_OF_WINDOWS: Final = {"S": NameOID.STATE_OR_PROVINCE_NAME, "E": NameOID.EMAIL_ADDRESS}

_Extensions = list[tuple[x509.ExtensionType, bool]]


class Issued(NamedTuple):
    """A certificate that signed itself, and the request that stood for it."""

    certificate: x509.Certificate
    request: x509.CertificateSigningRequest


def make_key(properties: KeyProperties) -> PrivateKey:
    """Make a key pair; one of an HSM's differs in name only."""
    if properties.kty.startswith("RSA"):
        return rsa.generate_private_key(65537, properties.key_size or 2048)
    return ec.generate_private_key(CURVES[properties.crv or "P-256"])


def issue(properties: X509Properties, key: PrivateKey) -> Issued:
    """Make a certificate for a key; raises ServiceFault 400.

    Ten minutes are put before the moment of issue and calendar months after it (source: recordings in azure-cli).
    """
    subject = _read_subject(properties)
    extensions = _make_extensions(properties)
    now = datetime.now(UTC).replace(microsecond=0)
    identifier = x509.SubjectKeyIdentifier.from_public_key(key.public_key())
    request = x509.CertificateSigningRequestBuilder().subject_name(subject)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(minutes=10))
        .not_valid_after(_add_months(now, properties.validity_months))
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(identifier), critical=False)
        .add_extension(identifier, critical=False)
    )
    for extension, critical in extensions:
        request = request.add_extension(extension, critical)
        certificate = certificate.add_extension(extension, critical)
    return Issued(certificate.sign(key, hashes.SHA256()), request.sign(key, hashes.SHA256()))


def _read_subject(properties: X509Properties) -> x509.Name:
    if not properties.subject:
        if properties.sans is None:
            raise bad_parameter("policy.x509_props", "a subject or a subject alternative name is needed")
        return x509.Name([])
    try:
        return x509.Name.from_rfc4514_string(_SPACE_AFTER_COMMA.sub(r"\1", properties.subject), _NAMES_OF_WINDOWS)
    except ValueError:
        raise bad_parameter("policy.x509_props.subject", "it is not an X.500 distinguished name") from None


def _make_extensions(properties: X509Properties) -> _Extensions:
    extensions: _Extensions = [(x509.BasicConstraints(ca=False, path_length=None), False)]
    if properties.key_usage:
        extensions.append((_make_key_usage(properties), True))
    if properties.ekus:
        extensions.append((_make_extended_usage(properties), False))
    if properties.sans is not None:
        extensions.append((_make_alternative_names(properties.sans), False))
    return extensions


def _make_key_usage(properties: X509Properties) -> x509.KeyUsage:
    usages = set(properties.key_usage)
    try:
        return x509.KeyUsage(
            digital_signature="digitalSignature" in usages,
            content_commitment="nonRepudiation" in usages,
            key_encipherment="keyEncipherment" in usages,
            data_encipherment="dataEncipherment" in usages,
            key_agreement="keyAgreement" in usages,
            key_cert_sign="keyCertSign" in usages,
            crl_sign="cRLSign" in usages,
            encipher_only="encipherOnly" in usages,
            decipher_only="decipherOnly" in usages,
        )
    except ValueError:
        reason = "encipherOnly and decipherOnly need keyAgreement"
        raise bad_parameter("policy.x509_props.key_usage", reason) from None


def _make_extended_usage(properties: X509Properties) -> x509.ExtendedKeyUsage:
    try:
        return x509.ExtendedKeyUsage([ObjectIdentifier(usage) for usage in properties.ekus])
    except ValueError:
        raise bad_parameter("policy.x509_props.ekus", "one of them is not an object identifier") from None


def _make_alternative_names(sans: SubjectAlternativeNames) -> x509.SubjectAlternativeName:
    try:
        names: list[x509.GeneralName] = [x509.DNSName(name) for name in sans.dns_names or []]
        names += [x509.RFC822Name(name) for name in sans.emails or []]
        names += [x509.OtherName(_USER_PRINCIPAL_NAME, _encode_utf8(name)) for name in sans.upns or []]
        names += [x509.UniformResourceIdentifier(name) for name in sans.uris or []]
        names += [x509.IPAddress(ipaddress.ip_address(name)) for name in sans.ip_addresses or []]
    except ValueError:
        raise bad_parameter("policy.x509_props.sans", "one of the names is not of its kind") from None
    return x509.SubjectAlternativeName(names)


def _encode_utf8(text: str) -> bytes:
    """Write a UTF8String in DER; raises ValueError where it needs more than one byte for its length."""
    data = text.encode()
    if len(data) > _LONGEST_SHORT_FORM:
        message = "the name is too long"
        raise ValueError(message)
    return bytes([_UTF8_STRING, len(data)]) + data


def _add_months(moment: datetime, months: int) -> datetime:
    years, month = divmod(moment.month - 1 + months, 12)
    year = moment.year + years
    day = min(moment.day, calendar.monthrange(year, month + 1)[1])
    return moment.replace(year=year, month=month + 1, day=day)
