"""The list of operations: those that ended by their records, those that run by their claims and the engine."""

from collections.abc import Mapping, Sequence

from clients import summaries
from domain.paging import Position
from domain.summaries import ClaimSummary, OperationRecordSummary, begun_operation
from triggers.door.calls import Answer, Call
from triggers.lists.page_links import cut
from triggers.lists.queries import OperationListQuery
from triggers.operations.glances import glance
from triggers.representations import OperationPage, OperationSummary


def list_operations(call: Call) -> Answer:
    """List the operations that exist for the caller.

    The engine is asked for what is shown; for all that run only where how they stand decides whether they are.
    """
    query: OperationListQuery = call.query
    running = _find_running(query)
    # What has a record has ended, so it waits for nobody: thousands need not be listed.
    ended = [] if query.awaiting_approval else summaries.list_operations(query.hsm or "")
    recorded = {operation.id for operation in ended}
    begun = {claim.operation_id: claim for claim in running if claim.operation_id not in recorded}
    found = [
        operation
        for operation in [*ended, *(begun_operation(claim) for claim in begun.values())]
        if call.sees(operation.team) and _matches(operation, query)
    ]
    if query.status is not None or query.awaiting_approval is not None:
        # Nobody looks twice: what was found by how it stands is shown so.
        found, begun = [operation for operation in _look(call, found, begun) if _stands(operation, query)], {}
    page = cut(call, "operations", found, _place)
    value = [
        OperationSummary(**dict(operation), awaiting_approval=operation.awaiting_approval)
        for operation in _look(call, page.items, begun)
    ]
    return Answer(200, OperationPage(value=value, next_link=page.next_link))


def _find_running(query: OperationListQuery) -> list[ClaimSummary]:
    """Find the operations that may have no record yet; asked for before the records, lest one that ends is missed."""
    return [claim for claim in summaries.list_claims(query.hsm or "") if claim.running]


def _matches(operation: OperationRecordSummary, query: OperationListQuery) -> bool:
    asked = ((query.team, operation.team), (query.requester, operation.requester.object_id))
    return (
        all(wanted is None or wanted == value for wanted, value in asked)
        and (query.created_after is None or query.created_after <= operation.created_at)
        and (query.created_before is None or operation.created_at < query.created_before)
    )


def _stands(operation: OperationRecordSummary, query: OperationListQuery) -> bool:
    asked = ((query.status, operation.status), (query.awaiting_approval, operation.awaiting_approval))
    return all(wanted is None or wanted == value for wanted, value in asked)


def _place(operation: OperationRecordSummary) -> Position:
    return Position(operation.created_at.timestamp(), operation.id)


def _look(
    call: Call, operations: Sequence[OperationRecordSummary], begun: Mapping[str, ClaimSummary]
) -> list[OperationRecordSummary]:
    """Ask the engine how far those operations are that have no record."""
    return [
        glance(begun[operation.id], call.client) if operation.id in begun else operation for operation in operations
    ]
