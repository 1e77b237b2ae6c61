"""Managed HSMs, deleted ones, and their long-running operations."""

from typing import Any, Final

from starlette.responses import JSONResponse, Response

from local.azure.core.errors import ServiceFault
from local.azure.resource_manager.bodies import HsmBody, HsmUpdate, NameQuestion
from local.azure.resource_manager.calls import GROUP, HSM, KEY_VAULT, SUBSCRIPTION, Call, Handler, accept, perform
from local.azure.resource_manager.descriptions import describe_deleted, describe_hsm, describe_regions
from local.azure.resource_manager.hsm_resource import DeletedHsm, HsmResource
from local.azure.resource_manager.locations import plain_location
from local.azure.resource_manager.provisioning import change_hsm, put_hsm

_DELETED: Final = SUBSCRIPTION + KEY_VAULT + "/locations/{location}/deletedManagedHSMs/{name}"
_HSMS: Final = "Microsoft.KeyVault/managedHSMs"


async def put(call: Call) -> Response:
    """Create, recover or change an HSM."""
    body = await call.read(HsmBody)
    operation = put_hsm(call.manager, call.subscription, call.path("group"), call.path("name"), body, call.caller)
    return accept(call, operation)


async def patch(call: Call) -> Response:
    """Change an HSM."""
    hsm = call.find_hsm()
    return accept(call, change_hsm(call.manager, hsm, await call.read(HsmUpdate), call.caller))


async def get(call: Call) -> Response:
    """Give an HSM."""
    return JSONResponse(_describe(call, call.find_hsm()))


async def delete(call: Call) -> Response:
    """Soft-delete an HSM; 204 where there is none (source: ARM's contract with its resource providers)."""
    hsm = call.manager.find_live(call.path("name"))
    if hsm is None or not hsm.is_in(call.subscription.id, call.path("group")):
        return Response(status_code=204)
    return accept(call, call.manager.begin_deletion(hsm))


async def list_in_group(call: Call) -> Response:
    """List the HSMs of a resource group."""
    hsms = call.manager.list_in_group(call.subscription.id, call.find_group().name)
    return JSONResponse({"value": [_describe(call, hsm) for hsm in hsms]})


async def list_all(call: Call) -> Response:
    """List the HSMs of the subscription."""
    hsms = [hsm for hsm in call.manager.hsms.values() if hsm.subscription_id == call.subscription.id]
    return JSONResponse({"value": [_describe(call, hsm) for hsm in hsms]})


async def list_regions(call: Call) -> Response:
    """List the regions of an HSM."""
    return JSONResponse({"value": describe_regions(call.find_hsm())})


async def check_name(call: Call) -> Response:
    """Say whether a name can be used."""
    call.subscription.require_registration()
    available, reason, message = call.manager.is_available((await call.read(NameQuestion)).name)
    answer: dict[str, Any] = {"nameAvailable": available}
    return JSONResponse(answer if available else {**answer, "reason": reason, "message": message})


async def list_deleted(call: Call) -> Response:
    """List the deleted HSMs of the subscription."""
    deleted = [item for item in call.manager.deleted.values() if item.hsm.subscription_id == call.subscription.id]
    return JSONResponse({"value": [describe_deleted(item) for item in deleted]})


async def get_deleted(call: Call) -> Response:
    """Give a deleted HSM."""
    return JSONResponse(describe_deleted(_find_deleted(call)))


async def purge(call: Call) -> Response:
    """Purge a deleted HSM."""
    return accept(call, call.manager.begin_purge(_find_deleted(call)))


async def poll(call: Call) -> Response:
    """Say whether an operation has ended, and give what it has come to."""
    operation = call.manager.operations.get(call.path("operation"))
    if operation is None or operation.subscription_id != call.subscription.id:
        raise ServiceFault(404, "OperationNotFound", "There is no such operation.")
    if not operation.progress.ended:
        return accept(call, operation)
    if operation.hsm is None:
        return Response(status_code=200)
    if operation.progress.state == "Failed":
        # A 4xx: the SDK would take a 5xx for a failure to ask and ask again. The code is an assumption.
        raise ServiceFault(409, "ManagedHsmError", "The Managed HSM could not be provisioned.")
    return JSONResponse(_describe(call, operation.hsm))


def _describe(call: Call, hsm: HsmResource) -> dict[str, Any]:
    return describe_hsm(hsm, call.subscription.tenant_id)


def _find_deleted(call: Call) -> DeletedHsm:
    deleted = call.manager.deleted.get(call.path("name").lower())
    place = (call.subscription.id, plain_location(call.path("location")))
    if deleted is None or (deleted.hsm.subscription_id, deleted.hsm.location) != place:
        raise ServiceFault(404, "ResourceNotFound", "There is no deleted Managed HSM of that name.")
    return deleted


ROUTES: Final[tuple[tuple[str, str, Handler], ...]] = (
    ("PUT", HSM, perform(f"{_HSMS}/write", put)),
    ("PATCH", HSM, perform(f"{_HSMS}/write", patch)),
    ("GET", HSM, perform(f"{_HSMS}/read", get)),
    ("DELETE", HSM, perform(f"{_HSMS}/delete", delete)),
    ("GET", HSM + "/regions", perform(f"{_HSMS}/regions/read", list_regions)),
    ("GET", GROUP + KEY_VAULT + "/managedHSMs", perform(f"{_HSMS}/read", list_in_group)),
    ("GET", SUBSCRIPTION + KEY_VAULT + "/managedHSMs", perform(f"{_HSMS}/read", list_all)),
    (
        "POST",
        SUBSCRIPTION + KEY_VAULT + "/checkMhsmNameAvailability",
        perform("Microsoft.KeyVault/checkMhsmNameAvailability/read", check_name),
    ),
    (
        "GET",
        SUBSCRIPTION + KEY_VAULT + "/deletedManagedHSMs",
        perform("Microsoft.KeyVault/deletedManagedHsms/read", list_deleted),
    ),
    ("GET", _DELETED, perform("Microsoft.KeyVault/locations/deletedManagedHsms/read", get_deleted)),
    ("POST", _DELETED + "/purge", perform("Microsoft.KeyVault/locations/deletedManagedHsms/purge/action", purge)),
    (
        "GET",
        SUBSCRIPTION + KEY_VAULT + "/locations/{location}/managedHsmOperationResults/{operation}",
        perform("Microsoft.KeyVault/locations/managedHsmOperationResults/read", poll),
    ),
)
