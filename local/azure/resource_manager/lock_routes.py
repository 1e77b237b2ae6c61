"""Management locks as resources, at each scope that can have them: Microsoft.Authorization/locks."""

from typing import Any, Final

from starlette.responses import JSONResponse, Response

from local.azure.core.errors import ServiceFault
from local.azure.resource_manager.bodies import LockBody
from local.azure.resource_manager.calls import GROUP, HSM, RESOURCE, SUBSCRIPTION, Call, HandlerRoute, at, perform
from local.azure.resource_manager.locks import Lock
from local.azure.resource_manager.neighbours import Neighbour

_LOCKS: Final = "/providers/Microsoft.Authorization/locks"
_ACTION: Final = "Microsoft.Authorization/locks"


async def list_locks(call: Call) -> Response:
    """List the locks at, above and below a scope; with `$filter=atScope()` those at and above it.

    Leaves out: other filters.

    Assumes: the filter means what the documentation of Get-AzResourceLock says of `-AtScope`.
    """
    _require_scope(call)
    asked = call.request.query_params.get("$filter")
    if asked not in (None, "atScope()"):
        raise ServiceFault(400, "InvalidFilterInQueryString", f"The local Azure does not know the filter '{asked}'.")
    locks = call.subscription.locks
    found = locks.list_around(call.scope) if asked is None else locks.list_above(call.scope)
    return JSONResponse({"value": [_describe(lock) for lock in found]})


async def put_lock(call: Call) -> Response:
    """Make a lock, or change its level and notes.

    Leaves out: `owners`; the level `NotSpecified`, which is 400; `systemData`.
    """
    _require_scope(call)
    body = (await call.read(LockBody)).properties
    lock = Lock(call.scope, call.path("lock"), body.level, body.notes)
    return JSONResponse(_describe(lock), status_code=201 if call.subscription.locks.put(lock) else 200)


async def get_lock(call: Call) -> Response:
    """Give a lock of exactly this scope.

    Assumes: 404 `LockNotFound` where there is none.
    """
    lock = call.subscription.locks.find(call.scope, call.path("lock"))
    if lock is None:
        raise ServiceFault(404, "LockNotFound", f"The lock '{call.path('lock')}' could not be found.")
    return JSONResponse(_describe(lock))


async def delete_lock(call: Call) -> Response:
    """Delete a lock; 204 where there is none."""
    removed = call.subscription.locks.remove(call.scope, call.path("lock"))
    return Response(status_code=204 if removed is None else 200)


def _require_scope(call: Call) -> None:
    """Refuse a scope that is not there; raises ServiceFault 404."""
    if "resource" in call.request.path_params:
        _require_resource(call)
    elif "name" in call.request.path_params:
        call.find_hsm()
    elif "group" in call.request.path_params:
        call.find_group()


def _require_resource(call: Call) -> None:
    if call.manager.directory.find_identity(resource_id=call.scope) is None:
        call.manager.neighbours.require(Neighbour, call.scope)


def _describe(lock: Lock) -> dict[str, Any]:
    properties = {"level": lock.level} | ({} if lock.notes is None else {"notes": lock.notes})
    return {"properties": properties, "id": f"{lock.scope}{_LOCKS}/{lock.name}", "type": _ACTION, "name": lock.name}


_HANDLERS: Final[tuple[HandlerRoute, ...]] = (
    ("GET", _LOCKS, perform(f"{_ACTION}/read", list_locks)),
    ("PUT", _LOCKS + "/{lock}", perform(f"{_ACTION}/write", put_lock)),
    ("GET", _LOCKS + "/{lock}", perform(f"{_ACTION}/read", get_lock)),
    ("DELETE", _LOCKS + "/{lock}", perform(f"{_ACTION}/delete", delete_lock)),
)
ROUTES: Final[tuple[HandlerRoute, ...]] = (
    *((method, scope + path, handler) for method, path, handler in _HANDLERS for scope in (SUBSCRIPTION, GROUP, HSM)),
    # After HSMs, which are resources, too.
    *((method, RESOURCE + path, at(RESOURCE, handler)) for method, path, handler in _HANDLERS),
)
