"""A custodian's share on its way to the machine of an opening: encrypted to that machine's one-time key."""

import secrets
from typing import Annotated, Final, Literal

from pydantic import Field, ValidationError

from custodian.certificates import NamedCertificate, public_key_of
from custodian.errors import CustodianError
from custodian.private_keys import PrivateKey
from custodian.security_domains import OpenedShare, StoredDomain
from domain.model import Model
from domain.security_domain.documents import read_document
from domain.security_domain.encoding import decode, encode
from domain.security_domain.envelopes import ENCRYPTION, KEY_BYTES, open_envelope, read_envelope, seal_envelope
from domain.security_domain.errors import SecurityDomainError
from domain.security_domain.shares import read_share, write_share
from domain.share_checks import Sha256, Thumbprint

ALGORITHM: Final = "RSA-OAEP-256"
_HEADER: Final = {"alg": ALGORITHM, "enc": ENCRYPTION}


class ShareEnvelope(Model):
    """One share, for one opening: of which bytes, of which certificate, to which one-time key; the JWE holds it."""

    version: Literal[1]
    security_domain_sha256: Sha256
    thumbprint: Thumbprint
    recipient_fingerprint: Sha256
    jwe: Annotated[str, Field(max_length=10_000)]


class _Content(Model):
    """What the JWE holds; it repeats what the envelope says, since nobody vouches for that."""

    security_domain_sha256: Sha256
    thumbprint: Thumbprint
    share: Annotated[str, Field(repr=False)]


def seal_share(opened: OpenedShare, stored: StoredDomain, recipient: NamedCertificate) -> ShareEnvelope:
    """Encrypt a share to the one-time key of an opening; raises CustodianError `key_not_rsa`."""
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.asymmetric.padding import MGF1, OAEP

    content_key = secrets.token_bytes(KEY_BYTES)
    wrapped = public_key_of(recipient).encrypt(content_key, OAEP(MGF1(hashes.SHA256()), hashes.SHA256(), None))
    content = _Content(
        security_domain_sha256=stored.sha256, thumbprint=opened.thumbprint, share=encode(write_share(opened.share))
    )
    return ShareEnvelope(
        version=1,
        security_domain_sha256=stored.sha256,
        thumbprint=opened.thumbprint,
        recipient_fingerprint=recipient.sha256,
        jwe=seal_envelope(content.to_json().encode(), _HEADER, content_key, wrapped),
    )


def read_share_envelope(content: bytes, name: str) -> ShareEnvelope:
    """Read an envelope; raises CustodianError `envelope_unreadable`."""
    try:
        return ShareEnvelope.model_validate(read_document(content, "a share's envelope"))
    except (SecurityDomainError, ValidationError):
        raise CustodianError("envelope_unreadable", f"{name} is not the envelope of a share.") from None


def open_share_envelope(envelope: ShareEnvelope, name: str, stored: StoredDomain, key: PrivateKey) -> OpenedShare:
    """Open an envelope with the one-time key, and hold it against the security domain.

    Raises CustodianError: `envelope_of_another_file`, `envelope_of_no_share`, `envelope_for_another_key`,
    `envelope_not_opened`, `envelope_contradicts`; SecurityDomainError `share_malformed`.
    """
    if envelope.security_domain_sha256 != stored.sha256:
        raise CustodianError("envelope_of_another_file", f"{name} holds a share of another file than {stored.file}.")
    if envelope.thumbprint not in [share.x5t_256 for share in stored.domain.shared_keys.enc_shares]:
        raise CustodianError("envelope_of_no_share", f"{name} is of a certificate that {stored.file} has no share for.")
    if envelope.recipient_fingerprint not in [certificate.sha256 for certificate in key.certificates]:
        raise CustodianError("envelope_for_another_key", f"{name} is for another one-time key than {key.name}.")
    try:
        content = _Content.model_validate(read_document(_decrypt(envelope.jwe, key), "a share"))
        if (content.security_domain_sha256, content.thumbprint) != (stored.sha256, envelope.thumbprint):
            raise CustodianError("envelope_contradicts", f"{name}: what it says of its share is not what it holds.")
        return OpenedShare(envelope.thumbprint, read_share(decode(content.share)), name)
    except ValueError:
        raise _not_opened(name, key) from None
    except SecurityDomainError as error:
        raise CustodianError(error.code, f"{name}: {error.message}") from None


def _decrypt(compact: str, key: PrivateKey) -> bytes:
    """Decrypt a JWE; raises ValueError."""
    sealed = read_envelope(compact)
    if sealed.header != _HEADER:
        message = "its algorithms are others"
        raise ValueError(message)
    return open_envelope(sealed, key.unwrap(ALGORITHM, sealed.encrypted_key))


def _not_opened(name: str, key: PrivateKey) -> CustodianError:
    return CustodianError("envelope_not_opened", f"{name} is not opened by {key.name}, or it is damaged.")
