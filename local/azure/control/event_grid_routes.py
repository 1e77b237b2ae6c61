"""The control API's routes of Event Grid: topics, subscriptions, what was delivered, and disorder."""

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from local.azure.control import event_grid_models as models
from local.azure.event_grid.courier import Courier
from local.azure.event_grid.models import describe_delivery
from local.azure.event_grid.settings import Disorder, SubscriptionSettings
from local.azure.world import World


def make_event_grid_control_routes(world: World, courier: Courier) -> list[Route]:
    """Make the routes."""
    grid = world.event_grid

    async def put_topic(request: Request) -> Response:
        new = models.NewTopic.model_validate_json(await request.body())
        topic = grid.put_topic(request.path_params["name"], new.region, new.input_schema, local_auth=new.local_auth)
        for object_id, granted in new.assignments.items():
            topic.access.assign(object_id, granted)
        endpoint = f"https://{topic.host}/api/events"
        made = models.MadeTopic(endpoint=endpoint, resource_id=topic.resource_id, keys=topic.keys)
        return JSONResponse(made.model_dump(mode="json", by_alias=True))

    async def put_subscription(request: Request) -> Response:
        settings = SubscriptionSettings.model_validate_json(await request.body())
        drawn_up = grid.draw_up(request.path_params["name"], settings)
        await courier.shake_hands(drawn_up, f"/subscriptions/{world.subscription.id}")
        grid.keep(drawn_up)
        return JSONResponse(settings.model_dump(mode="json", by_alias=True))

    async def delete_subscription(request: Request) -> Response:
        grid.delete_subscription(request.path_params["name"])
        return JSONResponse({})

    async def put_disorder(request: Request) -> Response:
        disorder = Disorder.model_validate_json(await request.body())
        subscription = grid.find_subscription(request.path_params["name"])
        subscription.disorder = disorder
        courier.send(subscription)
        return JSONResponse(disorder.model_dump(mode="json", by_alias=True))

    async def post_events(request: Request) -> Response:
        new = models.InjectedEvents.model_validate_json(await request.body())
        subscription = grid.find_subscription(request.path_params["name"])
        made = grid.enter(subscription, new.events, world.timing.clock.now())
        courier.send(subscription)
        return JSONResponse([describe_delivery(delivery) for delivery in made], status_code=201)

    async def get_deliveries(request: Request) -> Response:
        name = request.path_params["name"].lower()
        found = [delivery for delivery in grid.deliveries if delivery.subscription.name.lower() == name]
        return JSONResponse([describe_delivery(delivery) for delivery in found])

    base = "/event-grid/subscriptions/{name}"
    return [
        Route("/event-grid/topics/{name}", put_topic, methods=["PUT"]),
        Route(base, put_subscription, methods=["PUT"]),
        Route(base, delete_subscription, methods=["DELETE"]),
        Route(f"{base}/disorder", put_disorder, methods=["PUT"]),
        Route(f"{base}/events", post_events, methods=["POST"]),
        Route(f"{base}/deliveries", get_deliveries),
    ]
