"""What is stored of an HSM's security domain, against what is asked: whether an export is due, and needs approval."""

from clients import archive
from domain import export_approval
from domain.records import HsmRecord
from domain.requests import HsmRequest, HsmSpecification


def is_stored_as_requested(record: HsmRecord) -> bool:
    """Say whether what a record names is stored, for the keys that the record's request names.

    It is not where the bytes are gone or damaged, nor of a restored HSM: that was never asked for keys of its own.
    """
    receipt = record.security_domain
    return receipt is not None and isinstance(record.request, HsmRequest) and archive.is_kept(receipt)


def find_export_reason(record: HsmRecord | None, request: HsmSpecification) -> str | None:
    """Say why a provision of an HSM that is there needs approval for its export; None where it needs none."""
    if record is None or not isinstance(request, HsmRequest):
        return None
    receipt = record.security_domain
    kept = receipt is not None and archive.is_kept(receipt)
    return export_approval.find_export_reason(record, request, kept=kept)
