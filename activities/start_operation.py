"""Start an operation that a schedule or an event has claimed; one that was claimed over the API starts just so."""

import azure.durable_functions as df

from clients import archive
from clients.instances import ensure_started
from domain.model import Model
from domain.outcomes import Outcome, done


class ClaimedOperation(Model):
    """An operation, and the HSM whose claim says what it is."""

    hsm: str
    operation_id: str


def start_operation(claimed: ClaimedOperation, client: df.SyncDurableFunctionsClient) -> Outcome:
    """Start an operation whose claim stands; whoever asks for another one gets nothing started."""
    held = archive.find_claim(claimed.hsm)
    if held is None or held.claim.operation_id != claimed.operation_id or not held.claim.running:
        return done(started=False)
    # Idempotent: one that was started is not started again.
    ensure_started(held.claim, client)
    return done(started=True)
