"""Lists of records, read from what was written beside them: one request for 5,000 of them, and none for each."""

import logging
from collections.abc import Callable
from typing import Literal

from pydantic import AwareDatetime, ValidationError

from clients.archive import RECORDS
from clients.blob_lists import ListedBlob, list_with_metadata
from clients.blobs import find_blob
from domain.model import Model
from domain.operations import Operation
from domain.records import Claim, HsmRecord
from domain.summaries import (
    METADATA,
    ClaimSummary,
    HsmRecordSummary,
    OperationRecordSummary,
    Summary,
    summarise_claim,
    summarise_hsm,
    summarise_operation,
)

_log = logging.getLogger("hsm_provisioner.records")


class VerificationSummary(Model):
    """What the last look at an HSM's stored security domain found."""

    verified_at: AwareDatetime
    quorum_health: Literal["Healthy", "Warning", "Critical", "Unknown"]


def list_claims(hsm: str = "") -> list[ClaimSummary]:
    """List the claims, all or one HSM's."""
    claims = _list(f"claims/{hsm}", ClaimSummary, Claim, summarise_claim)
    return [claim for claim in claims if hsm in ("", claim.hsm)]


def list_hsm_records() -> dict[str, HsmRecordSummary]:
    """List the records of HSMs, by name."""
    records = _list("hsms/", HsmRecordSummary, HsmRecord, summarise_hsm)
    return {record.hsm: record for record in records}


def list_operations(hsm: str = "") -> list[OperationRecordSummary]:
    """List the records of operations, all or one HSM's."""
    prefix = f"operations/{hsm}-" if hsm else "operations/"
    operations = _list(prefix, OperationRecordSummary, Operation, summarise_operation)
    # The ids of the operations of `name-other` begin with `name-`, too.
    return [operation for operation in operations if hsm in ("", operation.hsm)]


def list_verifications() -> dict[str, VerificationSummary]:
    """List what the last look at each stored security domain found, by HSM; what cannot be read says nothing."""
    verifications = {}
    for blob in list_with_metadata(RECORDS, "verifications/"):
        try:
            found = VerificationSummary.model_validate({name: blob.metadata.get(name) for name in _VERIFICATION})
        except ValidationError:
            continue
        verifications[blob.path.removeprefix("verifications/")] = found
    return verifications


_VERIFICATION = tuple(VerificationSummary.model_fields)


def _list[Record: Model, Summarised: Summary](
    prefix: str, summary: type[Summarised], record: type[Record], summarise: Callable[[Record], Summarised]
) -> list[Summarised]:
    found = []
    for blob in list_with_metadata(RECORDS, prefix):
        read = _read(blob, summary) or _summarise(blob, record, summarise)
        if read is not None:
            found.append(read)
    return found


def _read[Summarised: Summary](blob: ListedBlob, summary: type[Summarised]) -> Summarised | None:
    try:
        return summary.model_validate_json(blob.metadata.get(METADATA, ""))
    except ValidationError:
        return None


def _summarise[Record: Model, Summarised: Summary](
    blob: ListedBlob, record: type[Record], summarise: Callable[[Record], Summarised]
) -> Summarised | None:
    """Read a record itself: of another version of the app, or rewritten by somebody without what lay beside it."""
    content = find_blob(RECORDS, blob.path)
    try:
        return summarise(record.model_validate_json(content.content)) if content else None
    except ValidationError:
        # One damaged record must not hide all others; the exception would tell what is in it.
        _log.error("a record cannot be read: %s", blob.path)
        return None
