"""What an operation that did not succeed leaves behind, as far as Azure says."""

import logging
from typing import Final

from clients import archive, resource_manager
from clients.ownership import is_ours
from domain.errors import describe_unexpected
from domain.hsm import Hsm
from domain.names import resource_id
from domain.operations import Existing, ExistingHsm, Operation
from domain.policy_rules import monthly_cost
from domain.records import Claim
from domain.requests import HsmSpecification
from domain.settings import deployment_policy

_log = logging.getLogger("hsm_provisioner.existing")
_NOTHING: Final = "No HSM exists, and nothing is billed. Send the request again to start anew."
_NOT_OURS: Final = "The HSM was not taken over, and nothing was changed. Send the request again to have it pinned anew."
_BILLED: Final = "The HSM is billed. Send the request again to go on from here, or delete and purge it to end its cost."
_UNKNOWN: Final = "Azure did not say whether the HSM exists: it may, and be billed. Send the request again to resume."


def describe_existing(claim: Claim, operation: Operation) -> Existing:
    """Say what exists, what it costs in a month, and how to go on.

    Where Azure does not say it is Unknown: this never raises, for whoever asks must go on.
    """
    request = claim.request
    try:
        group = _find_resource_group(request) if operation.has_begun("create_resource_group") else None
        hsm = _find_own_hsm(claim)
        cost = monthly_cost(deployment_policy(), hsm.sku) if hsm else None
    except Exception as error:  # noqa: BLE001 - whatever goes wrong, an operation must be recorded
        _log.warning("what exists after %s is not known: %s", operation.id, describe_unexpected(error))
        asked_id = resource_id(request.subscription_id, request.resource_group, claim.hsm)
        unknown = ExistingHsm(resource_id=asked_id, state="Unknown")
        return Existing(hsm=unknown, resume=_UNKNOWN)
    if hsm is None:
        return Existing(resource_group=group, resume=_NOT_OURS if claim.kind == "adopt" else _NOTHING)
    existing = ExistingHsm(resource_id=hsm.resource_id, state=hsm.state)
    return Existing(resource_group=group, hsm=existing, monthly_cost_usd=cost, resume=_BILLED)


def _find_resource_group(request: HsmSpecification) -> str | None:
    exists = resource_manager.resource_group_exists(request.subscription_id, request.resource_group)
    return request.resource_group if exists else None


def _find_own_hsm(claim: Claim) -> Hsm | None:
    request, record = claim.request, archive.find_hsm_record(claim.hsm)
    if record is None:
        return None
    hsm = resource_manager.find_hsm(request.subscription_id, request.resource_group, claim.hsm)
    return hsm if hsm is not None and is_ours(hsm, record, claim.team) else None
