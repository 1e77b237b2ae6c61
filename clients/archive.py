"""Where everything lies: the write-once archive of security domains, and the records that change.

Archive, container `security-domains`, under `{hsm}/{operation}/`, nothing ever overwritten or deleted: `plan.json`,
`approval.json`; of a restore `transfer-key.json`; for each download attempt `{attempt}/security-domain.json`,
`{attempt}/receipt.json`, `{attempt}/confirmation.json`.
Records, container `hsm-records`: `claims/{hsm}`, `hsms/{hsm}`, `operations/{operation}`, `verifications/{hsm}`, each
with its summary beside it for lists (`clients/summaries.py`); `verification-run`, the last run over all of them, and
what it leaves behind meanwhile (`clients/verification_runs.py`); `restore-blobs/{operation}`, what was found last;
`jobs/{operation}/prebackup`, `.../backup` and `.../restore`, the look whether a backup would do, the full backup and
the full restore for which an HSM was asked; `backups/{hsm}/{operation}` (`clients/backup_history.py`); `holds/{hsm}`,
who wants an HSM kept; those of `clients/cleanup.py` and `clients/reconciliation.py`;
`resource-groups/{subscription}/{group}`, for each that we made; `events/` and `onboarding/` (`clients/onboardings.py`);
`lost-starts/` (`clients/lost_starts.py`); `told-findings/{hsm}`, of which finding the topic was told last;
`outbox/{event}` (`clients/outbox.py`); `handover/` and `built/` (`clients/handover_record.py`). Of an HSM whose name
another one took, under the operation that made it: `hsms-before/{hsm}/{operation}`, its last record, written once, and
`verifications-before/{hsm}/{operation}`.
"""

from typing import Final, NamedTuple

from pydantic import ValidationError

from clients.azure_errors import unreadable
from clients.blobs import Blob, blob_url, create_blob, delete_blob, find_blob, put_blob, replace_blob
from domain.approvals import Decision
from domain.backups import HsmJob, NotedJob
from domain.errors import service_error
from domain.exports import BegunExport
from domain.holds import Hold, hsm_held
from domain.model import Model
from domain.operations import Operation
from domain.records import Claim, HsmRecord, Plan, Receipt, UploadEntry, sha256_of, utc_text
from domain.restores import RecordedTransferKey, RestoreBlobState
from domain.summaries import Summary, summarise_claim, summarise_hsm, summarise_operation
from domain.verification_runs import VerificationRun
from domain.verifications import Verification

ARCHIVE: Final = "security-domains"
RECORDS: Final = "hsm-records"
_VERIFICATION_RUN: Final = "verification-run"


def _parse[Record: Model](kind: type[Record], blob: Blob) -> Record:
    try:
        return kind.model_validate_json(blob.content)
    except ValidationError:
        raise unreadable("read a record") from None


class HeldClaim(NamedTuple):
    """A claim and the ETag under which it may be changed."""

    claim: Claim
    etag: str


class HeldHsmRecord(NamedTuple):
    """The record of an HSM and the ETag under which it may be changed."""

    record: HsmRecord
    etag: str


class PinnedPlan(NamedTuple):
    """A plan, and the SHA-256 of the bytes that it was written as."""

    plan: Plan
    sha256: str


class StoredDomain(NamedTuple):
    """A stored security domain, and the export that it came from; its bytes never leave an activity.

    `intact` says whether they are those that were written.
    """

    content: bytes
    etag: str
    url: str
    export: BegunExport
    intact: bool = True


def find_claim(hsm: str) -> HeldClaim | None:
    """Read the claim on an HSM's name."""
    blob = find_blob(RECORDS, f"claims/{hsm}")
    return HeldClaim(_parse(Claim, blob), blob.etag) if blob else None


def create_claim(claim: Claim) -> bool:
    """Claim a name that nobody ever claimed; False where somebody was faster."""
    metadata = summarise_claim(claim).to_metadata()
    return create_blob(RECORDS, f"claims/{claim.hsm}", claim.to_json().encode(), metadata) is not None


def replace_claim(claim: Claim, etag: str) -> bool:
    """Replace the claim that has this ETag; False where somebody was faster."""
    metadata = summarise_claim(claim).to_metadata()
    return replace_blob(RECORDS, f"claims/{claim.hsm}", claim.to_json().encode(), etag, metadata) is not None


def find_hsm_record(hsm: str) -> HsmRecord | None:
    """Read our record of an HSM."""
    held = find_held_hsm_record(hsm)
    return held.record if held else None


def find_held_hsm_record(hsm: str) -> HeldHsmRecord | None:
    """Read our record of an HSM, and the ETag that it has."""
    blob = find_blob(RECORDS, f"hsms/{hsm}")
    return HeldHsmRecord(_parse(HsmRecord, blob), blob.etag) if blob else None


