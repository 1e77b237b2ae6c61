"""How work starts: the HTTP API, and schedules; and the pages."""

from triggers import http_api, pages, schedules, unmatched
from triggers.registration import blueprint

__all__ = ["blueprint", "http_api", "pages", "schedules", "unmatched"]
