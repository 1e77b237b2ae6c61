"""Record how the operation ended, and give its claim back."""

from activities.auditing import record_end
from activities.context import not_claimed
from clients import archive, outbox
from clients.announcements import keep_end
from clients.existing import describe_existing
from clients.handover_record import keep_handover
from clients.measurements import tell_end
from domain.errors import service_error
from domain.names import hsm_of_operation, instance_id
from domain.operations import Operation, accepted_operation
from domain.outcomes import Outcome, Work, done
from domain.steps import expand
from domain.trace import follow


def record_operation(work: Work) -> Outcome:
    """Write the operation's record, then end its claim: an operation whose claim ended can always be read, and is told.

    Raises ServiceError `not_claimed` for an orchestration that is not the one of this HSM.
    """
    hsm = hsm_of_operation(work.operation_id)
    # Whoever may start orchestrations by other means could have one fail, and end the claim of the real one by it.
    if hsm is None or work.instance_id != instance_id(hsm):
        raise not_claimed()
    held = archive.find_claim(hsm)
    if held is None or held.claim.operation_id != work.operation_id or not held.claim.running:
        # Idempotent: killed before its answer was heard, it was recorded; the claim has ended, or is another's by now.
        if archive.find_operation(work.operation_id) is None:
            raise not_claimed()
        return done()
    claim = held.claim
    follow(claim.trace)
    operation = Operation.model_validate(
        {
            **accepted_operation(claim).model_dump(by_alias=True),
            **expand(claim.kind, work.progress),
        }
    )
    if operation.status != "Succeeded":
        operation = operation.model_copy(update={"exists": describe_existing(claim, operation)})
    keep_handover(operation)
    event_id = keep_end(claim, operation)
    archive.write_operation(operation)
    record_end(operation)
    ended = claim.model_copy(update={"state": "ended", "succeeded": operation.status == "Succeeded"})
    if not archive.replace_claim(ended, held.etag):
        raise service_error(
            "record_changed", "The claim was changed meanwhile.", advice="It is tried again.", retryable=True
        )
    tell_end(claim, operation)
    if event_id is not None:
        outbox.publish_soon(event_id)
    return done()
