"""How pinned wrapping keys are in their vaults now, read once for each version."""

import time
from collections import OrderedDict
from threading import Lock
from typing import Final, NamedTuple

from clients import key_vault
from clients.wrapping_certificates import read_wrapping_certificate
from domain.errors import ServiceError
from domain.names import parse_certificate_id
from domain.records import PinnedKey
from domain.verifications import CertificateState, KeyState
from domain.wrapping_keys import WrappingCertificate, read_der

_REMEMBERED: Final = 10_000
# A vault that did not answer keeps whoever waits for it for a minute; the others of a run do not wait, too.
_SILENT_SECONDS: Final = 60.0
_FRESH_SECONDS: Final = 300.0


class KeyInVault(NamedTuple):
    """How a vault has a pinned version of a certificate, and its key."""

    certificate: CertificateState
    key: KeyState
    purge_protection: bool | None = None


_NO_ANSWER: Final = KeyInVault("Unknown", "Unknown")


class KeyStates:
    """Looks how keys are; what it saw once it does not ask for again."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._seen: OrderedDict[tuple[str, str], KeyInVault] = OrderedDict()
        self._silent: dict[str, float] = {}

    def find(self, index: int, key: PinnedKey) -> KeyInVault | None:
        """Look how a pinned key is; None for one that lies in no vault."""
        if key.certificate_id is None:
            return None
        place = (key.certificate_id, key.thumbprint)
        with self._lock:
            seen = self._seen.get(place)
        return seen or self._look(index, key.certificate_id, key.thumbprint)

    def _look(self, index: int, certificate_id: str, thumbprint: str) -> KeyInVault:
        vault = certificate_id.partition("/certificates/")[0]
        with self._lock:
            if time.monotonic() < self._silent.get(vault, 0.0):
                return _NO_ANSWER
        try:
            found = _find(index, certificate_id, thumbprint)
        except ServiceError:
            with self._lock:
                self._silent[vault] = time.monotonic() + _SILENT_SECONDS
            return _NO_ANSWER
        if found.key != "Unknown":
            with self._lock:
                self._seen[certificate_id, thumbprint] = found
                if len(self._seen) > _REMEMBERED:
                    self._seen.popitem(last=False)
        return found


class _Shared(NamedTuple):
    until: float
    states: KeyStates


_lock: Final = Lock()
_shared: list[_Shared] = []


def shared_states() -> KeyStates:
    """Give what the verifications of many security domains share in this process, for a few minutes.

    By the clock, and not by what a run says of itself: whoever starts one could have it believe what is long past.
    """
    with _lock:
        if not _shared or time.monotonic() >= _shared[0].until:
            _shared[:] = [_Shared(time.monotonic() + _FRESH_SECONDS, KeyStates())]
        return _shared[0].states


def forget_states() -> None:
    """Have whoever verifies next in this process look anew."""
    with _lock:
        _shared.clear()


def _find(index: int, certificate_id: str, thumbprint: str) -> KeyInVault:
    """Read certificate and key; raises ServiceError where the vault does not give the certificate."""
    found = read_wrapping_certificate(index, certificate_id)
    if found is None:
        return KeyInVault("Missing", "Missing")
    certificate = read_der(found.der)
    if not isinstance(certificate, WrappingCertificate) or certificate.thumbprint != thumbprint:
        return KeyInVault("Missing", "Missing", found.purge_protection)
    state: CertificateState = "Usable" if found.enabled else "Disabled"
    # A disabled certificate's key is refused as well, whatever it is itself.
    key: KeyState = _find_key(certificate_id) if found.enabled else "Disabled"
    return KeyInVault(state, key, found.purge_protection)


def _find_key(certificate_id: str) -> KeyState:
    try:
        key = key_vault.find_key(parse_certificate_id(certificate_id))
    except ServiceError:
        return "Unknown"
    if key is None:
        return "Missing"
    return "Usable" if key.enabled else "Disabled"
