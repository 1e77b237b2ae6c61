"""What a restore is made of: the stored security domain of another HSM, and the blob that its custodians make of it.

Container `restore-blobs`: `{operation}/restore-blob.json`, written by custodians, deleted once the HSM has it.
"""

from typing import Final, NamedTuple

from clients import archive
from clients.blobs import SmallBlob, blob_url, delete_blob, find_small_blob, probe_container
from clients.ownership import hsm_ours_already
from domain.backups import FullBackup
from domain.errors import FieldError, ServiceError, refused_fields, service_error
from domain.hsm import Hsm
from domain.records import HsmRecord, PinnedSource, Plan, Receipt
from domain.restores import BLOB_NAME, LARGEST_BLOB

RESTORE_BLOBS: Final = "restore-blobs"


class KeptDomain(NamedTuple):
    """The confirmed security domain of an HSM: the HSM's record, the receipt, and the plan that it was made by."""

    record: HsmRecord
    receipt: Receipt
    plan: Plan

    @property
    def source(self) -> PinnedSource:
        """What is pinned of it."""
        return PinnedSource(hsm=self.record.hsm, operation_id=self.record.created_by, receipt=self.receipt)


def source_not_found() -> ServiceError:
    """Make the error of a source that does not exist, or not for this caller."""
    return service_error(
        "hsm_not_found",
        "This service has no such HSM as the source.",
        advice="Check the name of the source, and its operationId where it has one: the operation that made the HSM.",
    )


def find_kept_domain(record: HsmRecord) -> KeptDomain:
    """Find the confirmed security domain of an HSM; raises ServiceError `security_domain_not_found`."""
    receipt = record.security_domain
    plan = archive.find_plan(receipt.origin, receipt.operation_id) if receipt else None
    if receipt is None or plan is None:
        raise security_domain_not_found()
    return KeptDomain(record, receipt, plan)


def security_domain_not_found() -> ServiceError:
    """Make the error of an HSM of which no security domain is stored."""
    return service_error(
        "security_domain_not_found",
        "No security domain of this HSM is stored.",
        advice="Read the HSM's last operation. Sending the PUT again downloads what is missing. That of an earlier HSM "
        "of the name is kept: GET the HSM for its earlierHsms, one of which a restore names as source.operationId.",
    )


def require_restorable(
    hsm: Hsm | None, record: HsmRecord | None, source: PinnedSource, backup: FullBackup | None = None
) -> None:
    """Check that a security domain can still be brought into an HSM of ours; None where there is none yet.

    One that is active is gone on with only where a restore of the same security domain made it so, and that is not
    recorded, or a full backup is still to be restored.

    Raises ServiceError `hsm_ours_already`, `hsm_differs`.
    """
    if hsm is None or record is None:
        return
    restored = record.restored_from
    if restored is not None and (restored.hsm, restored.sha256) != (source.hsm, source.receipt.sha256):
        message = "Another security domain was uploaded to this HSM, or may have been: make another HSM for this one."
        raise refused_fields([FieldError(field="source.hsm", message=message, code="hsm_differs")])
    recorded = record.security_domain is not None and not _lacks_backup(record, source, backup)
    if hsm.active and (restored is None or recorded):
        raise hsm_ours_already()


def _lacks_backup(record: HsmRecord, source: PinnedSource, backup: FullBackup | None) -> bool:
    """Say whether an HSM has the source's security domain, as it was restored, and not yet the keys of the backup."""
    same = record.security_domain is not None and record.security_domain.sha256 == source.receipt.sha256
    restored = record.restored_backup
    done = restored is not None and restored.restored_at is not None and backup is not None and restored.is_of(backup)
    return same and backup is not None and not done


def require_restore_blobs() -> None:
    """Raise ServiceError unless restore blobs can be read and deleted: what has none to read is not to cost money."""
    probe_container(RESTORE_BLOBS, "preflight/probe")


def find_restore_blob(operation_id: str) -> SmallBlob | None:
    """Read the restore blob of an operation, if there is one, and its content unless that is too large."""
    return find_small_blob(RESTORE_BLOBS, _path(operation_id), LARGEST_BLOB)


def delete_restore_blob(operation_id: str) -> None:
    """Delete the restore blob of an operation."""
    delete_blob(RESTORE_BLOBS, _path(operation_id))


def restore_blob_url(operation_id: str) -> str:
    """Give the address where the restore blob of an operation is to be stored."""
    return blob_url(RESTORE_BLOBS, _path(operation_id))


def _path(operation_id: str) -> str:
    return f"{operation_id}/{BLOB_NAME}"
