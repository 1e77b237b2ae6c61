"""The HTTP API: a function for every route of the table."""

import azure.durable_functions as df
import azure.functions as func

from triggers.registration import blueprint
from triggers.routes import ROUTES, Route


def _register(route: Route) -> None:
    def invoke(request: func.HttpRequest, client: df.SyncDurableFunctionsClient) -> func.HttpResponse:
        from triggers.door.gateway import respond

        return respond(route, request, client)

    invoke.__name__ = route.function_name
    bound = blueprint.durable_client_input(client_name="client")(invoke)
    # The token is the one door, in the gateway: a browser has no function key to keep (docs/decisions/0004).
    blueprint.route(
        route=route.path, trigger_arg_name="request", methods=[route.method], auth_level=func.AuthLevel.ANONYMOUS
    )(bound)


for _route in ROUTES:
    _register(_route)
