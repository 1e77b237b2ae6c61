"""What begins by the clock."""

import azure.durable_functions as df
import azure.functions as func

from domain.settings import cleanup_schedule, verification_schedule
from triggers.registration import blueprint


@blueprint.timer_trigger(arg_name="timer", schedule=verification_schedule(), run_on_startup=False, use_monitor=True)
@blueprint.durable_client_input(client_name="client")
def start_security_domain_verification(timer: func.TimerRequest, client: df.SyncDurableFunctionsClient) -> None:  # noqa: ARG001
    """Begin to verify all stored security domains, unless that is under way."""
    from triggers.verification_runs import start_run

    start_run(client)


@blueprint.timer_trigger(arg_name="timer", schedule=cleanup_schedule(), run_on_startup=False, use_monitor=True)
@blueprint.durable_client_input(client_name="client")
def start_fleet_cleanup(timer: func.TimerRequest, client: df.SyncDurableFunctionsClient) -> None:  # noqa: ARG001
    """Begin to clean up, unless that is under way."""
    from triggers.cleanup import start_cleanup

    start_cleanup(client)


@blueprint.timer_trigger(arg_name="timer", schedule="0 */5 * * * *", run_on_startup=False, use_monitor=True)
def publish_kept_events(timer: func.TimerRequest) -> None:  # noqa: ARG001
    """Publish the events that could not be published when they were made."""
    from clients.outbox import publish_kept

    publish_kept()
