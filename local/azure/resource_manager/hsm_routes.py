"""Managed HSMs, deleted ones, and their long-running operations."""

from typing import Any, Final

from starlette.responses import JSONResponse, Response

from local.azure.core.errors import ServiceFault
from local.azure.resource_manager.bodies import HsmBody, HsmUpdate, NameQuestion
from local.azure.resource_manager.calls import GROUP, HSM, KEY_VAULT, SUBSCRIPTION, Call, Handler, accept, perform
from local.azure.resource_manager.descriptions import describe_deleted, describe_hsm, describe_regions
from local.azure.resource_manager.hsm_resource import DeletedHsm, HsmResource, Operation
from local.azure.resource_manager.locations import plain_location
from local.azure.resource_manager.network.rules import check_subnet_rules
from local.azure.resource_manager.provisioning import change_hsm, put_hsm

_DELETED: Final = SUBSCRIPTION + KEY_VAULT + "/locations/{location}/deletedManagedHSMs/{name}"
_HSMS: Final = "Microsoft.KeyVault/managedHSMs"


async def put(call: Call) -> Response:
    """Create an HSM, recover a deleted one (`createMode`), or change one.

    Assumes: a subnet among its network rules that is not there is 400 `VirtualNetworkNotFound`, and who may not join it
    is 403 `LinkedAuthorizationFailed`; that 400 `SubnetsHaveNoServiceEndpointsConfigured` is the same as for vaults. A
    new HSM under a soft-deleted or foreign name is 409 `ConflictError`, one over the quota 409 `QuotaExceeded`. A
    change of what only a creation can say is 400 `PropertyChangeNotAllowed`. While an HSM is being provisioned, changed
    or deleted a change is 409 `ConflictError`, but a PUT that changes nothing is accepted at any time except during a
    deletion. An identity that does not exist is 400 `FailedIdentityOperation`. A second region before activation, or a
    third, is 400 `400`. A recovery takes as long as a creation, in the state `Provisioning`; it must name the region
    and the resource group that the HSM was deleted from (404 `DeletedManagedHsmNotFound`, 409 `ConflictError`), and is
    409 `ConflictError` during a purge. After a failed creation the same PUT begins anew.
    """
    body = await call.read(HsmBody)
    check_subnet_rules(call, body)
    operation = put_hsm(call.manager, call.subscription, call.path("group"), call.path("name"), body, call.caller)
    return accept(call, operation)


async def patch(call: Call) -> Response:
    """Change an HSM: what the body names.

    Assumes: the refusals of a change by PUT.
    """
    hsm = call.find_hsm()
    body = await call.read(HsmUpdate)
    check_subnet_rules(call, body)
    return accept(call, change_hsm(call.manager, hsm, body, call.caller))


async def get(call: Call) -> Response:
    """Give an HSM with all its properties.

    Assumes: while it is being deleted an HSM can be read, in the state `Deleting`; the status messages of `Updating`
    and `Deleting`.
    """
    return JSONResponse(_describe(call, call.find_hsm()))


async def delete(call: Call) -> Response:
    """Soft-delete an HSM; a lock on it, or above it, refuses that with 409 `ScopeLocked`.

    Assumes: 204 where there is none (so says ARM's contract with its resource providers); 409 `ConflictError` while the
    HSM has another region.
    """
    hsm = call.manager.find_live(call.path("name"))
    if hsm is None or not hsm.is_in(call.subscription.id, call.path("group")):
        return Response(status_code=204)
    return accept(call, call.manager.begin_deletion(hsm))


async def list_in_group(call: Call) -> Response:
    """List the HSMs of a resource group."""
    hsms = call.manager.list_in_group(call.subscription.id, call.find_group().name)
    return call.respond_with_page([_describe(call, hsm) for hsm in hsms])


async def list_all(call: Call) -> Response:
    """List the HSMs of the subscription."""
    hsms = [hsm for hsm in call.manager.hsms.values() if hsm.subscription_id == call.subscription.id]
    return call.respond_with_page([_describe(call, hsm) for hsm in hsms])


async def list_regions(call: Call) -> Response:
    """List the regions of an HSM.

    Assumes: the list is empty as long as there is but the first region, as the property is in reality; then it names
    both. The action that the caller needs.
    """
    return JSONResponse({"value": describe_regions(call.find_hsm())})


async def check_name(call: Call) -> Response:
    """Say whether a name can be used for a new HSM.

    Assumes: the action that the caller needs.
    """
    call.subscription.require_registration()
    available, reason, message = call.manager.is_available((await call.read(NameQuestion)).name)
    answer: dict[str, Any] = {"nameAvailable": available}
    return JSONResponse(answer if available else {**answer, "reason": reason, "message": message})


async def list_deleted(call: Call) -> Response:
    """List the deleted HSMs of the subscription.

    Assumes: an HSM that is still being deleted is not among them.
    """
    deleted = [item for item in call.manager.deleted.values() if item.hsm.subscription_id == call.subscription.id]
    return call.respond_with_page([describe_deleted(item) for item in deleted])


async def get_deleted(call: Call) -> Response:
    """Give a deleted HSM, with the date of its purge."""
    return JSONResponse(describe_deleted(_find_deleted(call)))


async def purge(call: Call) -> Response:
    """Purge a deleted HSM.

    Assumes: 409 `MethodNotAllowed` against purge protection; no lock refuses a purge. That polls may never end, and
    that a purge may be lost until it is asked for again, is known (azure-rest-api-specs issue 27138): the control API
    decides.
    """
    return accept(call, call.manager.begin_purge(_find_deleted(call)))


async def poll(call: Call) -> Response:
    """Say whether an operation on an HSM has ended, and give what it has come to.

    Assumes: a deletion ends 200, but 204, 404 `ResourceNotFound` or 409 `ConflictError` if the control API says so:
    it is known that some which succeed end so (azure-rest-api-specs issue 13365), the codes are not. A failed creation
    ends 409 `ManagedHsmError`. The last poll of an update gives the resource; one recording, of the removal of a
    region, has an empty body there. The action that the caller needs.
    """
    operation = call.manager.operations.get(call.path("operation"))
    if operation is None or operation.subscription_id != call.subscription.id:
        raise ServiceFault(404, "OperationNotFound", "There is no such operation.")
    if not operation.progress.ended:
        return accept(call, operation)
    if operation.hsm is None:
        return _end(operation)
    if operation.progress.state == "Failed":
        # A 4xx: the SDK would take a 5xx for a failure to ask and ask again. The code is an assumption.
        raise ServiceFault(409, "ManagedHsmError", "The Managed HSM could not be provisioned.")
    return JSONResponse(_describe(call, operation.hsm))


def _end(operation: Operation) -> Response:
    if operation.end_status == 404:
        raise ServiceFault(404, "ResourceNotFound", "The Managed HSM was not found.")
    if operation.end_status == 409:
        raise ServiceFault(409, "ConflictError", "The Managed HSM is being deleted.")
    return Response(status_code=operation.end_status)


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
