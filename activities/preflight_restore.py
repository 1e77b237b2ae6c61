"""Check that another HSM's security domain can be restored into a new one, and pin which it is."""

from typing import Final

from activities.context import claim_of
from activities.granting import run_checks, tell_granted
from activities.pinning import candidate_of, pin, tell
from clients import archive
from clients.backup_places import find_backup_target
from clients.ownership import require_destruction_and_export_allowed
from clients.preflight import RESTORE_CHECKS, Candidate
from clients.restores import KeptDomain, find_kept_domain, require_restorable, source_not_found
from clients.upload_journal import list_uploads
from clients.verification import check_stored
from domain.backups import PinnedBackup
from domain.errors import service_error
from domain.handover.request import only_network_and_administration
from domain.names import resource_id
from domain.outcomes import Outcome, Work, done
from domain.policy_rules import Grant
from domain.records import Claim, Notice, PinnedSource
from domain.security_domain.checks import find_faults
from domain.uploads import judge_holder

_UNANSWERED: Final = Notice(
    code="upload_unconfirmed",
    message="The HSM has a security domain, and never answered when this service uploaded one. To approve this is to "
    "say that it is that one: see in the HSM's audit log that nobody but this service uploaded any.",
)
_REPLACED: Final = Notice(
    code="backup_replaces_keys",
    message="The HSM is active: the full backup replaces all keys and roles that it has. They are backed up before, in "
    "the same container.",
)


def preflight_restore(work: Work) -> Outcome:
    """Check the new HSM as a provision does, and the stored security domain; write the plan, which is written once."""
    claim = claim_of(work, "restore", cancelable=True)
    # Idempotent: a plan that exists was checked when it was written, and it alone holds.
    plan = archive.find_plan(claim.hsm, claim.operation_id)
    if plan is None:
        candidate = candidate_of(claim)
        run_checks(candidate, RESTORE_CHECKS)
        kept = _find_source(claim, candidate.grant)
        require_restorable(candidate.existing, candidate.record, kept.source, claim.backup)
        _require_intact(kept)
        backup = _pin_backup(claim, replaces_keys=candidate.existing is not None and candidate.existing.active)
        asked = claim.request
        place = resource_id(asked.subscription_id, asked.resource_group, claim.hsm)
        unanswered = _find_unanswered(candidate, kept.source)
        replaced = [_REPLACED] if backup is not None and backup.replaces_keys else []
        warnings = [*([_UNANSWERED] if unanswered else []), *replaced]
        plan = pin(
            claim,
            place,
            asked,
            source=kept.source,
            confirmed_uploads=unanswered,
            backup=backup,
            handover=only_network_and_administration(candidate.handover),
            confirmed_administrators=candidate.unconfirmed_administrators,
            reason=candidate.reason,
            warnings=warnings,
        )
    return done(**tell(plan).result, **tell_granted(claim.hsm))


def _find_unanswered(candidate: Candidate, source: PinnedSource) -> list[int]:
    """Find the numbers of uploads of which one may be what the HSM has, and none is known to be.

    Only where it has something by now: what comes after the approval is not what was approved.
    """
    hsm = candidate.existing
    if hsm is None or not hsm.active:
        return []
    uploads = list_uploads(candidate.hsm, hsm.made_at)
    if judge_holder(uploads, source) != "unknown":
        return []
    return [upload.number for upload in uploads if upload.unanswered and upload.entry.is_of(source)]


def _find_source(claim: Claim, grant: Grant) -> KeptDomain:
    """Find what is to be restored; raises ServiceError `hsm_not_found`, also where it is not theirs."""
    record = archive.find_hsm_record_of(claim.source, claim.source_operation_id) if claim.source else None
    if record is None or not (claim.by_operator or record.team in grant.teams):
        raise source_not_found()
    return find_kept_domain(record)


def _pin_backup(claim: Claim, *, replaces_keys: bool) -> PinnedBackup | None:
    """Find how the HSM reaches the full backup, by the policy as it is now.

    Raises ServiceError `backup_place_not_allowed`, `backup_identity_missing`, `destruction_and_export_stopped`.
    """
    if claim.backup is None:
        return None
    if replaces_keys:
        require_destruction_and_export_allowed()
    target = find_backup_target(claim.backup.container, "backup.container")
    return PinnedBackup(
        container=claim.backup.container,
        folder=claim.backup.folder,
        identity=target.identity,
        replaces_keys=replaces_keys,
    )


def _require_intact(kept: KeptDomain) -> None:
    """Raise ServiceError `security_domain_invalid` unless what is stored is what it must be."""
    faults = find_faults(check_stored(kept.receipt, kept.plan))
    if faults:
        raise service_error(
            "security_domain_invalid",
            f"The stored security domain is not what it must be: {' '.join(faults)}",
            advice="Keep what is stored. Nothing was made: a restore from it would fail.",
        )
