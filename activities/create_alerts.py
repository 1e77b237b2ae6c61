"""Make the alert rules that tell an action group of what happens to the HSM."""

from activities.handing_over import handed_over, note
from clients import archive, upkeep
from clients.alerts import WatchedHsm, design_rules
from domain.outcomes import Outcome, Work, done


def create_alerts(work: Work) -> Outcome:
    """Make the rules that are wanted, and delete those of ours that are not any more."""
    hsm, wanted = handed_over(work)
    if wanted.alerts is None:
        return done()
    workspace = wanted.diagnostics.workspace if wanted.diagnostics else None
    rules = design_rules(WatchedHsm(hsm.resource_id, hsm.location), wanted.alerts, workspace)
    record = archive.find_hsm_record(hsm.name)
    known = record.alerts if record else []
    # Azure does not tell ids apart by case, and may write them otherwise than they were asked for.
    wanted_ids = {rule.lower() for rule in rules}
    unwanted = [rule for rule in known if rule.lower() not in wanted_ids]
    # Recorded before they are made, so that none is ever forgotten.
    note(hsm.name, alerts=[*rules, *unwanted])
    # Idempotent: each rule has a name of ours, and one that is as it is wanted is left.
    for rule_id, rule in rules.items():
        upkeep.keep(rule_id, rule)
    for rule_id in unwanted:
        upkeep.remove(rule_id)
    note(hsm.name, alerts=list(rules))
    return done(alerts=list(rules))
