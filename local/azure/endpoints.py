"""Where a running local Azure is, and who is in it."""

from pydantic import BaseModel, ConfigDict
from pydantic.alias_generators import to_camel


class Endpoints(BaseModel):
    """What a client needs to know; written to `azure.json` once everything answers."""

    model_config = ConfigDict(alias_generator=to_camel, validate_by_name=True, validate_by_alias=True, frozen=True)

    proxy_url: str
    ca_bundle: str
    control_url: str
    identity_endpoint: str
    identity_header: str
    identity_client_id: str
    identity_object_id: str
    client_id: str
    client_secret: str
    tenant_id: str
    other_tenant_id: str
    subscription_id: str
    other_tenant_subscription_id: str
    storage_account_url: str
    key_vault_url: str

    def environment(self) -> dict[str, str]:
        """Give the variables by which every client finds the proxy and trusts its certificates.

        Both spellings, and an explicit `NO_PROXY`: what a user has set for the world outside must not win.
        """
        return {
            "HTTPS_PROXY": self.proxy_url,
            "https_proxy": self.proxy_url,
            "NO_PROXY": "127.0.0.1,localhost",
            "no_proxy": "127.0.0.1,localhost",
            "REQUESTS_CA_BUNDLE": self.ca_bundle,
            "SSL_CERT_FILE": self.ca_bundle,
        }

    def client_environment(self) -> dict[str, str]:
        """Give all that a client needs which signs in as an application with rights on the subscription."""
        return {
            **self.environment(),
            "AZURE_TENANT_ID": self.tenant_id,
            "AZURE_CLIENT_ID": self.client_id,
            "AZURE_CLIENT_SECRET": self.client_secret,
            "AZURE_SUBSCRIPTION_ID": self.subscription_id,
            "KEY_VAULT_URL": self.key_vault_url,
            "STORAGE_ACCOUNT_URL": self.storage_account_url,
            "LOCAL_AZURE_CONTROL_URL": self.control_url,
        }
