"""Find the subscriptions that opted in and have no HSM of ours: the events that should have begun them were lost."""

from collections.abc import Iterator

from activities.context import now
from activities.opting_in import new_subscriptions
from clients import summaries
from clients.lost_starts import find_last_missing, is_stopped, write_missing
from clients.onboardings import list_looks
from clients.reconciliation import require_run
from clients.subscriptions import list_enabled_subscriptions
from domain import lost_starts
from domain.lost_starts import MissingHsms, Waiting, find_next, group_begun, name_opt_in
from domain.new_subscriptions import has_tag, is_below
from domain.outcomes import Nothing, Outcome, done
from domain.policy import EVERYTHING, NewSubscriptions
from domain.reconciliation import ReconciliationRun
from domain.settings import deployment_policy, settings


def find_missing(_: Nothing) -> Outcome:
    """Record them for the run, and say whether it asks for any look; Resource Graph, which lags, only hints."""
    run, new = require_run(), new_subscriptions()
    if new is None:
        return done(more=False)
    before = find_last_missing()
    # Idempotent: what the run has found already, some of it looked at, stays so.
    found = before if before is not None and before.run == run.id else _find(run, new, before)
    return done(more=find_next(found.hsms, new.maximum_per_run) is not None)


def _find(run: ReconciliationRun, new: NewSubscriptions, before: MissingHsms | None) -> MissingHsms:
    opted_in = list(dict.fromkeys(_list_opted_in(new)))
    looked_at = list_looks()
    # What exists is read last: what is begun meanwhile is not missing.
    begun = group_begun(summaries.list_claims(), summaries.list_hsm_records())
    opt_in = name_opt_in(new, deployment_policy().subscriptions)
    # What an earlier run found says nothing of what would be found now: many may have opted in since.
    unseen = run.first or before is None or before.run != run.previous or before.opt_in != opt_in
    waiting: Waiting = "report_only" if unseen or is_stopped() or new.maximum_per_run == 0 else "over_limit"
    hsms = lost_starts.find_missing(new.name_prefix, opted_in, begun, looked_at, now(), waiting=waiting)
    found = MissingHsms(run=run.id, opt_in=opt_in, subscriptions_checked=len(opted_in), hsms=hsms)
    write_missing(found)
    return found


def _list_opted_in(new: NewSubscriptions) -> Iterator[str]:
    allowed, tenant_id = deployment_policy().subscriptions, settings().tenant_id.lower()
    for one in list_enabled_subscriptions():
        ours = one.tenant_id == tenant_id and (EVERYTHING in allowed or one.subscription_id in allowed)
        if ours and has_tag(new.opt_in, one.tags) and is_below(new.opt_in, one.management_groups):
            yield one.subscription_id
