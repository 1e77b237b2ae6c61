"""How work starts: the HTTP API, schedules, and events of subscriptions; and the pages."""

from triggers import http_api, pages, schedules, subscription_events, unmatched
from triggers.registration import blueprint

__all__ = ["blueprint", "http_api", "pages", "schedules", "subscription_events", "unmatched"]