def write_hsm_record(record: HsmRecord) -> None:
    """Write our record of an HSM; the claim sees to it that one operation at a time does."""
    _write(f"hsms/{record.hsm}", record, summarise_hsm(record))


def replace_hsm_record(record: HsmRecord, etag: str) -> bool:
    """Replace the record that has this ETag, also by an equal one; False where somebody was faster."""
    metadata = summarise_hsm(record).to_metadata()
    return replace_blob(RECORDS, f"hsms/{record.hsm}", record.to_json().encode(), etag, metadata) is not None


def begin_hsm_record(record: HsmRecord) -> None:
    """Write our record of another HSM of a name; that of the one before it is kept: it names its security domain.

    Idempotent: the operation that makes the HSM finds its own record, which took the place of the same ones.
    """
    before = find_hsm_record(record.hsm)
    if before is None:
        earlier = []
    elif before.created_by == record.created_by:
        earlier = before.earlier
    else:
        path = f"hsms-before/{before.hsm}/{before.created_by}"
        create_blob(RECORDS, path, before.to_json().encode(), summarise_hsm(before).to_metadata())
        earlier = [*before.earlier, before.created_by]
    write_hsm_record(record.model_copy(update={"earlier": earlier}))


def find_hsm_record_of(hsm: str, created_by: str | None) -> HsmRecord | None:
    """Read our record of the HSM of this name that an operation made, today's or an earlier one; None: today's."""
    record = find_hsm_record(hsm)
    if created_by is None or (record is not None and record.created_by == created_by):
        return record
    blob = find_blob(RECORDS, f"hsms-before/{hsm}/{created_by}")
    return _parse(HsmRecord, blob) if blob else None


def find_operation(operation_id: str) -> Operation | None:
    """Read the record of an operation that ended."""
    blob = find_blob(RECORDS, f"operations/{operation_id}")
    return _parse(Operation, blob) if blob else None


def write_operation(operation: Operation) -> None:
    """Record how an operation ended."""
    _write(f"operations/{operation.id}", operation, summarise_operation(operation))


def find_hold(hsm: str) -> Hold | None:
    """Read the hold on an HSM."""
    blob = find_blob(RECORDS, f"holds/{hsm}")
    return _parse(Hold, blob) if blob else None


def write_hold(hsm: str, hold: Hold) -> None:
    """Put an HSM on hold, or say anew why it is."""
    put_blob(RECORDS, f"holds/{hsm}", hold.to_json().encode(), {})


def lift_hold(hsm: str) -> None:
    """Take the hold on an HSM away; one without a hold has none already."""
    delete_blob(RECORDS, f"holds/{hsm}")


def require_not_held(hsm: str) -> None:
    """Raise ServiceError `hsm_held` for an HSM that must be kept."""
    hold = find_hold(hsm)
    if hold is not None:
        raise hsm_held(hold)


def find_verification(hsm: str) -> Verification | None:
    """Read how an HSM's security domain was found when it was last verified."""
    blob = find_blob(RECORDS, f"verifications/{hsm}")
    return _parse(Verification, blob) if blob else None


def write_verification(verification: Verification, *, earlier: str | None = None) -> None:
    """Record how a security domain was found, in place of what was found before.

    `earlier` is the operation that made the HSM, where another one has its name.
    """
    told = {"verified_at": utc_text(verification.verified_at), "quorum_health": verification.quorum_health}
    hsm = verification.hsm
    path = f"verifications-before/{hsm}/{earlier}" if earlier else f"verifications/{hsm}"
    put_blob(RECORDS, path, verification.to_json().encode(), told)


def find_told_finding(hsm: str) -> str | None:
    """Read which finding of a verification was told last."""
    blob = find_blob(RECORDS, f"told-findings/{hsm}")
    return blob.content.decode(errors="replace") if blob else None


def write_told_finding(hsm: str, finding: str) -> None:
    """Record which finding of a verification was told last."""
    put_blob(RECORDS, f"told-findings/{hsm}", finding.encode(), {})


def find_verification_run() -> VerificationRun | None:
    """Read what the last run over all security domains found."""
    blob = find_blob(RECORDS, _VERIFICATION_RUN)
    return _parse(VerificationRun, blob) if blob else None


def write_verification_run(run: VerificationRun) -> None:
    """Record what a run over all security domains found, in place of the run before."""
    put_blob(RECORDS, _VERIFICATION_RUN, run.to_json().encode(), {"finished_at": utc_text(run.finished_at)})


def made_resource_group(subscription_id: str, resource_group: str) -> bool:
    """Say whether this service made a resource group."""
    return find_maker_of_group(subscription_id, resource_group) is not None


