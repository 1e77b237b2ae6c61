"""What begins by the clock."""

import azure.durable_functions as df
import azure.functions as func

from domain.settings import backup_schedule, cleanup_schedule, reconciliation_schedule, verification_schedule
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


@blueprint.timer_trigger(arg_name="timer", schedule=reconciliation_schedule(), run_on_startup=False, use_monitor=True)
@blueprint.durable_client_input(client_name="client")
def start_fleet_reconciliation(timer: func.TimerRequest, client: df.SyncDurableFunctionsClient) -> None:  # noqa: ARG001
    """Begin to hold our records against Azure, unless that is under way."""
    from triggers.reconciliation import start_reconciliation

    start_reconciliation(client)


@blueprint.timer_trigger(arg_name="timer", schedule=backup_schedule(), run_on_startup=False, use_monitor=True)
@blueprint.durable_client_input(client_name="client")
def start_fleet_backup(timer: func.TimerRequest, client: df.SyncDurableFunctionsClient) -> None:  # noqa: ARG001
    """Begin to have HSMs back themselves up whose next backup is due, unless that is under way."""
    from triggers.backups import start_backups

    start_backups(client)


@blueprint.timer_trigger(arg_name="timer", schedule="0 */5 * * * *", run_on_startup=False, use_monitor=True)
def close_overdue_openings(timer: func.TimerRequest) -> None:  # noqa: ARG001
    """Close the firewalls that were opened for a while and are open past their time."""
    from clients.openings import close_overdue

    close_overdue()


@blueprint.timer_trigger(arg_name="timer", schedule="0 */5 * * * *", run_on_startup=False, use_monitor=True)
def publish_kept_events(timer: func.TimerRequest) -> None:  # noqa: ARG001
    """Publish the events that could not be published when they were made."""
    from clients.outbox import publish_kept

    publish_kept()
