"""NAME.managedhsm.azure.net."""

import base64
import binascii
import uuid
from typing import Any

from cryptography.x509 import Certificate, load_der_x509_certificate
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from local.azure.core.errors import ServiceFault
from local.azure.core.tokens import TokenAuthority
from local.azure.core.transitions import Timing
from local.azure.managed_hsm.models import ExportRules, ManagedHsm, check_wrapping_certificates
from local.azure.resource_manager.models import ResourceManager

RESOURCE = "https://managedhsm.azure.net"


def make_managed_hsm_app(
    manager: ResourceManager, authority: TokenAuthority, rules: ExportRules, timing: Timing
) -> Starlette:
    """Make the web app of all HSMs' data planes."""

    def find(request: Request, action: str) -> ManagedHsm:
        """Settle who asks for what, in the order of the service: challenge, HSM, role."""
        try:
            claims = authority.validate(request, [RESOURCE])
        except ServiceFault as fault:
            tenant = f"https://login.microsoftonline.com/{authority.tenant_id}"
            challenge = f'Bearer authorization="{tenant}", resource="{RESOURCE}"'
            raise ServiceFault(401, "Unauthorized", fault.message, {"WWW-Authenticate": challenge}) from None
        hsm = manager.find_live(request.headers["host"].partition(".")[0].lower())
        if hsm is None or not hsm.ready:
            raise ServiceFault(404, "ResourceNotFound", "There is no Managed HSM at this address.")
        if str(claims["oid"]).lower() not in hsm.administrators:
            message = (
                f"Not authorized to access Microsoft.KeyVault/managedHsm/{action} on / (Activity ID: {uuid.uuid4()})"
            )
            raise ServiceFault(403, "AccessDenied", message)
        return hsm

    async def download(request: Request) -> Response:
        hsm = find(request, "securitydomain/download/action")
        body = await request.json()
        certificates = [_read_certificate(key) for key in body.get("certificates", [])]
        required = int(body.get("required", 0))
        check_wrapping_certificates(certificates, required)
        value = await run_in_threadpool(hsm.export, certificates, required, rules, timing)
        pending = f"https://{request.headers['host']}/securitydomain/download/pending?api-version=2025-07-01"
        return JSONResponse({"value": value}, status_code=202, headers={"Azure-AsyncOperation": pending})

    async def get_pending(request: Request) -> Response:
        hsm = find(request, "securitydomain/download/read/action")
        if not hsm.exports:
            raise ServiceFault(404, "NotFound", "No security domain download was started.")
        status = hsm.exports[-1].outcome
        details = {"Success": "The resource is active.", "InProgress": "The Security Domain is being confirmed."}
        return JSONResponse({"status": status, "status_details": details.get(status, "The export failed.")})

    async def refuse(request: Request) -> Response:
        hsm = find(request, "keys/read/action")
        code = "NotFound" if hsm.active else "HsmNotActivated"
        raise ServiceFault(404 if hsm.active else 403, code, "This is not available on this Managed HSM.")

    return Starlette(
        routes=[
            Route("/securitydomain/download", download, methods=["POST"]),
            Route("/securitydomain/download/pending", get_pending),
            Route("/{path:path}", refuse, methods=["GET", "POST", "PUT", "PATCH", "DELETE"]),
        ],
        exception_handlers={ServiceFault: _respond},
    )


def _read_certificate(key: dict[str, Any]) -> Certificate:
    """Take the certificate from a JWK's `x5c`: the service is lenient about all other members."""
    try:
        return load_der_x509_certificate(base64.b64decode(key["x5c"][0], validate=True))
    except (KeyError, IndexError, TypeError, ValueError, binascii.Error):
        raise ServiceFault(400, "BadParameter", "A certificate could not be read from x5c.") from None


async def _respond(request: Request, error: Exception) -> Response:  # noqa: ARG001 - the signature of a handler
    if not isinstance(error, ServiceFault):
        raise error
    return error.respond()
