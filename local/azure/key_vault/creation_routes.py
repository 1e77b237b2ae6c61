"""The paths by which versions of certificates come to be."""

import re
from typing import Final

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from local.azure.core.errors import ServiceFault
from local.azure.key_vault.access import Door
from local.azure.key_vault.bodies import Creation, Import, read_body
from local.azure.key_vault.bundles import describe_latest, describe_operation
from local.azure.key_vault.faults import bad_parameter
from local.azure.key_vault.importing import read_import
from local.azure.key_vault.issuing import issue, make_key

_NAME: Final = re.compile(r"[0-9a-zA-Z-]{1,127}")
_SELF: Final = "Self"


def make_creation_routes(door: Door) -> list[Route]:
    """Make the routes; the key is made at once, so the first question after an operation finds it completed."""

    async def create(request: Request) -> Response:
        """Begin to create a version of a certificate that signs itself, by a policy.

        Leaves out: other issuers, and renewal by lifetime actions.

        Assumes: the key is exportable where the policy does not say otherwise, unless it is of an HSM; an exportable
        key of an HSM is 400 `BadParameter`.
        """
        vault, name = door.enter(request, "certificates/create/action"), _read_new_name(request)
        creation = read_body(Creation, await request.body())
        if creation.policy.issuer.name != _SELF:
            raise ServiceFault(404, "NotInLocalAzure", "The local Azure issues only certificates that sign themselves.")
        key = vault.key_to_reuse(name, creation.policy)
        if key is None:
            key = await run_in_threadpool(make_key, creation.policy.key_props)
        certificate = vault.add_issued(name, creation, key, issue(creation.policy.x509_props, key))
        operation = describe_operation(vault, certificate, completed=False)
        query = f"api-version={request.query_params['api-version']}&request_id={operation['request_id']}"
        return JSONResponse(operation, 202, {"Location": f"{operation['id']}?{query}"})

    async def get_pending(request: Request) -> Response:
        """Give the operation that creates a certificate.

        Leaves out: the time that it takes: it is completed when it is first asked about.
        """
        vault = door.enter(request, "certificates/read")
        certificate = vault.find(request.path_params["name"])
        return JSONResponse(describe_operation(vault, certificate, completed=True))

    async def import_certificate(request: Request) -> Response:
        """Import a version of a certificate with its private key, in PKCS #12 or PEM.

        Assumes: the key is exportable where the policy does not say otherwise, unless it is of an HSM; an exportable
        key of an HSM is 400 `BadParameter`, and so is an import in another form than its policy's.
        """
        vault, name = door.enter(request, "certificates/import/action"), _read_new_name(request)
        body = read_body(Import, await request.body())
        imported = await run_in_threadpool(read_import, body)
        return JSONResponse(describe_latest(vault, vault.add_imported(name, body, imported)))

    return [
        Route("/certificates/{name}/create", create, methods=["POST"]),
        Route("/certificates/{name}/import", import_certificate, methods=["POST"]),
        Route("/certificates/{name}/pending", get_pending),
    ]


def _read_new_name(request: Request) -> str:
    name: str = request.path_params["name"]
    if not _NAME.fullmatch(name):
        raise bad_parameter("certificate-name", "it has other characters than letters, digits and hyphens")
    return name