def find_maker_of_group(subscription_id: str, resource_group: str) -> str | None:
    """Give the id of the operation that made a resource group; None for one that this service did not make."""
    blob = find_blob(RECORDS, _resource_group(subscription_id, resource_group))
    return blob.content.decode() if blob else None


def note_resource_group(subscription_id: str, resource_group: str, operation_id: str) -> None:
    """Record, once, that an operation made a resource group."""
    create_blob(RECORDS, _resource_group(subscription_id, resource_group), operation_id.encode())


def forget_resource_group(subscription_id: str, resource_group: str) -> None:
    """Forget that this service made a resource group, which is gone or about to be."""
    delete_blob(RECORDS, _resource_group(subscription_id, resource_group))


def _resource_group(subscription_id: str, resource_group: str) -> str:
    return f"resource-groups/{subscription_id.lower()}/{resource_group.lower()}"


def _write(path: str, record: Model, summary: Summary) -> None:
    content = record.to_json().encode()
    blob = find_blob(RECORDS, path)
    if blob is None:
        written = create_blob(RECORDS, path, content, summary.to_metadata())
    elif blob.content == content:
        return
    else:
        written = replace_blob(RECORDS, path, content, blob.etag, summary.to_metadata())
    if written is None:
        raise service_error(
            "record_changed",
            "A record was changed by somebody else meanwhile.",
            advice="It is tried again.",
            retryable=True,
        )


def find_plan(hsm: str, operation_id: str) -> Plan | None:
    """Read the pinned plan of an operation."""
    pinned = find_pinned_plan(hsm, operation_id)
    return pinned.plan if pinned else None


def find_pinned_plan(hsm: str, operation_id: str) -> PinnedPlan | None:
    """Read the pinned plan of an operation, and the hash that an approval binds."""
    blob = find_blob(ARCHIVE, f"{hsm}/{operation_id}/plan.json")
    return PinnedPlan(_parse(Plan, blob), sha256_of(blob.content)) if blob else None


def create_plan(plan: Plan) -> Plan:
    """Write the plan once; where it exists, that one holds and is given back."""
    path = f"{plan.hsm}/{plan.operation_id}/plan.json"
    if create_blob(ARCHIVE, path, plan.to_json().encode()) is not None:
        return plan
    existing = find_plan(plan.hsm, plan.operation_id)
    return existing if existing is not None else plan


def find_decision(plan: Plan) -> Decision | None:
    """Read how the approval of a plan was decided."""
    blob = find_blob(ARCHIVE, f"{plan.hsm}/{plan.operation_id}/approval.json")
    return _parse(Decision, blob) if blob else None


def create_decision(plan: Plan, decision: Decision) -> Decision:
    """Write a decision once; where one exists, that one holds and is given back."""
    path = f"{plan.hsm}/{plan.operation_id}/approval.json"
    if create_blob(ARCHIVE, path, decision.to_json().encode()) is not None:
        return decision
    return find_decision(plan) or decision


def find_transfer_key(hsm: str, operation_id: str) -> RecordedTransferKey | None:
    """Read the transfer key that a restore recorded."""
    blob = find_blob(ARCHIVE, f"{hsm}/{operation_id}/transfer-key.json")
    return _parse(RecordedTransferKey, blob) if blob else None


def create_transfer_key(plan: Plan, key: RecordedTransferKey) -> RecordedTransferKey:
    """Record a transfer key once; where one is recorded, that one holds and is given back."""
    create_blob(ARCHIVE, f"{plan.hsm}/{plan.operation_id}/transfer-key.json", key.to_json().encode())
    return find_transfer_key(plan.hsm, plan.operation_id) or key


def find_upload_entry(path: str) -> UploadEntry:
    """Read an entry of the journal of uploads; raises ServiceError `azure_unreadable`."""
    blob = find_blob(ARCHIVE, path)
    if blob is None:
        raise unreadable("read a record")
    return _parse(UploadEntry, blob)


def find_restore_blob_state(operation_id: str) -> RestoreBlobState | None:
    """Read what became of the restore blob that was looked at last."""
    blob = find_blob(RECORDS, f"restore-blobs/{operation_id}")
    return _parse(RestoreBlobState, blob) if blob else None


def write_restore_blob_state(operation_id: str, state: RestoreBlobState) -> None:
    """Record what became of a restore blob, in place of the one before."""
    put_blob(RECORDS, f"restore-blobs/{operation_id}", state.to_json().encode(), {})


def find_job(operation_id: str, kind: NotedJob) -> HsmJob | None:
    """Read for which full backup or restore an operation asked its HSM."""
    blob = find_blob(RECORDS, _job(operation_id, kind))
    return _parse(HsmJob, blob) if blob else None


