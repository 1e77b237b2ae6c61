"""The security domain: handed out to activate an HSM, and taken in to restore another one."""

import base64
from typing import Annotated, Final

from cryptography.x509 import Certificate, load_der_x509_certificate
from pydantic import BaseModel, Field, ValidationError
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from local.azure.core.errors import ServiceFault
from local.azure.core.transitions import Timing
from local.azure.managed_hsm.bodies import read_body
from local.azure.managed_hsm.door import Door
from local.azure.managed_hsm.faults import bad_parameter, conflict
from local.azure.managed_hsm.models import ExportRules, check_wrapping_certificates
from local.azure.managed_hsm.transfer_key import open_restore_blob

_DOWNLOADING: Final = {
    "InProgress": "The Security Domain is being confirmed.",
    "Success": "The resource is active.",
    "Failed": "The Security Domain could not be confirmed.",
}
_UPLOADING: Final = {
    "InProgress": "The Security Domain is being restored.",
    "Success": "The resource is active.",
    "Failed": "The Security Domain could not be restored.",
}


class WrappingKey(BaseModel):
    """A JWK of a download; the service takes the certificate from `x5c` and is lenient about all other members."""

    x5c: Annotated[list[str], Field(min_length=1)]


class Download(BaseModel):
    """The body of a download."""

    certificates: list[WrappingKey]
    required: int


class Upload(BaseModel):
    """The body of an upload."""

    value: str


def make_security_domain_routes(door: Door, rules: ExportRules, timing: Timing) -> list[Route]:
    """Make the routes."""

    async def download(request: Request) -> Response:
        """Hand out the security domain, encrypted to the custodians' certificates; the first time, activate the HSM.

        Assumes: a second download during activation is 202 and supersedes the first, or, by the control API, 409
        `Conflict`, as is one during an upload. A wrapping key that is not RSA of 2048, 3072 or 4096 bits is 400
        `BadParameter`.
        """
        hsm = door.enter(request, "securitydomain/download/action")
        certificates, required = _read_download(await request.body())
        value = await run_in_threadpool(hsm.make_domain, certificates, required)
        hsm.record_export(value, certificates, required, rules, timing)
        return JSONResponse({"value": value}, status_code=202, headers=_pending(request, "download"))

    async def get_download(request: Request) -> Response:
        """Give the status of the last download.

        Assumes: 404 before any download. After a failed export: `Failed`, and the HSM stays `NotActivated`.
        """
        hsm = door.enter(request, "securitydomain/download/read")
        if not hsm.exports:
            raise ServiceFault(404, "NotFound", "No security domain download was started.")
        status = hsm.exports[-1].outcome
        body = {"status": status, "status_details": _DOWNLOADING[status]}
        return JSONResponse(body, headers=_pending(request, "download"))

    async def get_transfer_key(request: Request) -> Response:
        """Give the certificate of the key to which a security domain must be encrypted for this HSM.

        Assumes: 409 `Conflict` for an active HSM, and during another operation with the security domain.
        """
        hsm = door.enter(request, "securitydomain/transferkey/read")
        hsm.check_upload()
        transfer_key = await run_in_threadpool(hsm.find_transfer_key)
        return JSONResponse({"key_format": "jwk", "transfer_key": transfer_key.describe()})

    async def upload(request: Request) -> Response:
        """Take in another HSM's security domain, and its keys' hierarchy with it, and so activate the HSM.

        Assumes: 409 `Conflict` for an active HSM, during another operation with the security domain, and before the
        transfer key was read. A security domain that is not whole, not encrypted to the transfer key or not an HSM's is
        400 `BadParameter`.
        """
        hsm = door.enter(request, "securitydomain/upload/action")
        asked = read_body(Upload, await request.body())
        hsm.check_upload()
        if hsm.transfer_key is None:
            raise conflict("The Managed HSM is not in recovery: read its transfer key first.")
        domain = await run_in_threadpool(open_restore_blob, asked.value, hsm.transfer_key)
        hsm.record_upload(domain, rules, timing)
        body = {"status": "InProgress", "status_details": _UPLOADING["InProgress"]}
        return JSONResponse(body, status_code=202, headers=_pending(request, "upload"))

    async def get_upload(request: Request) -> Response:
        """Give the status of the upload.

        Assumes: 404 before any upload. After one that failed, by the control API: `Failed`, and the HSM stays
        `NotActivated`, with its transfer key.
        """
        hsm = door.enter(request, "securitydomain/upload/read")
        if hsm.upload is None:
            raise ServiceFault(404, "NotFound", "No security domain upload was started.")
        status = hsm.upload.state
        body = {"status": status, "status_details": _UPLOADING[status]}
        return JSONResponse(body, headers=_pending(request, "upload"))

    return [
        Route("/securitydomain/download", download, methods=["POST"]),
        Route("/securitydomain/download/pending", get_download),
        Route("/securitydomain/upload", get_transfer_key),
        Route("/securitydomain/upload", upload, methods=["POST"]),
        Route("/securitydomain/upload/pending", get_upload),
    ]


def _pending(request: Request, operation: str) -> dict[str, str]:
    version = request.query_params["api-version"]
    url = f"https://{request.headers['host']}/securitydomain/{operation}/pending?api-version={version}"
    return {"Azure-AsyncOperation": url}


def _read_download(body: bytes) -> tuple[list[Certificate], int]:
    try:
        asked = Download.model_validate_json(body)
        certificates = [
            load_der_x509_certificate(base64.b64decode(key.x5c[0], validate=True)) for key in asked.certificates
        ]
    except ValidationError:
        raise bad_parameter("The body is not what a download takes.") from None
    except ValueError:
        raise bad_parameter("A certificate could not be read from x5c.") from None
    check_wrapping_certificates(certificates, asked.required)
    return certificates, asked.required
