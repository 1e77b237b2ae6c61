"""What an operation that did not succeed leaves behind, as far as Azure says."""

import logging
from datetime import UTC, datetime
from typing import Final

from clients import archive, resource_manager
from clients.ownership import is_ours
from domain.decommissioning import state_without_hsm
from domain.errors import describe_unexpected
from domain.hsm import APPEARS_WITHIN, Hsm
from domain.names import resource_id
from domain.operations import Existing, ExistingHsm, Operation
from domain.policy_rules import monthly_cost
from domain.records import Claim, HsmRecord
from domain.requests import HsmSpecification
from domain.settings import deployment_policy

_log = logging.getLogger("hsm_provisioner.existing")
_NOTHING: Final = "No HSM exists, and nothing is billed. Send the request again to start anew."
_NOT_OURS: Final = "The HSM was not taken over, and nothing was changed. Send the request again to have it pinned anew."
_BILLED: Final = "The HSM is billed. Send the request again to go on from here, or delete and purge it to end its cost."
_IN_USE: Final = "The HSM is there, and billed. Send the request again to go on from here."
_ON_ITS_WAY: Final = (
    "Azure shows no HSM yet, but may be making one, which is billed. Look again in some minutes, and send the request "
    "again to go on from there."
)
_NOT_DELETED: Final = "The HSM is there as before, and billed. Send the request again to delete it."
_DELETED: Final = (
    "The HSM is deleted and billed until it is purged; until then it can be recovered. Send the request again to go on."
)
_PURGED: Final = "The HSM is purged, and nothing is billed."
_PURGED_ALONE: Final = (
    "The HSM is purged, and not billed any more. What the service made around it may be there still: send the request "
    "again to delete that."
)
_UNKNOWN: Final = "Azure did not say whether the HSM exists: it may, and be billed. Send the request again to resume."


def describe_existing(claim: Claim, operation: Operation) -> Existing:
    """Say what exists, what it costs in a month, and how to go on.

    Where Azure does not say it is Unknown: this never raises, for whoever asks must go on.
    """
    request = claim.request
    try:
        group = _find_resource_group(request) if operation.has_begun("create_resource_group") else None
        record = archive.find_hsm_record(claim.hsm)
        hsm = _find_hsm(claim) if record else None
        on_its_way = hsm is None and _may_be_on_its_way(record, operation)
        # One of its name that is not ours is none of theirs, either.
        hsm = hsm if hsm and is_ours(hsm, record, claim.team) else None
        cost = monthly_cost(deployment_policy(), hsm.sku, hsm.additional_regions) if hsm else None
    except Exception as error:  # noqa: BLE001 - whatever goes wrong, an operation must be recorded
        _log.warning("what exists after %s is not known: %s", operation.id, describe_unexpected(error))
        return Existing(hsm=_unknown_hsm(claim), resume=_UNKNOWN)
    if on_its_way:
        return Existing(resource_group=group, hsm=_unknown_hsm(claim), resume=_ON_ITS_WAY)
    if claim.kind in ("decommission", "recover"):
        return _describe_end(claim, record, hsm, cost)
    if hsm is None:
        return Existing(resource_group=group, resume=_NOT_OURS if claim.kind == "adopt" else _NOTHING)
    existing = ExistingHsm(resource_id=hsm.resource_id, state=hsm.state)
    return Existing(
        resource_group=group,
        hsm=existing,
        monthly_cost_usd=cost,
        resume=_BILLED if _is_unused(claim, record, hsm) else _IN_USE,
    )


def _describe_end(claim: Claim, record: HsmRecord | None, hsm: Hsm | None, cost: float | None) -> Existing:
    """Say what a decommission left, or a recovery, that did not succeed."""
    if hsm is not None:
        existing = ExistingHsm(resource_id=hsm.resource_id, state=hsm.state)
        resume = _NOT_DELETED if claim.kind == "decommission" else _IN_USE
        return Existing(hsm=existing, monthly_cost_usd=cost, resume=resume)
    state = state_without_hsm(record.decommissioned if record else None)
    if record is None:
        return Existing(hsm=_unknown_hsm(claim), resume=_UNKNOWN)
    if state == "Purged":
        return Existing(resume=_PURGED_ALONE if claim.kind == "decommission" else _PURGED)
    cost = monthly_cost(deployment_policy(), record.request.sku)
    return Existing(
        hsm=ExistingHsm(resource_id=record.resource_id, state=state), monthly_cost_usd=cost, resume=_DELETED
    )


def _is_unused(claim: Claim, record: HsmRecord | None, hsm: Hsm) -> bool:
    """Say whether nobody can have used the HSM: this service made it, and it was never active."""
    made_by_us = record is not None and not record.adopted and record.security_domain is None
    return made_by_us and not hsm.active and claim.kind in ("provision", "restore")


def _find_resource_group(request: HsmSpecification) -> str | None:
    exists = resource_manager.resource_group_exists(request.subscription_id, request.resource_group)
    return request.resource_group if exists else None


def _find_hsm(claim: Claim) -> Hsm | None:
    return resource_manager.find_hsm(claim.request.subscription_id, claim.request.resource_group, claim.hsm)


def _may_be_on_its_way(record: HsmRecord | None, operation: Operation) -> bool:
    """Say whether ARM may have been asked for an HSM that it does not show."""
    if any(step.name == "provision_hsm" and step.status == "Running" for step in operation.steps):
        return True
    if record is None or record.created_by != operation.id or record.made_at is not None:
        return False
    return datetime.now(UTC) - record.created_at < APPEARS_WITHIN


def _unknown_hsm(claim: Claim) -> ExistingHsm:
    request = claim.request
    asked_id = resource_id(request.subscription_id, request.resource_group, claim.hsm)
    return ExistingHsm(resource_id=asked_id, state="Unknown")
