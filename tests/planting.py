"""Plants records as the app leaves them, without the operations that they tell of."""

from datetime import UTC, datetime, timedelta
from typing import Any

from domain.caller import Principal
from domain.model import Model
from domain.operations import Operation, OperationStatus, Step
from domain.records import Claim, HsmRecord, Plan, sha256_of
from domain.requests import HsmRequest
from domain.steps import steps_to_come
from domain.summaries import summarise_claim, summarise_hsm, summarise_operation
from local.policy import TEAM_A
from local.stack import Stack
from tests import stored

ULID = "01HZZZZZZZZZZZZZZZZZZZZZZZ"
FIRST = datetime(2026, 3, 1, 12, tzinfo=UTC)


def moment(day: int) -> datetime:
    return FIRST + timedelta(days=day)


def principal(stack: Stack, object_id: str | None = None) -> Principal:
    return Principal(
        tenant_id=stack.azure.endpoints.tenant_id,
        object_id=object_id or stack.portal.object_id,
        kind="application",
    )


def make_claim(stack: Stack, name: str, body: dict[str, Any], **changes: Any) -> Claim:
    request = HsmRequest.model_validate(body)
    claim = Claim(
        hsm=name,
        operation_id=f"{name}-{ULID}",
        team="team-a",
        requester=principal(stack),
        grant_ids=[TEAM_A],
        request=request,
        digest=request.digest(),
        claimed_at=FIRST,
        state="ended",
        succeeded=True,
    )
    return Claim.model_validate({**dict(claim), **changes})


def make_record(claim: Claim, **changes: Any) -> HsmRecord:
    record = HsmRecord(
        hsm=claim.hsm,
        resource_id=summarise_claim(claim).resource_id,
        team=claim.team,
        requester=claim.requester,
        request=claim.request,
        created_by=claim.operation_id,
        created_at=claim.claimed_at,
        made_at=claim.claimed_at,
    )
    return HsmRecord.model_validate({**dict(record), **changes})


def make_operation(claim: Claim, status: OperationStatus = "Succeeded", **changes: Any) -> Operation:
    operation = Operation(
        id=claim.operation_id,
        kind=claim.kind,
        hsm=claim.hsm,
        team=claim.team,
        requester=claim.requester,
        status=status,
        created_at=claim.claimed_at,
        finished_at=claim.claimed_at + timedelta(minutes=20),
        steps=[Step.model_validate(step) for step in steps_to_come()],
    )
    return Operation.model_validate({**dict(operation), **changes})


def plant_copy(stack: Stack, source: str, name: str) -> None:
    """Plant an HSM whose stored security domain is a copy of another's: its record, plan and bytes."""
    service = stored.service(stack)
    records, archive = (service.get_container_client(container) for container in ("hsm-records", "security-domains"))
    record = HsmRecord.model_validate_json(records.download_blob(f"hsms/{source}").readall())
    assert record.security_domain
    operation_id, attempt = f"{name}-{ULID}", record.security_domain.attempt
    before = f"{source}/{record.security_domain.operation_id}"
    plan = Plan.model_validate_json(archive.download_blob(f"{before}/plan.json").readall())
    copied = plan.model_copy(update={"hsm": name, "operation_id": operation_id}).to_json().encode()
    archive.upload_blob(f"{name}/{operation_id}/plan.json", copied, overwrite=True, metadata=intact(copied))
    content = archive.download_blob(f"{before}/{attempt}/security-domain.json").readall()
    path = f"{name}/{operation_id}/{attempt}/security-domain.json"
    archive.upload_blob(path, content, overwrite=True, metadata=intact(content))
    receipt = record.security_domain.model_copy(update={"operation_id": operation_id})
    copy = record.model_copy(update={"hsm": name, "security_domain": receipt})
    metadata = summarise_hsm(copy).to_metadata() | intact(copy.to_json().encode())
    plant_blob(stack, f"hsms/{name}", copy, metadata)


def intact(content: bytes) -> dict[str, str]:
    """What the app writes beside a blob to see later that it is the same."""
    return {"sha256": sha256_of(content)}


def plant(stack: Stack, *records: Claim | HsmRecord | Operation) -> None:
    for record in records:
        path, metadata = _place(record)
        plant_blob(stack, path, record, metadata)


def plant_blob(stack: Stack, path: str, record: Model | bytes, metadata: dict[str, str]) -> None:
    content = record if isinstance(record, bytes) else record.to_json().encode()
    blob = stored.service(stack).get_blob_client("hsm-records", path)
    blob.upload_blob(content, overwrite=True, metadata=metadata)


def _place(record: Claim | HsmRecord | Operation) -> tuple[str, dict[str, str]]:
    match record:
        case Claim():
            return f"claims/{record.hsm}", summarise_claim(record).to_metadata()
        case HsmRecord():
            return f"hsms/{record.hsm}", summarise_hsm(record).to_metadata()
        case Operation():
            return f"operations/{record.id}", summarise_operation(record).to_metadata()
