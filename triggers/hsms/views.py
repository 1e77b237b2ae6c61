"""How HSMs are shown."""

from datetime import UTC, datetime
from typing import NamedTuple

from clients import archive, resource_manager
from clients.backup_history import find_history
from clients.handovers import wanted_handover_of
from clients.interruptions import find_operation_of
from clients.ownership import is_ours
from domain.backup_history import is_too_old
from domain.decommissioning import state_without_hsm
from domain.errors import service_error
from domain.hsm import Hsm
from domain.names import resource_id
from domain.operations import Operation
from domain.policy_rules import monthly_cost
from domain.records import Claim, HsmRecord
from domain.requests import HsmSpecification
from domain.settings import deployment_policy
from domain.verifications import Verification
from triggers.door.calls import Call
from triggers.representations import (
    FullBackups,
    HsmView,
    LastOperation,
)


class DescribedHsm(NamedTuple):
    """An HSM, and the ETag of what it was described from: its claim, which every change goes through."""

    view: HsmView
    etag: str


def describe_hsm(call: Call, name: str) -> DescribedHsm:
    """Describe an HSM of ours as Azure sees it now; raises ServiceError `hsm_not_found`, also where it is not shown."""
    held = archive.find_claim(name)
    if held is None or not call.sees(held.claim.team):
        raise hsm_not_found()
    record = archive.find_hsm_record(name)
    operation = find_operation_of(held.claim, call.client)
    if record is None and held.claim.kind == "adopt":
        # Whosever it is, it is not ours yet.
        raise hsm_not_found()
    if record is None or record.team != held.claim.team:
        return DescribedHsm(_view(held.claim, None, None, "NotCreated", operation), held.etag)
    _, _, subscription_id, _, resource_group, *_ = record.resource_id.split("/")
    hsm = resource_manager.find_hsm(subscription_id, resource_group, name)
    if hsm is None:
        return describe_kept(record, held.claim, operation, held.etag)
    if not is_ours(hsm, record, record.team):
        return DescribedHsm(_view(held.claim, record, None, "NotFound", operation), held.etag)
    return DescribedHsm(view_hsm(hsm, record, held.claim, operation), held.etag)


def describe_kept(record: HsmRecord, claim: Claim, operation: Operation, etag: str) -> DescribedHsm:
    """Describe an HSM of ours that is not there any more."""
    return DescribedHsm(_view(claim, record, None, state_without_hsm(record.decommissioned), operation), etag)


def view_hsm(hsm: Hsm, record: HsmRecord | None, claim: Claim, operation: Operation) -> HsmView:
    """Show an HSM that exists."""
    return _view(claim, record, hsm, hsm.state, operation)


def _view(claim: Claim, record: HsmRecord | None, hsm: Hsm | None, state: str, operation: Operation) -> HsmView:
    request = record.request if record else claim.request
    # What somebody else deleted may come back as another HSM; what we deleted can be restored from what is stored.
    kept = record if record and (hsm or record.decommissioned) else None
    verification = _find_verification(kept)
    asked_id = resource_id(request.subscription_id, request.resource_group, claim.hsm)
    return HsmView(
        name=claim.hsm,
        team=claim.team,
        environment=request.environment,
        location=hsm.location if hsm else request.location,
        sku=hsm.sku if hsm else request.sku,
        state=state,
        uri=hsm.uri if hsm else None,
        resource_id=record.resource_id if record else asked_id,
        created_at=record.created_at if record else claim.claimed_at,
        expires_at=request.expires_at,
        monthly_cost_usd=_monthly_cost(request, record, hsm),
        quorum_health=verification.quorum_health if verification else "Unknown",
        verified_at=verification.verified_at if verification else None,
        last_operation=LastOperation(id=operation.id, kind=operation.kind, status=operation.status),
        requester=record.requester if record else claim.requester,
        administrators=hsm.administrators if hsm else request.administrators,
        purge_protection=hsm.purge_protection if hsm else request.purge_protection,
        soft_delete_retention_days=hsm.soft_delete_retention_days if hsm else request.soft_delete_retention_days,
        public_network_access=hsm.public_network_access if hsm else request.public_network_access,
        network=hsm.network if hsm else request.network,
        identities=hsm.identities if hsm else request.identities,
        additional_regions=hsm.additional_regions if hsm else request.additional_regions,
        tags=hsm.tags if hsm else request.tags,
        security_domain=kept.security_domain if kept else None,
        restored_from=kept.restored_from if kept else None,
        restored_backup=kept.restored_backup if kept else None,
        backup=_find_backups(kept, hsm),
        earlier_hsms=record.earlier if record else [],
        decommissioned=record.decommissioned if record and not hsm else None,
        hold=archive.find_hold(claim.hsm) if record else None,
    )


def _find_backups(record: HsmRecord | None, hsm: Hsm | None) -> FullBackups | None:
    """Describe the full backups of an HSM; one that is gone needs no more of them, and what it has is kept."""
    if record is None:
        return None
    history, wanted = find_history(record), wanted_handover_of(record.request).full_backup
    active = hsm is not None and hsm.active
    if not (history.good or history.failure or (wanted and active)):
        return None
    made_at = record.made_at or record.created_at
    return FullBackups(
        last=next(iter(history.good), None),
        earlier=history.good[1:],
        running=history.running is not None,
        too_old=wanted is not None and active and is_too_old(history, wanted, made_at, datetime.now(UTC)),
        failure=history.failure,
    )


def _monthly_cost(request: HsmSpecification, record: HsmRecord | None, hsm: Hsm | None) -> float | None:
    if record is None or not (hsm or record.billed):
        return None
    # One that was deleted was taken out of its other region before.
    regions = hsm.additional_regions if hsm else []
    return monthly_cost(deployment_policy(), request.sku, regions)


def _find_verification(record: HsmRecord | None) -> Verification | None:
    """Find the last verification of what is stored now; one of a security domain before it says nothing."""
    receipt = record.security_domain if record else None
    verification = archive.find_verification(record.hsm) if record and receipt else None
    return verification if verification and receipt and verification.sha256 == receipt.sha256 else None


def hsm_not_found() -> Exception:
    """Make the error of an HSM that does not exist, or not for this caller."""
    return service_error("hsm_not_found", "This service has no HSM of that name.", advice="Check the name.")
