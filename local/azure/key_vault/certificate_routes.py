"""The paths of certificates that exist."""

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from local.azure.key_vault.access import Door
from local.azure.key_vault.bodies import Update, merge_policy, read_body
from local.azure.key_vault.bundles import (
    describe_certificate,
    describe_item,
    describe_latest,
    describe_policy,
)
from local.azure.key_vault.paging import respond_page


def make_certificate_routes(door: Door) -> list[Route]:
    """Make the routes."""

    async def get_certificate(request: Request) -> Response:
        """Give a version of a certificate, the newest where none is named."""
        vault, name = door.enter(request, "certificates/read"), request.path_params["name"]
        identifier = request.path_params.get("version", "")
        if not identifier:
            return JSONResponse(describe_latest(vault, vault.find(name)))
        version = vault.find_version(name, identifier)
        return JSONResponse(describe_certificate(vault, vault.find(name), version))

    async def update(request: Request) -> Response:
        """Enable, disable or tag a version of a certificate."""
        vault, name = door.enter(request, "certificates/update/action"), request.path_params["name"]
        version = vault.find_version(name, request.path_params.get("version", ""))
        version.change(read_body(Update, await request.body()))
        return JSONResponse(describe_certificate(vault, vault.find(name), version))

    async def get_policy(request: Request) -> Response:
        """Give the policy by which a certificate's next version is made."""
        vault = door.enter(request, "certificates/read")
        return JSONResponse(describe_policy(vault, vault.find(request.path_params["name"])))

    async def update_policy(request: Request) -> Response:
        """Change a certificate's policy; what the body does not name stays."""
        vault = door.enter(request, "certificates/update/action")
        certificate = vault.find(request.path_params["name"])
        certificate.stored.change(merge_policy(certificate.stored.policy, await request.body()))
        return JSONResponse(describe_policy(vault, certificate))

    async def list_certificates(request: Request) -> Response:
        """List the certificates, in pages."""
        vault = door.enter(request, "certificates/read")
        found = [describe_item(vault, item, item.versions[-1], with_version=False) for item in vault.certificates()]
        return respond_page(request, found)

    async def list_versions(request: Request) -> Response:
        """List the versions of a certificate, in pages."""
        vault = door.enter(request, "certificates/read")
        certificate = vault.find(request.path_params["name"])
        found = [describe_item(vault, certificate, item, with_version=True) for item in certificate.versions]
        return respond_page(request, found)

    base = "/certificates/{name}"
    return [
        Route("/certificates", list_certificates),
        Route(f"{base}/versions", list_versions),
        Route(f"{base}/policy", get_policy),
        Route(f"{base}/policy", update_policy, methods=["PATCH"]),
        *[Route(f"{base}{suffix}", get_certificate) for suffix in ("", "/", "/{version}")],
        *[Route(f"{base}{suffix}", update, methods=["PATCH"]) for suffix in ("", "/", "/{version}")],
    ]
