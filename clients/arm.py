"""How Azure Resource Manager is asked: the SDK's clients, and plain requests for what no SDK that we carry knows."""

from collections.abc import Mapping
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final

from clients.azure_errors import our_errors
from clients.credential import RETRIES, credential
from clients.transport import make_transport

if TYPE_CHECKING:
    from azure.core.rest import HttpResponse
    from azure.mgmt.keyvault import KeyVaultManagementClient
    from azure.mgmt.resource.resources import ResourceManagementClient

_HOST: Final = "https://management.azure.com"
_NOT_FOUND: Final = 404


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
    response = _send("GET", subscription_id, f"{_HOST}{path}", {"api-version": api_version, **(parameters or {})})
    return response.status_code, response.json()


def post(subscription_id: str, path: str, api_version: str, body: Mapping[str, Any]) -> tuple[int, dict[str, Any]]:
    """Send ARM a question that is a POST and changes nothing; gives status and body, and raises as `ask` does."""
    response = _send("POST", subscription_id, f"{_HOST}{path}", {"api-version": api_version}, body)
    return response.status_code, response.json()


def list_all(subscription_id: str, path: str, api_version: str) -> list[dict[str, Any]]:
    """Ask ARM for all pages of a list; raises the SDK's HttpResponseError where it gives none."""
    items: list[dict[str, Any]] = []
    link, parameters = f"{_HOST}{path}", {"api-version": api_version}
    while link:
        response = _send("GET", subscription_id, link, parameters)
        response.raise_for_status()
        page = response.json()
        items += page["value"]
        # The address of the next page has its parameters in it. Our token goes there: it must be ARM's.
        link, parameters = page.get("nextLink") or "", {}
        if link and not link.startswith(f"{_HOST}/"):
            message = "ARM named a next page that is not its own"
            raise ValueError(message)
    return items


def find_resource(resource_id: str, api_version: str) -> dict[str, Any] | None:
    """Read a resource of any provider; None where there is none.

    Raises ServiceError, `azure_forbidden` where we may not look, which says nothing of whether it is there.
    """
    with our_errors(f"read {_name(resource_id)}"):
        response = _send("GET", _subscription_of(resource_id), f"{_HOST}{resource_id}", {"api-version": api_version})
        if response.status_code == _NOT_FOUND:
            return None
        response.raise_for_status()
        found: dict[str, Any] = response.json()
    return found


def put_resource(resource_id: str, api_version: str, body: Mapping[str, Any]) -> dict[str, Any]:
    """Ask ARM for a resource of any provider, as a whole, and do not wait until it is there: `find_resource` tells.

    Gives it as Azure describes it, empty where that says nothing yet. The same PUT again changes nothing.
    """
    parameters = {"api-version": api_version}
    with our_errors(f"write {_name(resource_id)}"):
        response = _send("PUT", _subscription_of(resource_id), f"{_HOST}{resource_id}", parameters, body)
        response.raise_for_status()
        made: dict[str, Any] = response.json() if response.text() else {}
    return made


def delete_resource(resource_id: str, api_version: str) -> None:
    """Ask ARM to delete a resource of any provider and do not wait until it is gone; one that is gone is deleted."""
    parameters = {"api-version": api_version}
    with our_errors(f"delete {_name(resource_id)}"):
        response = _send("DELETE", _subscription_of(resource_id), f"{_HOST}{resource_id}", parameters)
        if response.status_code != _NOT_FOUND:
            response.raise_for_status()


def _subscription_of(resource_id: str) -> str:
    return resource_id.split("/")[2]


def _name(resource_id: str) -> str:
    """Say in short which resource is meant: an error is for people."""
    kind, name = resource_id.split("/")[-2:]
    return f"{kind}/{name}"


def _send(
    method: str, subscription_id: str, url: str, parameters: Mapping[str, str], body: Mapping[str, Any] | None = None
) -> "HttpResponse":
    from azure.core.exceptions import HttpResponseError
    from azure.core.rest import HttpRequest

    request = HttpRequest(method, url, params=dict(parameters), json=body)
    response = resources_of(subscription_id).send_request(request)
    if response.status_code >= 500 or response.status_code in (403, 429):
        raise HttpResponseError(response=response)
    return response
