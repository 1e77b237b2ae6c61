"""NAME.managedhsm.azure.net."""

import base64
import uuid
from typing import Annotated, Final

from cryptography.x509 import Certificate, load_der_x509_certificate
from pydantic import BaseModel, Field, ValidationError
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from local.azure.core.challenge import Challenge
from local.azure.core.errors import ServiceFault, no_such_endpoint, respond_to_fault
from local.azure.core.tokens import TokenAuthority
from local.azure.core.transitions import Timing
from local.azure.managed_hsm.models import ExportRules, ManagedHsm, check_wrapping_certificates
from local.azure.resource_manager.models import ResourceManager

RESOURCE: Final = "https://managedhsm.azure.net"
_STATUS_DETAILS: Final = {
    "InProgress": "The Security Domain is being confirmed.",
    "Success": "The resource is active.",
    "Failed": "The Security Domain could not be confirmed.",
}


class WrappingKey(BaseModel):
    """A JWK of a download; the service takes the certificate from `x5c` and is lenient about all other members."""

    x5c: Annotated[list[str], Field(min_length=1)]


class Download(BaseModel):
    """The body of a download."""

    certificates: list[WrappingKey]
    required: int


def make_managed_hsm_app(
    manager: ResourceManager, authority: TokenAuthority, rules: ExportRules, timing: Timing
) -> Starlette:
    """Make the web app of all HSMs' data planes."""
    challenge = Challenge(authority, RESOURCE)

    def find(request: Request, action: str) -> ManagedHsm:
        """Settle who asks for what, in the order of the service: challenge, HSM, role."""
        claims = challenge.validate(request)
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
        certificates, required = _read_download(await request.body())
        value = await run_in_threadpool(hsm.make_domain, certificates, required)
        hsm.record_export(value, certificates, required, rules, timing)
        return JSONResponse({"value": value}, status_code=202, headers=_pending(request))

    async def get_pending(request: Request) -> Response:
        hsm = find(request, "securitydomain/download/read/action")
        if not hsm.exports:
            raise ServiceFault(404, "NotFound", "No security domain download was started.")
        status = hsm.exports[-1].outcome
        body = {"status": status, "status_details": _STATUS_DETAILS[status]}
        return JSONResponse(body, headers=_pending(request))

    async def refuse(request: Request) -> Response:
        hsm = find(request, "keys/read/action")
        if hsm.active:
            return no_such_endpoint(request)
        raise ServiceFault(403, "HsmNotActivated", "The Managed HSM is not activated: download its security domain.")

    return Starlette(
        routes=[
            Route("/securitydomain/download", download, methods=["POST"]),
            Route("/securitydomain/download/pending", get_pending),
            Route("/{path:path}", refuse, methods=["GET", "POST", "PUT", "PATCH", "DELETE"]),
        ],
        exception_handlers={ServiceFault: respond_to_fault},
    )


def _pending(request: Request) -> dict[str, str]:
    version = request.query_params["api-version"]
    url = f"https://{request.headers['host']}/securitydomain/download/pending?api-version={version}"
    return {"Azure-AsyncOperation": url}


def _read_download(body: bytes) -> tuple[list[Certificate], int]:
    try:
        asked = Download.model_validate_json(body)
        certificates = [
            load_der_x509_certificate(base64.b64decode(key.x5c[0], validate=True)) for key in asked.certificates
        ]
    except ValidationError:
        raise ServiceFault(400, "BadParameter", "The body is not what a download takes.") from None
    except ValueError:
        raise ServiceFault(400, "BadParameter", "A certificate could not be read from x5c.") from None
    check_wrapping_certificates(certificates, asked.required)
    return certificates, asked.required
