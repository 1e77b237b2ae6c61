"""Have the HSM's audit log and metrics sent where the request wants them."""

from activities.handing_over import handed_over, note
from clients.diagnostics import diagnostics_id, keep_diagnostics
from domain.outcomes import Outcome, Work, done


def send_diagnostics(work: Work) -> Outcome:
    """Record that the HSM's diagnostic setting is ours, then make it, or change it."""
    hsm, wanted = handed_over(work)
    if wanted.diagnostics is None:
        return done()
    note(hsm.name, diagnostics=diagnostics_id(hsm.resource_id))
    # Idempotent: the setting has a name of ours, and one that is as it is wanted is left.
    keep_diagnostics(hsm.resource_id, wanted.diagnostics)
    return done(diagnostics=diagnostics_id(hsm.resource_id))
