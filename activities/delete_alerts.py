"""Delete the alert rules that the service made for an HSM that is gone."""

from activities.context import approved_plan_of, commit
from activities.decommissioning import record_of
from activities.handing_over import note
from clients import upkeep
from clients.alerts import watches_purge
from domain.outcomes import Outcome, Work, done


def delete_alerts(work: Work) -> Outcome:
    """Delete what our record names; the rule on its purge stays while the HSM can be recovered.

    They stay recorded as long: of an HSM that is recovered they are missed.
    """
    record = record_of(approved_plan_of(work, "decommission"))
    commit(work, "decommission")
    # Idempotent: what is gone already is deleted.
    for rule_id in record.alerts:
        if record.purged or not watches_purge(rule_id):
            upkeep.remove(rule_id)
    if record.purged:
        note(record.hsm, alerts=[])
    return done()
