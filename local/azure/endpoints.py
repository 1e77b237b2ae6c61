"""What a running local Azure tells its users: where everything answers."""

from pathlib import Path
from typing import Final

from pydantic import BaseModel, ConfigDict
from pydantic.alias_generators import to_camel

ENDPOINTS_FILE: Final = "azure.json"


class AzureEndpoints(BaseModel):
    """The content of `azure.json`, which exists exactly while everything answers."""

    model_config = ConfigDict(alias_generator=to_camel, populate_by_name=True, frozen=True, extra="forbid")

    proxy_url: str
    ca_bundle: Path
    control_url: str
    identity_endpoint: str
    identity_header: str
    identity_client_id: str
    identity_object_id: str
    tenant_id: str
    other_tenant_id: str
    subscription_id: str
    other_tenant_subscription_id: str
    storage_account_url: str
    key_vault_url: str

    def environment(self) -> dict[str, str]:
        """Give the variables that send any client through the proxy and make it trust the local CA alone."""
        bundle = str(self.ca_bundle)
        return {"HTTPS_PROXY": self.proxy_url, "REQUESTS_CA_BUNDLE": bundle, "SSL_CERT_FILE": bundle}

    def write(self, directory: Path) -> None:
        """Write `azure.json` in one step: a reader sees all of it or none."""
        partial = directory / f"{ENDPOINTS_FILE}.partial"
        partial.touch(mode=0o600)
        partial.write_text(self.model_dump_json(by_alias=True, indent=2) + "\n")
        partial.replace(directory / ENDPOINTS_FILE)
