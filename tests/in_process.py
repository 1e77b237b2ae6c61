"""Runs the app's own functions in the process of a test."""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from clients import arm, blobs, credential, event_publisher
from domain import settings
from local.stack import Stack, app_settings

CACHES = (
    *(settings.settings, credential.credential, blobs._service),
    *(arm.key_vault_of, arm.resources_of, event_publisher._client),
)


@contextmanager
def signed_in_as_the_app(stack: Stack) -> Iterator[None]:
    """Let this process sign in as the app does, with the deployment's policy."""
    with pytest.MonkeyPatch.context() as patch:
        for name, value in app_settings(stack.azure).items():
            patch.setenv(name, value)
        for cache in CACHES:
            cache.cache_clear()
        yield
    for cache in CACHES:
        cache.cache_clear()