def create_job(operation_id: str, kind: NotedJob, job: HsmJob) -> bool:
    """Write down that an HSM is about to be asked; False where that is written down already."""
    return create_blob(RECORDS, _job(operation_id, kind), job.to_json().encode()) is not None


def write_job(operation_id: str, kind: NotedJob, job: HsmJob) -> None:
    """Write down what the HSM began."""
    put_blob(RECORDS, _job(operation_id, kind), job.to_json().encode(), {})


def note_backup(operation_id: str, folder: str) -> None:
    """Write down where the full backup lies that an operation had its HSM make."""
    job = find_job(operation_id, "backup")
    if job is not None:
        write_job(operation_id, "backup", job.model_copy(update={"folder": folder}))


def note_look(operation_id: str) -> None:
    """Count that an HSM is about to be asked how its full backup goes."""
    job = find_job(operation_id, "backup")
    if job is not None:
        write_job(operation_id, "backup", job.model_copy(update={"looks": job.looks + 1}))


def delete_job(operation_id: str, kind: NotedJob) -> None:
    """Forget that the HSM was asked: it refused."""
    delete_blob(RECORDS, _job(operation_id, kind))


def _job(operation_id: str, kind: NotedJob) -> str:
    return f"jobs/{operation_id}/{kind}"


def find_security_domain(plan: Plan, attempt: int) -> StoredDomain | None:
    """Read a stored security domain back; raises ServiceError `azure_unreadable` unless it is what was written."""
    stored = _find_stored(_attempt(plan, attempt))
    if stored is not None and not stored.intact:
        raise unreadable("read the stored security domain")
    return stored


def find_security_domain_of(receipt: Receipt) -> StoredDomain | None:
    """Read the security domain that a receipt is for, of whichever operation and HSM, as it is now."""
    return _find_stored(f"{receipt.origin}/{receipt.operation_id}/{receipt.attempt}")


def _find_stored(folder: str) -> StoredDomain | None:
    path = f"{folder}/security-domain.json"
    blob = find_blob(ARCHIVE, path)
    if blob is None:
        return None
    # Whoever overwrote it may have dropped what was written with it: then it is of no export.
    export = BegunExport(int(blob.metadata.get("export", "0")), alone=blob.metadata.get("alone") == "yes")
    return StoredDomain(blob.content, blob.etag, blob_url(ARCHIVE, path), export, blob.intact)


def is_kept(receipt: Receipt) -> bool:
    """Say whether the bytes that a receipt is for are there, and are those."""
    stored = find_security_domain_of(receipt)
    return stored is not None and sha256_of(stored.content) == receipt.sha256


def create_security_domain(plan: Plan, attempt: int, content: bytes, export: BegunExport) -> StoredDomain:
    """Store a security domain once, and with it of which export it is.

    Raises ServiceError `security_domain_conflict` where other bytes lie there already: two executions of one attempt
    have each asked the HSM, and nobody can say whose bytes it will confirm.
    """
    path = f"{_attempt(plan, attempt)}/security-domain.json"
    etag = create_blob(ARCHIVE, path, content, {"export": str(export.number), "alone": "yes" if export.alone else "no"})
    if etag is not None:
        return StoredDomain(content, etag, blob_url(ARCHIVE, path), export)
    existing = find_security_domain(plan, attempt)
    if existing is not None and sha256_of(existing.content) == sha256_of(content):
        return existing
    raise service_error(
        "security_domain_conflict",
        "Two downloads under one number gave different bytes.",
        advice="Nothing is lost: the security domain is downloaded again under the next number.",
    )


def find_receipt(plan: Plan, attempt: int) -> Receipt | None:
    """Read the receipt of a download attempt."""
    blob = find_blob(ARCHIVE, f"{_attempt(plan, attempt)}/receipt.json")
    return _parse(Receipt, blob) if blob else None


def create_receipt(plan: Plan, receipt: Receipt) -> Receipt:
    """Write the receipt once; where it exists, that one holds."""
    create_blob(ARCHIVE, f"{_attempt(plan, receipt.attempt)}/receipt.json", receipt.to_json().encode())
    return find_receipt(plan, receipt.attempt) or receipt


def create_confirmation(receipt: Receipt, text: str) -> None:
    """Write down, next to the bytes, that the HSM confirmed them and that they were verified."""
    path = f"{receipt.origin}/{receipt.operation_id}/{receipt.attempt}/confirmation.json"
    create_blob(ARCHIVE, path, text.encode())


def _attempt(plan: Plan, attempt: int) -> str:
    return f"{plan.hsm}/{plan.operation_id}/{attempt}"
