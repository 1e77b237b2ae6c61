"""Hold one HSM of ours against our record, and record how it differs."""

import logging
from typing import NamedTuple

import azure.durable_functions as df

from activities.context import now
from clients import archive
from clients.announcements import announce_drift
from clients.archive import HeldClaim
from clients.credential import own_identity
from clients.lost_starts import find_abandonment
from clients.reconciliation import find_checked, find_obstacles, is_healing, look, require_run, rules, write_checked
from domain.changes import InPlaceChange
from domain.drift import Difference, Facts, find_drift, may_heal
from domain.drift_findings import SEVERITIES, DriftFinding
from domain.errors import ServiceError, service_error
from domain.hsm import Hsm
from domain.lost_starts import BEGINS_WITHIN
from domain.outcomes import AskedHsm, Outcome, done, failed
from domain.reconciliation import HEALABLE, CheckedHsm, Obstacles, ReconciliationRun, is_news, judge_healing
from domain.records import Claim, Plan

_log = logging.getLogger("hsm_provisioner.reconciliation")


class Look(NamedTuple):
    """What was seen of an HSM, under which claim, and what was found in it; nothing is, where it is being changed."""

    facts: Facts
    checked: CheckedHsm
    held: HeldClaim | None
    settled: bool = True


def check_hsm(asked: AskedHsm, client: df.SyncDurableFunctionsClient) -> Outcome:
    """Check it and record what was found for the run; what could not be looked at is said to be so."""
    run, before = require_run(), find_checked(asked.hsm)
    # Idempotent: what the run has chosen to heal stays so, whatever is seen by now.
    if before is not None and before.run == run.id and before.chosen:
        return done()
    try:
        seen = check_now(asked.hsm, run, before, client)
    except ServiceError as error:
        _log.warning("%s could not be held against its record: %s", asked.hsm, error)
        unknown = _as_before(asked.hsm, run, before).model_copy(update={"error": error.detail.code})
        write_checked(unknown)
        return failed(error.detail)
    if seen is not None:
        write_checked(_tell(seen, run))
    return done()


def check_now(
    hsm: str, run: ReconciliationRun, before: CheckedHsm | None, client: df.SyncDurableFunctionsClient | None = None
) -> Look | None:
    """Look at an HSM as it is now; None where we have no record of it.

    Without the engine's client no operation is known to be abandoned, and all that are open count as running.
    Raises ServiceError where something could not be looked at.
    """
    held = archive.find_claim(hsm)
    claim = held.claim if held else None
    record = archive.find_hsm_record(hsm)
    if record is None:
        return None
    abandoned = claim is not None and client is not None and _is_abandoned(claim, client)
    facts = look(record, claim, abandoned=abandoned)
    found = find_drift(facts, rules(), now())
    base = _as_before(hsm, run, before).model_copy(update={"resource_id": record.resource_id})
    if facts.operation_running or (found and archive.find_claim(hsm) != held):
        # It is being changed, or was meanwhile: what was seen of it may be of before.
        return Look(facts, base.model_copy(update={"busy": True}), held, settled=False)
    healable = any(item.code in HEALABLE for item in found)
    obstacles = find_obstacles(hsm, claim, run) if healable else Obstacles()
    described = _describe(base, facts, found, obstacles.model_copy(update={"abandoned": abandoned}))
    return Look(facts, described, held)


def _is_abandoned(claim: Claim, client: df.SyncDurableFunctionsClient) -> bool:
    """Say whether nothing changes the HSM though an operation is open: it was interrupted, or never began."""
    if not claim.running or is_healing(claim) or now() - claim.claimed_at <= BEGINS_WITHIN:
        return False
    return find_abandonment(claim, client) is not None


def _describe(base: CheckedHsm, facts: Facts, found: list[Difference], obstacles: Obstacles) -> CheckedHsm:
    moment, wanted = now(), rules()
    seen = {item.code: base.seen.get(item.code, moment) for item in found}
    findings = []
    for item in found:
        healing = judge_healing(item.code, wanted, obstacles, base, moment)
        findings.append(
            DriftFinding(
                hsm=base.hsm,
                resource_id=facts.record.resource_id,
                team=facts.record.team,
                code=item.code,
                severity=SEVERITIES[item.code],
                expected=item.expected,
                found=item.found,
                since=seen[item.code],
                healing=healing,
                operation_id=obstacles.own_operation if healing == "running" else None,
            )
        )
    return base.model_copy(update={"findings": findings, "seen": seen})


def _as_before(hsm: str, run: ReconciliationRun, before: CheckedHsm | None) -> CheckedHsm:
    """Keep what was known of it, but for what is found now."""
    if before is None:
        return CheckedHsm(hsm=hsm, run=run.id)
    return CheckedHsm(
        hsm=hsm,
        run=run.id,
        resource_id=before.resource_id,
        seen=before.seen,
        told=before.told,
        tried=before.tried,
        heals=before.heals,
    )


def _tell(look: Look, run: ReconciliationRun) -> CheckedHsm:
    """Tell the topic of what it was not told of yet; what was not looked at is no news."""
    checked = look.checked
    codes = sorted(finding.code for finding in checked.findings)
    if not look.settled or codes == checked.told:
        return checked
    if is_news(codes, checked.told):
        # Killed before it is written down, it is told once more, with the same id.
        announce_drift(look.facts.record, codes, run.id)
        _log.warning("the HSM %s of %s drifted: %s", checked.hsm, look.facts.record.team, ", ".join(codes))
    return checked.model_copy(update={"told": codes})


def require_still_wanted(plan: Plan, pending: InPlaceChange, hsm: Hsm) -> None:
    """Raise ServiceError `not_due` unless what a run began to heal would be healed at this moment.

    Its approval may have taken days, and somebody may have changed the HSM meanwhile.
    """
    record = archive.find_hsm_record(plan.hsm)
    facts = Facts(record, frozenset(own_identity()), live=hsm) if record is not None else None
    wanted = facts is not None and may_heal(pending, facts, rules(), now())
    if not wanted or archive.find_hold(plan.hsm) is not None:
        raise service_error(
            "not_due",
            "The HSM is on hold by now, or differs in another way, or the policy or an operators' switch does not let "
            "this be put right any more.",
            advice="Nothing was changed. The next run judges it again.",
        )
