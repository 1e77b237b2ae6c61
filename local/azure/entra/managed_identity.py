"""The identity endpoint of App Service, version 2019-08-01."""

import secrets
import time

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from local.azure.core.errors import ServiceFault
from local.azure.entra.models import Application, Directory


def make_identity_route(directory: Directory, identity: Application, header: str) -> Route:
    """Make the endpoint of an app that has an identity of its own, and every user-assigned identity that there is."""

    async def get_token(request: Request) -> Response:
        """Give a token of the app's own identity, or of the user-assigned one that an id in the query names."""
        if not secrets.compare_digest(request.headers.get("x-identity-header", "").encode(), header.encode()):
            return JSONResponse({"statusCode": 401, "message": "wrong X-IDENTITY-HEADER"}, status_code=401)
        resource = request.query_params.get("resource", "")
        try:
            asked = _find_asked(request, directory, identity)
            token = directory.issue(asked, resource)
        except ServiceFault as fault:
            return JSONResponse({"statusCode": fault.status, "message": fault.message}, status_code=fault.status)
        return JSONResponse(
            {
                "access_token": token,
                "expires_on": str(int(time.time()) + directory.token_seconds),
                "resource": resource,
                "token_type": "Bearer",
                "client_id": asked.client_id,
            }
        )

    return Route("/msi/token", get_token)


def _find_asked(request: Request, directory: Directory, identity: Application) -> Application:
    """Find the identity that a request names, by one of three ids; without any it is the app's own."""
    query = request.query_params
    named = {name: query[name].lower() for name in ("client_id", "object_id", "mi_res_id") if name in query}
    if not named:
        return identity
    candidates: list[tuple[Application, str]] = [(identity, "")]
    candidates += [(item, item.resource_id) for item in directory.identities()]
    for application, resource_id in candidates:
        ids = {
            "client_id": application.client_id,
            "object_id": application.object_id,
            "mi_res_id": resource_id.lower(),
        }
        if all(ids[name] == value for name, value in named.items()):
            return application
    raise ServiceFault(400, "invalid_request", "No managed identity was found for this app.")
