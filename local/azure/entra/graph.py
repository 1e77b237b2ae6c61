"""graph.microsoft.com: who somebody is, as `az keyvault role assignment` asks."""

import re
from collections.abc import Callable, Iterable
from functools import partial, wraps
from typing import Annotated, Any, Final

from pydantic import BaseModel, Field, ValidationError
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from local.azure.core.errors import ServiceFault, no_such_endpoint, respond_to_fault
from local.azure.entra.graph_pages import respond_with_page, select
from local.azure.entra.models import Application, Directory, Group, Person, Principal

AUDIENCE: Final = "https://graph.microsoft.com"
_FILTER: Final = re.compile(r"(?P<member>[\w/]+)(?:\(\w:\w)? eq '(?P<value>[^']*)'\)?")


class IdsQuestion(BaseModel):
    """The body of a question for objects by their ids."""

    ids: Annotated[list[str], Field(max_length=1000)]


def make_graph_app(directory: Directory) -> Starlette:
    """Make the web app of Graph; every principal of the tenant may read all of it."""
    open_to_all = partial(_open_to_all, directory)

    async def get_by_ids(request: Request, claims: dict[str, Any]) -> Response:  # noqa: ARG001 - a handler's signature
        """Give the principals with these object ids, with `$select`; unknown ids are passed over.

        Leaves out: the filter by `types`.

        Assumes: a selected property that a kind of principal does not have is left out of it.
        """
        try:
            ids = {identifier.lower() for identifier in IdsQuestion.model_validate_json(await request.body()).ids}
        except ValidationError:
            raise ServiceFault(400, "Request_BadRequest", "The body has no valid 'ids'.") from None
        return _list(select(request, _describe(item)) for item in directory.principals() if item.object_id in ids)

    async def list_transitive_members(request: Request, claims: dict[str, Any]) -> Response:  # noqa: ARG001
        """List who is in a group, by itself or through groups in it, in pages of `$top`, with `$select`.

        Leaves out: casts to one kind of member, `$count`, `$filter` and `$search`; groups of hidden membership.

        Assumes: a selected property that a kind of member does not have is left out of it.
        """
        return _list_members(directory, request)

    async def list_service_principals(request: Request, claims: dict[str, Any]) -> Response:  # noqa: ARG001
        """List applications, all or the one with a name or an `appId`.

        Leaves out: other filters: 400 `Request_UnsupportedQuery`.
        """
        member, value = _read_filter(request, ("servicePrincipalNames/any", "appId"))
        matching = (item for item in directory.applications.values() if not member or item.client_id == value)
        return _list(select(request, _describe(item)) for item in matching)

    async def list_users(request: Request, claims: dict[str, Any]) -> Response:  # noqa: ARG001
        """List persons, all or the one with a `userPrincipalName`.

        Leaves out: other filters: 400 `Request_UnsupportedQuery`.
        """
        member, value = _read_filter(request, ("userPrincipalName",))
        matching = (item for item in directory.people.values() if not member or item.user_principal_name == value)
        return _list(select(request, _describe(item)) for item in matching)

    async def get_me(request: Request, claims: dict[str, Any]) -> Response:
        """Give the person who calls."""
        person = directory.people.get(str(claims["oid"]))
        if person is None:
            message = "/me request is only valid with delegated authentication flow."
            raise ServiceFault(400, "BadRequest", message)
        return JSONResponse(select(request, _describe(person)))

    async def find_nothing(request: Request, claims: dict[str, Any]) -> Response:  # noqa: ARG001
        """Answer 404 `NotInLocalAzure`: there is nothing else here."""
        return no_such_endpoint(request)

    return Starlette(
        routes=[
            Route("/v1.0/directoryObjects/getByIds", open_to_all(get_by_ids), methods=["POST"]),
            Route("/v1.0/groups/{group}/transitiveMembers", open_to_all(list_transitive_members)),
            Route("/v1.0/servicePrincipals", open_to_all(list_service_principals)),
            Route("/v1.0/users", open_to_all(list_users)),
            Route("/v1.0/me", open_to_all(get_me)),
            Route("/{path:path}", open_to_all(find_nothing), methods=["GET", "POST", "PATCH", "DELETE"]),
        ],
        exception_handlers={ServiceFault: respond_to_fault},
    )


def _open_to_all(directory: Directory, handler: Callable[[Request, dict[str, Any]], Any]) -> Callable[[Request], Any]:
    @wraps(handler)
    async def handle(request: Request) -> Response:
        answer: Response = await handler(request, _read_claims(directory, request))
        return answer

    return handle


def _read_filter(request: Request, members: tuple[str, ...]) -> tuple[str, str]:
    """Read a filter of the kinds that we know; raises ServiceFault 400 for others, which we would get wrong."""
    text = request.query_params.get("$filter")
    if text is None:
        return "", ""
    match = _FILTER.fullmatch(text)
    if match is None or match["member"] not in members:
        raise ServiceFault(400, "Request_UnsupportedQuery", f"The local Azure has no filter '{text}'.")
    return match["member"], match["value"]


def _list_members(directory: Directory, request: Request) -> Response:
    named = request.path_params["group"]
    group = directory.groups.get(named.lower())
    if group is None:
        message = f"Resource '{named}' does not exist or one of its queried reference-property objects are not present."
        raise ServiceFault(404, "Request_ResourceNotFound", message)
    members = directory.list_transitive_members(group)
    return respond_with_page(request, [select(request, _describe(member)) for member in members])


def _list(items: Iterable[dict[str, Any]]) -> Response:
    return JSONResponse({"value": list(items)})


def _describe(principal: Principal) -> dict[str, Any]:
    """Give all that is known of a principal."""
    common = {"id": principal.object_id, "displayName": principal.display_name}
    match principal:
        case Application():
            return {
                "@odata.type": "#microsoft.graph.servicePrincipal",
                **common,
                "accountEnabled": principal.account_enabled,
                "appId": principal.client_id,
                "servicePrincipalNames": [principal.client_id],
            }
        case Person():
            return {
                "@odata.type": "#microsoft.graph.user",
                **common,
                "accountEnabled": principal.account_enabled,
                "userPrincipalName": principal.user_principal_name,
            }
        case Group():
            return {"@odata.type": "#microsoft.graph.group", **common}


def _read_claims(directory: Directory, request: Request) -> dict[str, Any]:
    """Give a token's claims; raises ServiceFault 401, with one code for whatever is wrong, as Graph does."""
    try:
        return directory.authority.validate(request, [AUDIENCE])
    except ServiceFault as fault:
        raise ServiceFault(401, "InvalidAuthenticationToken", fault.message) from None
