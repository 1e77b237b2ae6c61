"""The security domain's file, and the shares that keys open of it."""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

from custodian.certificates import NamedCertificate
from custodian.errors import CustodianError
from custodian.files import read_file, sha256_of
from custodian.private_keys import PrivateKey
from domain.security_domain.document import SecurityDomain, read_security_domain
from domain.security_domain.errors import SecurityDomainError
from domain.security_domain.opening import open_share
from domain.security_domain.shares import Share


class StoredDomain(NamedTuple):
    """A security domain and the SHA-256 of the file that it was read from."""

    file: str
    sha256: str
    domain: SecurityDomain

    def number_of(self, thumbprint: str) -> int:
        """Count which share is of this certificate, from 1."""
        return [share.x5t_256 for share in self.domain.shared_keys.enc_shares].index(thumbprint) + 1


class OpenedShare(NamedTuple):
    """A share that was opened: the certificate it is of, and what opened it."""

    thumbprint: str
    share: Share
    opened_by: str


def read_stored_domain(path: Path) -> StoredDomain:
    """Read the file of a security domain; raises CustodianError or SecurityDomainError."""
    content = read_file(path)
    return StoredDomain(path.name, sha256_of(content), read_security_domain(content))


def open_own_share(stored: StoredDomain, key: PrivateKey, certificates: Sequence[NamedCertificate]) -> OpenedShare:
    """Open the share of a private key: that of the certificates that came with it, or, without any, whichever it opens.

    `certificates` are tried before the others. Raises CustodianError: `no_share_for_key`, `share_not_opened`,
    `share_damaged`, `share_malformed`.
    """
    thumbprints = [share.x5t_256 for share in stored.domain.shared_keys.enc_shares]
    own = [certificate.thumbprint for certificate in key.certificates if certificate.thumbprint in thumbprints]
    hinted = [certificate.thumbprint for certificate in certificates if certificate.thumbprint in thumbprints]
    faults = []
    for thumbprint in own or dict.fromkeys([*hinted, *thumbprints]):
        try:
            return OpenedShare(thumbprint, open_share(stored.domain, thumbprint, key.unwrap), key.name)
        except SecurityDomainError as error:
            faults.append(error)
    telling = [fault for fault in faults if own or fault.code != "share_not_opened"]
    if telling:
        raise CustodianError(telling[0].code, f"{key.name}: {telling[0].message}")
    raise CustodianError("no_share_for_key", f"{key.name} opens no share of {stored.file}.")


def require_quorum(stored: StoredDomain, count: int) -> None:
    """Raise CustodianError `shares_too_few` before anybody types a pass phrase for nothing."""
    quorum = stored.domain.shared_keys.required
    if count < quorum:
        raise CustodianError("shares_too_few", f"{stored.file} is opened by {quorum} shares; {count} were given.")


def require_different(shares: Iterable[OpenedShare]) -> None:
    """Raise CustodianError `shares_repeated` where two open the same share."""
    first: dict[str, str] = {}
    for opened in shares:
        if opened.thumbprint in first:
            raise CustodianError(
                "shares_repeated", f"{first[opened.thumbprint]} and {opened.opened_by} open the same share."
            )
        first[opened.thumbprint] = opened.opened_by
