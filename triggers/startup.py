"""What the app says when it starts."""

import logging

from domain.settings import find_mistakes

_log = logging.getLogger("hsm_provisioner.settings")


def tell_mistakes() -> None:
    """Log each mistake in the settings as an error of its own; the app starts nevertheless, and its health says so."""
    for mistake in find_mistakes():
        _log.error("wrong setting: %s", mistake)
