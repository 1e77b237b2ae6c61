"""NAME.vault.azure.net."""

import uuid
from typing import Any

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from local.azure.core.challenge import Challenge
from local.azure.core.errors import ServiceFault, no_such_endpoint, respond_to_fault
from local.azure.core.tokens import TokenAuthority
from local.azure.key_vault.models import Vaults, describe, make_self_signed

RESOURCE = "https://vault.azure.net"


def make_key_vault_app(vaults: Vaults, authority: TokenAuthority) -> Starlette:
    """Make the web app of all vaults' data planes."""
    challenge = Challenge(authority, RESOURCE)

    def enter(request: Request) -> tuple[str, str]:
        """Check the token and give the vault and the certificate that are meant."""
        challenge.validate(request)
        return request.headers["host"].partition(".")[0].lower(), request.path_params.get("name", "")

    async def create(request: Request) -> Response:
        vault, name = enter(request)
        vaults.certificates(vault)
        body = await request.json()
        vaults.add(vault, name, await run_in_threadpool(make_self_signed, body.get("policy") or {}))
        return JSONResponse(_operation(vault, name, "inProgress"), status_code=202)

    async def get_pending(request: Request) -> Response:
        vault, name = enter(request)
        vaults.find(vault, name, "")
        return JSONResponse(_operation(vault, name, "completed"))

    async def get_certificate(request: Request) -> Response:
        vault, name = enter(request)
        version = vaults.find(vault, name, request.path_params.get("version", ""))
        return JSONResponse(describe(vault, name, version))

    async def patch_certificate(request: Request) -> Response:
        vault, name = enter(request)
        version = vaults.find(vault, name, request.path_params.get("version", ""))
        attributes = (await request.json()).get("attributes") or {}
        version.enabled = bool(attributes.get("enabled", version.enabled))
        return JSONResponse(describe(vault, name, version))

    async def list_certificates(request: Request) -> Response:
        vault, _ = enter(request)
        found = {name: versions[-1] for name, versions in vaults.certificates(vault).items()}
        items = [_item(describe(vault, name, version), with_version=False) for name, version in found.items()]
        return JSONResponse({"value": items})

    async def list_versions(request: Request) -> Response:
        vault, name = enter(request)
        versions = vaults.certificates(vault).get(name.lower(), [])
        return JSONResponse({"value": [_item(describe(vault, name, item), with_version=True) for item in versions]})

    async def find_nothing(request: Request) -> Response:
        enter(request)
        return no_such_endpoint(request)

    return Starlette(
        routes=[
            Route("/certificates", list_certificates),
            Route("/certificates/{name}/create", create, methods=["POST"]),
            Route("/certificates/{name}/pending", get_pending),
            Route("/certificates/{name}/versions", list_versions),
            Route("/certificates/{name}", get_certificate),
            Route("/certificates/{name}/", get_certificate),
            Route("/certificates/{name}/{version}", get_certificate),
            Route("/certificates/{name}/{version}", patch_certificate, methods=["PATCH"]),
            Route("/certificates/{name}/", patch_certificate, methods=["PATCH"]),
            Route("/{path:path}", find_nothing, methods=["GET", "POST", "PUT", "PATCH", "DELETE"]),
        ],
        exception_handlers={ServiceFault: respond_to_fault},
    )


def _operation(vault: str, name: str, status: str) -> dict[str, Any]:
    base = f"https://{vault}.vault.azure.net/certificates/{name}"
    return {
        "id": f"{base}/pending",
        "issuer": {"name": "Self"},
        "cancellation_requested": False,
        "status": status,
        "target": base,
        "request_id": uuid.uuid4().hex,
    }


def _item(bundle: dict[str, Any], *, with_version: bool) -> dict[str, Any]:
    identifier = bundle["id"] if with_version else bundle["id"].rpartition("/")[0]
    return {"id": identifier, "x5t": bundle["x5t"], "attributes": bundle["attributes"]}
