"""What an internal portal does with the API: sign in, ask for an HSM, follow the operation."""

import time
from collections.abc import Callable
from typing import Any, Final

import requests

from local.stack import API_SCOPE, Application, Stack

API_VERSION: Final = "2026-11-01"
_POLL_SECONDS: Final = 0.5


class Portal:
    """A client of the API with an application's identity."""

    def __init__(self, stack: Stack, application: Application | None = None) -> None:
        self._stack = stack
        self._application = application or stack.portal
        self._token = ""
        self._session = requests.Session()
        # The API is on this machine, whatever proxy its user has.
        self._session.trust_env = False

    def token(self) -> str:
        """Get an access token by client credentials, as any library would."""
        if not self._token:
            from azure.identity import ClientSecretCredential

            tenant = self._stack.azure.endpoints.tenant_id
            with ClientSecretCredential(tenant, self._application.client_id, self._application.client_secret) as entra:
                self._token = entra.get_token(API_SCOPE).token
        return self._token

    def send(self, method: str, path: str, **arguments: Any) -> requests.Response:
        """Send a request with the access token and the API's version."""
        headers = {
            "Authorization": f"Bearer {self.token()}",
            **arguments.pop("headers", {}),
        }
        url = f"{self._stack.host.functions_url}/api/{path}"
        parameters = {"api-version": API_VERSION, **arguments.pop("params", {})}
        return self._session.request(method, url, headers=headers, params=parameters, timeout=60, **arguments)

    def put_hsm(self, name: str, body: dict[str, Any]) -> requests.Response:
        """Ask for an HSM."""
        return self.send("PUT", f"hsms/{name}", json=body)

    def operation(self, operation_id: str) -> dict[str, Any]:
        """Read an operation."""
        response = self.send("GET", f"operations/{operation_id}")
        response.raise_for_status()
        document: dict[str, Any] = response.json()
        return document

    def follow(
        self, operation_id: str, *, seconds: float = 300, show: Callable[[dict[str, Any]], None] = lambda _: None
    ) -> dict[str, Any]:
        """Read an operation again and again until it ended; raises TimeoutError."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            operation = self.operation(operation_id)
            show(operation)
            if operation["status"] in ("Succeeded", "Failed", "Canceled"):
                return operation
            time.sleep(_POLL_SECONDS)
        message = f"operation {operation_id} did not end in {seconds} s"
        raise TimeoutError(message)
