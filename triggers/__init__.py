"""How work starts: the HTTP API."""

from triggers import http_api
from triggers.registration import blueprint
from triggers.startup import tell_mistakes

tell_mistakes()

__all__ = ["blueprint", "http_api"]
