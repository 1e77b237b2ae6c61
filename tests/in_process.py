"""Runs the app's own functions in the process of a test."""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from clients import (
    arm,
    blob_lists,
    blobs,
    credential,
    directory,
    event_publisher,
    hsm_keys,
    hsm_settings,
    key_vault,
    local_roles,
    managed_hsm,
)
from domain import settings
from local.stack import Stack, app_settings

CACHES = (
    *(settings.settings, settings.deployment_policy, credential.credential, blobs._service),
    *(blob_lists._client, managed_hsm._client, key_vault._certificates, key_vault._keys, credential.own_identity),
    *(arm.key_vault_of, arm.resources_of, event_publisher._client),
    *(directory._client, local_roles._client, hsm_keys._client, hsm_settings._client),
)


@contextmanager
def signed_in_as_the_app(stack: Stack, **changes: str) -> Iterator[None]:
    """Let this process sign in as the app does, with the deployment's policy; `changes` are other app settings."""
    with pytest.MonkeyPatch.context() as patch:
        for name, value in {**app_settings(stack.azure), **changes}.items():
            patch.setenv(name, value)
        for cache in CACHES:
            cache.cache_clear()
        yield
    for cache in CACHES:
        cache.cache_clear()
