"""Have the next subscription looked at that opted in and has no HSM, just as an event would."""

import azure.durable_functions as df

from activities.opting_in import new_subscriptions
from clients.looks import have_looked_at
from clients.lost_starts import find_missing_of, is_stopped, write_missing
from clients.reconciliation import require_run
from domain.drift_findings import MissingHsm
from domain.errors import ServiceError
from domain.lost_starts import find_next
from domain.outcomes import Nothing, Outcome, done


def look_at_next_missing(_: Nothing, client: df.SyncDurableFunctionsClient) -> Outcome:
    """Ask for a look at one that the run found, if its limit leaves room.

    The look decides, by Azure and the policy, and begins the HSM. Says whether one was asked for, and more are to be.
    """
    run, new = require_run(), new_subscriptions()
    left = find_missing_of(run.id)
    if left is None or new is None or run.first or is_stopped():
        return done(started=False, more=False)
    item = find_next(left.hsms, new.maximum_per_run)
    if item is None:
        return done(started=False, more=False)
    # Whoever dies before it is recorded asks again: the subscription is looked at twice, and begun once.
    tried = _look(item, client)
    hsms = [tried if one is item else one for one in left.hsms]
    write_missing(left.model_copy(update={"hsms": hsms}))
    return done(started=tried.outcome == "started", more=find_next(hsms, new.maximum_per_run) is not None)


def _look(item: MissingHsm, client: df.SyncDurableFunctionsClient) -> MissingHsm:
    try:
        have_looked_at(item.subscription_id, client)
    except ServiceError as error:
        return item.model_copy(update={"outcome": "failed", "error": error.detail})
    return item.model_copy(update={"outcome": "started"})
