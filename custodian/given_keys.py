"""What a command is given: keys in files and in Key Vaults, their certificates, and shares that others opened."""

from argparse import Namespace
from collections.abc import Sequence
from functools import cache

from custodian.certificates import NamedCertificate, read_certificate
from custodian.errors import CustodianError
from custodian.files import read_file
from custodian.key_vault import KeyVaultKey, make_credential
from custodian.private_keys import PrivateKey, read_key_file
from custodian.security_domains import OpenedShare, StoredDomain, open_own_share, require_different, require_quorum
from custodian.share_envelopes import open_share_envelope, read_share_envelope


def read_own_key(arguments: Namespace) -> PrivateKey:
    """Read the one key of a command that takes one; raises CustodianError."""
    if len(arguments.key) + len(arguments.key_vault_key) != 1:
        raise CustodianError("key_needed", "Name your own key, and no other: --key FILE or --key-vault-key URL.")
    return read_keys(arguments)[0]


def read_keys(arguments: Namespace) -> list[PrivateKey]:
    """Read all keys that were given; raises CustodianError."""
    credential = cache(make_credential)
    vault_keys = [KeyVaultKey(key_id, credential) for key_id in arguments.key_vault_key]
    return [*map(read_key_file, arguments.key), *vault_keys]


def read_certificates(arguments: Namespace) -> list[NamedCertificate]:
    """Read the certificates that were given; raises CustodianError."""
    return [read_certificate(path) for path in arguments.certificate]


def open_shares(arguments: Namespace, stored: StoredDomain) -> Sequence[OpenedShare]:
    """Open a quorum of shares, with keys and from envelopes; raises CustodianError or SecurityDomainError."""
    require_quorum(stored, len(arguments.key) + len(arguments.key_vault_key) + len(arguments.share))
    certificates = read_certificates(arguments)
    envelopes = [(path.name, read_share_envelope(read_file(path), path.name)) for path in arguments.share]
    if envelopes and arguments.opening_key is None:
        raise CustodianError("opening_key_needed", "Shares in envelopes are opened by --opening-key FILE.")
    opened = [open_own_share(stored, key, certificates) for key in read_keys(arguments)]
    if envelopes:
        key = read_key_file(arguments.opening_key)
        opened += [open_share_envelope(envelope, name, stored, key) for name, envelope in envelopes]
    require_different(opened)
    return opened
