"""The paths of deleting certificates and of deleted ones; in reality both take some seconds, here they end at once."""

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from local.azure.key_vault.access import Door
from local.azure.key_vault.bundles import describe_deleted, describe_deleted_item, describe_latest
from local.azure.key_vault.paging import respond_page


def make_deletion_routes(door: Door) -> list[Route]:
    """Make the routes."""

    async def delete(request: Request) -> Response:
        """Soft-delete a certificate.

        Leaves out: the seconds that it takes in reality: it ends at once.
        """
        vault = door.enter(request, "certificates/delete")
        return JSONResponse(describe_deleted(vault, vault.delete(request.path_params["name"])))

    async def list_deleted(request: Request) -> Response:
        """List the deleted certificates, in pages."""
        vault = door.enter(request, "certificates/read")
        return respond_page(request, [describe_deleted_item(vault, item) for item in vault.deleted()])

    async def get_deleted(request: Request) -> Response:
        """Give a deleted certificate."""
        vault = door.enter(request, "certificates/read")
        return JSONResponse(describe_deleted(vault, vault.find_deleted(request.path_params["name"])))

    async def recover(request: Request) -> Response:
        """Bring a deleted certificate back.

        Leaves out: the seconds that it takes in reality: it ends at once.
        """
        vault = door.enter(request, "certificates/recover/action")
        return JSONResponse(describe_latest(vault, vault.recover(request.path_params["name"])))

    async def purge(request: Request) -> Response:
        """Destroy a deleted certificate; 403 where the vault has purge protection.

        Assumes: the inner code `ForbiddenByPolicy`.

        Leaves out: the seconds that it takes in reality: it ends at once.
        """
        vault = door.enter(request, "certificates/purge/action")
        vault.purge(request.path_params["name"])
        return Response(status_code=204)

    return [
        Route("/certificates/{name}", delete, methods=["DELETE"]),
        Route("/deletedcertificates", list_deleted),
        Route("/deletedcertificates/{name}", get_deleted),
        Route("/deletedcertificates/{name}", purge, methods=["DELETE"]),
        Route("/deletedcertificates/{name}/recover", recover, methods=["POST"]),
    ]
