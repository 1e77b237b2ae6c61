"""Have the engine forget orchestration instances that ended long ago: their operations are in our records."""

from datetime import UTC, datetime, timedelta
from typing import Final

import azure.durable_functions as df

from activities.begin_cleanup import Nothing
from clients.cleanup import require_run, write_run
from clients.instances import engine_unavailable
from domain.names import CLEANUP_INSTANCE
from domain.outcomes import Outcome, done
from domain.settings import settings

_AT_ONCE: Final = 100


def forget_old_history(asked: Nothing, client: df.SyncDurableFunctionsClient) -> Outcome:  # noqa: ARG001
    """Forget some that are older than the setting says, and say whether there are more."""
    import grpc

    run = require_run()
    try:
        limit = _now(client) - timedelta(days=settings().history_days)
        page = client.list_instance_ids(completed_time_to=limit, page_size=_AT_ONCE)
        for instance in page.items:
            client.purge_orchestration(instance, recursive=False)
    except grpc.RpcError:
        raise engine_unavailable() from None
    write_run(run.model_copy(update={"forgotten_instances": run.forgotten_instances + len(page.items)}))
    return done(more=bool(page.continuation_token) and bool(page.items))


def _now(client: df.SyncDurableFunctionsClient) -> datetime:
    """Give the time by the engine's clock, which the ends of instances are by: this one was changed just now."""
    state = client.get_orchestration_state(CLEANUP_INSTANCE)
    return datetime.now(UTC) if state is None else state.last_updated_at.replace(tzinfo=UTC)
