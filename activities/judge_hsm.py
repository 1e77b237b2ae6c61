"""Look at one HSM of ours, and record what is to become of it."""

import logging

from activities.context import now
from clients import archive
from clients.cleanup import find_judged, is_enforced, is_of_cleanup, look, look_closer, require_run, write_judged
from clients.expiry_warnings import warn_of_expiry
from domain.cleanup import Facts, Verdict, find_due, judge, rules_for
from domain.cleanup_reports import Burning, JudgedHsm
from domain.errors import ServiceError, service_error
from domain.outcomes import AskedHsm, Outcome, done, failed
from domain.policy_rules import monthly_cost
from domain.records import HsmRecord
from domain.settings import deployment_policy

_log = logging.getLogger("hsm_provisioner.cleanup")


def judge_hsm(asked: AskedHsm) -> Outcome:
    """Judge it and record the verdict for the run; what could not be looked at is kept, and said to be so."""
    run = require_run()
    before = find_judged(asked.hsm)
    try:
        judged = judge_now(asked.hsm, run.id, before)
    except ServiceError as error:
        _log.warning("%s could not be judged: %s", asked.hsm, error)
        write_judged(_unknown(asked.hsm, run.id, before, error.detail.code))
        return failed(error.detail)
    if judged is not None:
        # Idempotent: what the run has begun already stays so, whatever is seen by now.
        begun = before is not None and before.run == run.id and before.chosen
        write_judged(before if begun and before is not None else judged)
    return done()


def judge_now(hsm: str, run: str, before: JudgedHsm | None) -> JudgedHsm | None:
    """Look at an HSM and judge it as it is now; None where we have no record of it.

    Raises ServiceError where something could not be looked at.
    """
    record = archive.find_hsm_record(hsm)
    if record is None:
        return None
    policy = deployment_policy()
    rules, moment = rules_for(policy, record), now()
    warned = before.warned if before else None
    facts = look(record, warned)
    if find_due(facts, rules, moment).action != "keep":
        facts = look_closer(facts)
    verdict = judge(facts, rules, moment)
    if verdict.action == "warn":
        warned = warn_of_expiry(record, warned)
    return JudgedHsm(
        hsm=hsm,
        run=run,
        at=moment,
        team=record.team,
        action=verdict.action,
        reason=verdict.reason,
        due=verdict.due,
        purges=verdict.purges,
        expires_at=record.request.expires_at,
        monthly_cost_usd=monthly_cost(policy, record.request.sku, record.request.additional_regions),
        burning=_burning(facts, verdict),
        operation_id=facts.own_operation,
        warned=warned,
        saved_run=_saved_run(record, run, before),
    )


def _burning(facts: Facts, verdict: Verdict) -> Burning | None:
    if facts.deleted is not None:
        return "soft_deleted"
    if verdict.due == "never_activated":
        return "never_activated"
    return "expired" if verdict.due == "expired" else None


def _saved_run(record: HsmRecord, run: str, before: JudgedHsm | None) -> str | None:
    """Give the run that first saw an HSM purged by a clean-up, so that it is counted once."""
    if record.billed:
        return None
    if before is not None and before.saved_run is not None:
        return before.saved_run
    held = archive.find_claim(record.hsm)
    return run if held is not None and is_of_cleanup(held.claim) else None


def _unknown(hsm: str, run: str, before: JudgedHsm | None, code: str) -> JudgedHsm:
    if before is not None and before.run == run and before.chosen:
        return before
    warned, saved = (before.warned, before.saved_run) if before else (None, None)
    return JudgedHsm(
        hsm=hsm, run=run, at=now(), action="keep", reason="unknown", error=code, warned=warned, saved_run=saved
    )


def require_still_due(record: HsmRecord, *, purges: bool) -> None:
    """Raise ServiceError `not_due` unless the clean-up would delete an HSM at this moment as it was planned.

    Its approval may have taken days. The operation itself is no obstacle.
    """
    require_enforced()
    before = find_judged(record.hsm)
    facts = look(record, before.warned if before else None)
    rules, moment = rules_for(deployment_policy(), record), now()
    closer = look_closer(facts)._replace(operation_running=False, tried_at=None)
    verdict = judge(closer, rules, moment)
    if verdict.action != "delete" or (purges and not verdict.purges):
        raise service_error(
            "not_due",
            f"The clean-up would not delete this HSM any more: {verdict.reason}.",
            advice="Nothing was deleted. The next run judges it again.",
        )


def require_enforced() -> None:
    """Raise ServiceError `not_due` where the clean-up does not destroy anything, or not any more."""
    if not is_enforced():
        raise service_error(
            "not_due",
            "The clean-up deletes and purges nothing any more: the policy or the operators' switch says so.",
            advice="Nothing more is deleted or purged.",
        )
