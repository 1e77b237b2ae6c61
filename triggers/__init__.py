"""How work starts: the HTTP API."""

from triggers import http_api
from triggers.registration import blueprint

__all__ = ["blueprint", "http_api"]
