"""How HSMs were handed over, as it is kept: container `hsm-records`.

`handover/{hsm}` is the record of the last hand-over; `built/{operation}/{step}` what a step says that it built.
"""

import json
import logging
from collections.abc import Sequence
from typing import Final

from pydantic import TypeAdapter, ValidationError

from clients import archive
from clients.archive import RECORDS
from clients.azure_errors import unreadable
from clients.blobs import find_blob, put_blob
from clients.credential import own_identity
from domain.errors import ServiceError
from domain.handover.record import HANDING_OVER, HandoverRecord, draw_up
from domain.handover.steps import BUILDING
from domain.operations import Operation

_log = logging.getLogger("hsm_provisioner.handover")
_PLACES: Final = TypeAdapter(list[str])


def note_built(operation_id: str, step: str, where: Sequence[str]) -> None:
    """Keep where a step built something."""
    put_blob(RECORDS, _built(operation_id, step), json.dumps(list(where)).encode(), {})


def keep_handover(operation: Operation) -> None:
    """Keep how an operation that ended, by itself or from outside, handed its HSM over, where it came to have one.

    Raises ServiceError for what may be otherwise later. What is not keeps no operation from being recorded.
    """
    try:
        _keep(operation)
    except ServiceError as error:
        if error.detail.retryable:
            raise
        _log.error("the hand-over by %s is not recorded: %s", operation.id, error)


def _keep(operation: Operation) -> None:
    plan = archive.find_plan(operation.hsm, operation.id) if operation.kind in HANDING_OVER else None
    hsm = archive.find_hsm_record(operation.hsm)
    if plan is None or plan.handover is None or hsm is None or hsm.resource_id != plan.resource_id:
        return
    before = find_handover(operation.hsm, hsm.created_by)
    if before is not None and before.operation_id > operation.id:
        # What gave way to another operation may be recorded after that has ended; the ULIDs say which came first.
        return
    succeeded = [step.name for step in operation.steps if step.name in BUILDING and step.status == "Succeeded"]
    built = {step: _find_built(operation.id, step) for step in succeeded}
    # Idempotent: killed before its answer was heard it is drawn up again, of itself as what was before, to the same.
    record = draw_up(plan, operation, hsm, built, before=before, service=own_identity().object_id)
    put_blob(RECORDS, _handover(operation.hsm), record.to_json().encode(), {})


def find_handover(hsm: str, created_by: str) -> HandoverRecord | None:
    """Read how an HSM was handed over; one that had its name before it is another."""
    blob = find_blob(RECORDS, _handover(hsm))
    try:
        record = HandoverRecord.model_validate_json(blob.content) if blob else None
    except ValidationError:
        raise unreadable("read a record") from None
    return record if record is not None and record.created_by == created_by else None


def _find_built(operation_id: str, step: str) -> list[str]:
    blob = find_blob(RECORDS, _built(operation_id, step))
    try:
        return _PLACES.validate_json(blob.content) if blob else []
    except ValidationError:
        raise unreadable("read a record") from None


def _handover(hsm: str) -> str:
    return f"handover/{hsm}"


def _built(operation_id: str, step: str) -> str:
    return f"built/{operation_id}/{step}"
