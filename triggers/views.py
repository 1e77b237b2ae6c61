"""How HSMs and operations are shown."""

from typing import Any

import azure.durable_functions as df

from clients import archive, resource_manager
from clients.ownership import is_ours
from domain.caller import Caller
from domain.errors import service_error
from domain.hsm import Hsm
from domain.names import hsm_of_operation
from domain.operations import Operation
from domain.records import Claim, HsmRecord
from triggers.instances import find_operation_of


def describe_operation(caller: Caller, operation_id: str, client: df.SyncDurableFunctionsClient) -> dict[str, Any]:
    """Describe an operation from its record, or while it has none from its claim and its instance.

    To whom it is not to be shown, it does not exist.

    Raises ServiceError `operation_not_found`.
    """
    hsm = hsm_of_operation(operation_id)
    operation = archive.find_operation(operation_id) if hsm else None
    held = archive.find_claim(hsm) if hsm and operation is None else None
    if held is not None and held.claim.operation_id == operation_id:
        operation = find_operation_of(held.claim, client)
    elif held is not None:
        # Between the two looks it may have ended and been followed by another.
        operation = archive.find_operation(operation_id)
    if operation is None or not caller.may_read(operation.owner):
        raise service_error("operation_not_found", "There is no such operation.", advice="Check the operation's id.")
    return _show(operation)


def describe_claimed_operation(claim: Claim, client: df.SyncDurableFunctionsClient) -> dict[str, Any]:
    """Describe the operation of a claim."""
    return _show(find_operation_of(claim, client))


def describe_hsm(caller: Caller, name: str, client: df.SyncDurableFunctionsClient) -> dict[str, Any]:
    """Describe an HSM of ours as Azure sees it now; raises ServiceError `hsm_not_found`, also where it is not shown."""
    held = archive.find_claim(name)
    if held is None or not caller.may_read(held.claim.owner):
        raise service_error("hsm_not_found", "This service has no HSM of that name.", advice="Check the name.")
    record = archive.find_hsm_record(name)
    operation = describe_claimed_operation(held.claim, client)
    if record is None or record.owner != held.claim.owner:
        return {"name": name, "state": "NotCreated", "owner": _owner(held.claim), "lastOperation": operation}
    _, _, subscription_id, _, resource_group, *_ = record.resource_id.split("/")
    hsm = resource_manager.find_hsm(subscription_id, resource_group, name)
    if hsm is None or not is_ours(hsm, record, record.owner):
        document = {"name": name, "resourceId": record.resource_id, "state": "NotFound", "owner": _owner(held.claim)}
    else:
        document = describe_known_hsm(hsm, record, held.claim)
    return {**document, "lastOperation": operation}


def describe_known_hsm(hsm: Hsm, record: HsmRecord | None, claim: Claim) -> dict[str, Any]:
    """Describe an HSM that exists."""
    document: dict[str, Any] = {
        "name": hsm.name,
        "uri": hsm.uri,
        "state": hsm.state,
        "resourceId": hsm.resource_id,
        "location": hsm.location,
        "sku": hsm.sku,
        "owner": _owner(claim),
        "lastOperationId": claim.operation_id,
    }
    if record is not None and record.security_domain is not None:
        document["securityDomain"] = record.security_domain.model_dump(mode="json", by_alias=True)
    return document


def _owner(claim: Claim) -> dict[str, Any]:
    return claim.owner.model_dump(mode="json", by_alias=True)


def _show(operation: Operation) -> dict[str, Any]:
    return operation.model_dump(mode="json", by_alias=True, exclude_none=True)
