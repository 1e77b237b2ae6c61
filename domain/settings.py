"""What a deployment decides, read from the app's settings."""

import os
from functools import lru_cache

from pydantic import BaseModel, ConfigDict, Field

_PREFIX = "HSM_PROVISIONER_"


class Settings(BaseModel):
    """The app settings `HSM_PROVISIONER_*`.

    `tenant_id`: the Entra tenant of the deployment, of its callers and of its HSMs. `api_audience`: what a caller's
    access token must be for. `storage_account_url`: where security domains and records are kept. `identity_client_id`:
    the user-assigned managed identity; empty for the system-assigned one. `poll_seconds`: the first pause between two
    looks at Azure's long work. `hsm_quota`: how many HSMs Azure allows for each subscription and region.
    `deadline_minutes`: how long an operation may take before it ends Failed, whatever it waits for.
    """

    model_config = ConfigDict(frozen=True)

    tenant_id: str = Field(min_length=1)
    api_audience: str = Field(min_length=1)
    storage_account_url: str = Field(pattern=r"^https://[a-z0-9.-]+$")
    identity_client_id: str | None = None
    poll_seconds: float = Field(default=15, gt=0)
    hsm_quota: int = Field(default=5, ge=1)
    deadline_minutes: float = Field(default=180, gt=0)


@lru_cache(maxsize=1)
def settings() -> Settings:
    """Read the settings, once for each process.

    Raises pydantic.ValidationError naming the setting that is missing or wrong.
    """
    return Settings.model_validate(
        {name: os.environ[key] for name in Settings.model_fields if os.environ.get(key := _PREFIX + name.upper())}
    )
