"""What it means that no security domain of an HSM is stored."""

import logging
from datetime import timedelta
from typing import Final

from activities.context import MAKING, now
from clients import archive, resource_manager
from clients.ownership import is_ours
from domain.records import Claim, HsmRecord
from domain.verification_runs import Finding

# No operation that makes an HSM works on it for longer; one that broke keeps its claim until somebody asks again.
_MADE_WITHIN: Final = timedelta(days=1)
_log = logging.getLogger("hsm_provisioner.verification")


def judge_without(record: HsmRecord) -> Finding:
    """Say whether an HSM without a stored security domain is an alarm; who reads the log is told of one that is.

    Azure is asked only where no operation makes the HSM.
    """
    held = archive.find_claim(record.hsm)
    if held is not None and _makes(held.claim):
        return "BeingMade"
    _, _, subscription_id, _, resource_group, *_ = record.resource_id.split("/")
    hsm = resource_manager.find_hsm(subscription_id, resource_group, record.hsm)
    if hsm is None or hsm.provisioning_state == "Deleting" or not is_ours(hsm, record, record.team):
        return "Gone"
    if not hsm.active:
        return "NotActive"
    # The operation may have come to its end between the look at the record and that at the claim.
    if _has_one_by_now(record.hsm):
        return "BeingMade"
    _log.warning("the HSM %s is active, and no security domain of it is stored: %s", record.hsm, _explain(record))
    return "WithoutSecurityDomain"


def _makes(claim: Claim) -> bool:
    return claim.running and claim.kind in MAKING and now() - claim.claimed_at < _MADE_WITHIN


def _has_one_by_now(hsm: str) -> bool:
    record = archive.find_hsm_record(hsm)
    return record is not None and record.security_domain is not None


def _explain(record: HsmRecord) -> str:
    if record.adopted:
        return "it was taken over, and this service never exported one; whoever activated it may have one"
    return "this service could not restore it"
