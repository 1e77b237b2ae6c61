"""How Azure Resource Manager is asked: the SDK's clients, and plain requests for what no SDK that we carry knows."""

from collections.abc import Mapping
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final

from clients.credential import RETRIES, credential
from clients.transport import make_transport

if TYPE_CHECKING:
    from azure.core.rest import HttpResponse
    from azure.mgmt.keyvault import KeyVaultManagementClient
    from azure.mgmt.resource.resources import ResourceManagementClient

_HOST: Final = "https://management.azure.com"


@lru_cache(maxsize=16)
def resources_of(subscription_id: str) -> "ResourceManagementClient":
    """Give the client for a subscription's resource groups and providers."""
    from azure.mgmt.resource.resources import ResourceManagementClient

    return ResourceManagementClient(credential(), subscription_id, transport=make_transport(), **RETRIES)


@lru_cache(maxsize=16)
def key_vault_of(subscription_id: str) -> "KeyVaultManagementClient":
    """Give the client for a subscription's Managed HSMs."""
    from azure.mgmt.keyvault import KeyVaultManagementClient

    return KeyVaultManagementClient(credential(), subscription_id, transport=make_transport(), **RETRIES)


def ask(
    subscription_id: str, path: str, api_version: str, parameters: Mapping[str, str] | None = None
) -> tuple[int, dict[str, Any]]:
    """Ask ARM for what no SDK that we carry has a method for; gives status and body.

    Raises the SDK's HttpResponseError for what can pass: a 403 may be a role assignment on its way, never an answer.
    """
    response = _send(subscription_id, f"{_HOST}{path}", {"api-version": api_version, **(parameters or {})})
    return response.status_code, response.json()


def post(subscription_id: str, path: str, api_version: str, body: Mapping[str, Any]) -> tuple[int, dict[str, Any]]:
    """Send ARM a question that is a POST and changes nothing; gives status and body, and raises as `ask` does."""
    response = _send(subscription_id, f"{_HOST}{path}", {"api-version": api_version}, body)
    return response.status_code, response.json()


def list_all(subscription_id: str, path: str, api_version: str) -> list[dict[str, Any]]:
    """Ask ARM for all pages of a list; raises the SDK's HttpResponseError where it gives none."""
    items: list[dict[str, Any]] = []
    link, parameters = f"{_HOST}{path}", {"api-version": api_version}
    while link:
        response = _send(subscription_id, link, parameters)
        response.raise_for_status()
        page = response.json()
        items += page["value"]
        # The address of the next page has its parameters in it. Our token goes there: it must be ARM's.
        link, parameters = page.get("nextLink") or "", {}
        if link and not link.startswith(f"{_HOST}/"):
            message = "ARM named a next page that is not its own"
            raise ValueError(message)
    return items


def _send(
    subscription_id: str, url: str, parameters: Mapping[str, str], body: Mapping[str, Any] | None = None
) -> "HttpResponse":
    from azure.core.exceptions import HttpResponseError
    from azure.core.rest import HttpRequest

    method = "GET" if body is None else "POST"
    response = resources_of(subscription_id).send_request(HttpRequest(method, url, params=dict(parameters), json=body))
    if response.status_code >= 500 or response.status_code in (403, 429):
        raise HttpResponseError(response=response)
    return response
