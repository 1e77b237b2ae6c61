"""Local RBAC's routes: roles, and who has them at which scope."""

import re
import uuid
from typing import Final

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from local.azure.core.transitions import Timing
from local.azure.managed_hsm.bodies import read_body
from local.azure.managed_hsm.door import Door
from local.azure.managed_hsm.faults import bad_parameter
from local.azure.managed_hsm.roles import (
    ASSIGNMENTS_PATH,
    DEFINITIONS_PATH,
    AssignmentBody,
    RoleDefinitionBody,
)

_SCOPES: Final = ("", "/keys", "/keys/{key}")
# Source: azure-rest-api-specs, keyvault data plane, rbac.json.
_BY_PRINCIPAL: Final = re.compile(r"principalId eq '?([0-9a-fA-F-]{36})'?")


def make_role_routes(door: Door, timing: Timing) -> list[Route]:
    """Make the routes, at each scope."""
    return [route for scope in _SCOPES for route in (*_definitions(door, scope), *_assignments(door, scope, timing))]


def _definitions(door: Door, prefix: str) -> list[Route]:
    path = f"{prefix}/{DEFINITIONS_PATH}"

    async def list_definitions(request: Request) -> Response:
        """List the role definitions: the built-in ones with their real ids, and the custom ones.

        Leaves out: other filters than `atScopeAndBelow()`: 400 `BadParameter`.
        """
        hsm = door.enter(request, "roleDefinitions/read/action", _scope(request))
        if request.query_params.get("$filter", "atScopeAndBelow()").removesuffix("()") != "atScopeAndBelow":
            raise bad_parameter("The filter is not supported.")
        return JSONResponse({"value": hsm.roles.list_definitions()})

    async def get_definition(request: Request) -> Response:
        """Give a role definition.

        Assumes: 404 `RoleDefinitionNotFound`.
        """
        hsm = door.enter(request, "roleDefinitions/read/action", _scope(request))
        return JSONResponse(hsm.roles.definition(_name(request)))

    async def put_definition(request: Request) -> Response:
        """Create or change a custom role definition, at the scope `/`.

        Assumes: 409 `QuotaExceeded` for one too many.
        """
        hsm = door.enter(request, "roleDefinitions/write/action", _scope(request))
        if _scope(request) != "/":
            raise bad_parameter("A role definition's scope is /.")
        asked = read_body(RoleDefinitionBody, await request.body())
        return JSONResponse(hsm.roles.put_definition(_name(request), asked.properties), 201)

    async def delete_definition(request: Request) -> Response:
        """Delete a custom role definition.

        Assumes: 404 `RoleDefinitionNotFound`; 409 `Conflict` where somebody has the role.
        """
        hsm = door.enter(request, "roleDefinitions/delete/action", _scope(request))
        return JSONResponse(hsm.roles.delete_definition(_name(request)))

    return [
        Route(path, list_definitions),
        Route(f"{path}/{{name}}", get_definition),
        Route(f"{path}/{{name}}", put_definition, methods=["PUT"]),
        Route(f"{path}/{{name}}", delete_definition, methods=["DELETE"]),
    ]


def _assignments(door: Door, prefix: str, timing: Timing) -> list[Route]:
    path = f"{prefix}/{ASSIGNMENTS_PATH}"

    async def list_assignments(request: Request) -> Response:
        """List role assignments at a scope, all, of one principal, or with those above it.

        Leaves out: other filters: 400 `BadParameter`.
        """
        scope = _scope(request)
        hsm = door.enter(request, "roleAssignments/read/action", scope)
        asked = request.query_params.get("$filter", "")
        by_principal = _BY_PRINCIPAL.fullmatch(asked)
        if asked not in ("", "atScope()") and by_principal is None:
            raise bad_parameter("The filter is not supported.")
        principal = by_principal[1].lower() if by_principal else None
        found = hsm.roles.list_assignments(scope, at_or_above=asked == "atScope()", principal=principal)
        return JSONResponse({"value": found})

    async def get_assignment(request: Request) -> Response:
        """Give a role assignment.

        Assumes: 404 `RoleAssignmentNotFound`.
        """
        hsm = door.enter(request, "roleAssignments/read/action", _scope(request))
        return JSONResponse(hsm.roles.assignment(_scope(request), _name(request)))

    async def put_assignment(request: Request) -> Response:
        """Give somebody a role at a scope, which it permits after the timing's `roleSeconds`; again changes nothing.

        Leaves out: a look whether the principal exists.

        Assumes: 409 `RoleAssignmentExists`, 409 `RoleAssignmentLimitExceeded`, 400 `RoleDefinitionDoesNotExist`.
        """
        hsm = door.enter(request, "roleAssignments/write/action", _scope(request))
        asked, name = read_body(AssignmentBody, await request.body()), _name(request)
        made, described = hsm.roles.put_assignment(_scope(request), name, asked.properties)
        if made and timing.role_seconds:
            hsm.roles.delay(name, timing.begin([("OnItsWay", timing.role_seconds)], "HeardOf"))
        return JSONResponse(described, 201)

    async def delete_assignment(request: Request) -> Response:
        """Take a role from somebody.

        Assumes: 404 `RoleAssignmentNotFound`.
        """
        hsm = door.enter(request, "roleAssignments/delete/action", _scope(request))
        return JSONResponse(hsm.roles.delete_assignment(_scope(request), _name(request)))

    return [
        Route(path, list_assignments),
        Route(f"{path}/{{name}}", get_assignment),
        Route(f"{path}/{{name}}", put_assignment, methods=["PUT"]),
        Route(f"{path}/{{name}}", delete_assignment, methods=["DELETE"]),
    ]


def _scope(request: Request) -> str:
    """Give the scope that the path names; keys' names are told apart without regard to case."""
    key = request.path_params.get("key")
    if key is not None:
        return f"/keys/{key.lower()}"
    return "/keys" if request.url.path.startswith("/keys/") else "/"


def _name(request: Request) -> str:
    try:
        return str(uuid.UUID(request.path_params["name"]))
    except ValueError:
        raise bad_parameter("The name must be a GUID.") from None
