"""NAME.vault.azure.net."""

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from local.azure.core.errors import ServiceFault, no_such_endpoint, respond_to_fault
from local.azure.core.tokens import TokenAuthority
from local.azure.key_vault.access import Door
from local.azure.key_vault.certificate_routes import make_certificate_routes
from local.azure.key_vault.creation_routes import make_creation_routes
from local.azure.key_vault.deletion_routes import make_deletion_routes
from local.azure.key_vault.key_routes import make_key_routes
from local.azure.key_vault.models import Vaults


def make_key_vault_app(vaults: Vaults, authority: TokenAuthority) -> Starlette:
    """Make the web app of all vaults' data planes."""
    door = Door(vaults, authority)

    async def find_nothing(request: Request) -> Response:
        """Answer 404 `NotInLocalAzure`: there is nothing else here."""
        door.authenticate(request)
        return no_such_endpoint(request)

    return Starlette(
        routes=[
            *make_creation_routes(door),
            *make_certificate_routes(door),
            *make_deletion_routes(door),
            *make_key_routes(door),
            Route("/{path:path}", find_nothing, methods=["GET", "POST", "PUT", "PATCH", "DELETE"]),
        ],
        exception_handlers={ServiceFault: respond_to_fault},
    )
