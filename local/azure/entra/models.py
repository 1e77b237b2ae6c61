"""The directory: applications, their secrets, and the app roles that they were granted."""

import secrets
import uuid
from dataclasses import dataclass, field
from typing import Final

from local.azure.core.errors import ServiceFault
from local.azure.core.tokens import TokenAuthority

AZURE_AUDIENCES: Final = frozenset(
    {
        "https://management.azure.com",
        "https://management.core.windows.net",
        "https://vault.azure.net",
        "https://managedhsm.azure.net",
        "https://storage.azure.com",
        "https://graph.microsoft.com",
    }
)


@dataclass
class Application:
    """An application (or managed identity) with its service principal's object id."""

    display_name: str
    app_roles: dict[str, list[str]] = field(default_factory=dict)
    client_id: str = field(default_factory=lambda: str(uuid.uuid4()))
    object_id: str = field(default_factory=lambda: str(uuid.uuid4()))
    client_secret: str = field(default_factory=lambda: secrets.token_urlsafe(30))


class Directory:
    """One tenant's applications."""

    def __init__(self, authority: TokenAuthority) -> None:
        self.authority = authority
        self._applications: dict[str, Application] = {}
        self._audiences: set[str] = set()

    def add(self, application: Application) -> Application:
        """Register an application; the audiences of its roles are known from then on."""
        self._applications[application.client_id] = application
        self._audiences.update(application.app_roles)
        return application

    def sign_in(self, client_id: str, client_secret: str, scope: str) -> str:
        """Give a token for client credentials; raises ServiceFault with Entra's codes."""
        application = self._applications.get(client_id)
        if application is None:
            message = f"AADSTS700016: Application with identifier '{client_id}' was not found in the directory."
            raise ServiceFault(400, "unauthorized_client", message)
        if not secrets.compare_digest(application.client_secret.encode(), client_secret.encode()):
            raise ServiceFault(401, "invalid_client", "AADSTS7000215: Invalid client secret provided.")
        return self.issue(application, scope.removesuffix("/.default"))

    def issue(self, application: Application, resource: str) -> str:
        """Give a token for a resource that is known here."""
        plain = resource.rstrip("/")
        if plain not in AZURE_AUDIENCES and resource not in self._audiences:
            message = f"AADSTS500011: The resource principal named {resource} was not found in the tenant."
            raise ServiceFault(400, "invalid_resource", message)
        roles = application.app_roles.get(resource, [])
        audience = plain if plain in AZURE_AUDIENCES else resource
        return self.authority.sign(audience, application.object_id, application.client_id, roles)
