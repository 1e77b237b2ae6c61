"""What begins by an event of Event Grid."""

import azure.durable_functions as df

from triggers.registration import blueprint
from triggers.whole_events import WholeEvent


@blueprint.event_grid_trigger(arg_name="event")
@blueprint.durable_client_input(client_name="client")
def subscription_events(event: WholeEvent, client: df.SyncDurableFunctionsClient) -> None:
    """Record an event, and look at the subscription that it names, if it names one."""
    from triggers.onboarding import take_event

    take_event(event, client)
