"""The secret that belongs to a certificate: it, its chain, and its private key where that may leave."""

import base64

from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, pkcs12

from local.azure.key_vault.models import Version
from local.azure.key_vault.policy import PEM


def write_secret(version: Version) -> str:
    """Write it in the form of its policy: PEM, or PKCS #12 in base64 without a password."""
    key = version.private_key if version.policy.key_props.exportable else None
    if version.policy.secret_props.content_type == PEM:
        certificates = [certificate.public_bytes(Encoding.PEM) for certificate in (version.certificate, *version.chain)]
        private = [] if key is None else [key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())]
        return b"".join([*private, *certificates]).decode()
    if key is None:
        # Without a key PKCS #12 has no certificate of its own, only others.
        others = [version.certificate, *version.chain]
        data = pkcs12.serialize_key_and_certificates(None, None, None, others, NoEncryption())
    else:
        data = pkcs12.serialize_key_and_certificates(None, key, version.certificate, version.chain, NoEncryption())
    return base64.b64encode(data).decode()
