"""Entities: small pieces of state that do one thing at a time, and two of them that are locked together.

curl -X POST http://localhost:7071/api/visitors/front-door
curl http://localhost:7071/api/visitors/front-door
curl -X POST http://localhost:7071/api/transfers -d '{"from": "ada", "to": "bob", "amount": 10}'
"""

from collections.abc import Generator
from typing import Any

import azure.durable_functions as df
import azure.functions as func
from durabletask.entities import DurableEntity, EntityInstanceId
from durabletask.task import OrchestrationContext, Task

app = df.DFApp(http_auth_level=func.AuthLevel.ANONYMOUS)

OPENING_BALANCE = 100


@app.entity_trigger(context_name="context", entity_name="counter")
class Counter(DurableEntity):
    """Counts; each operation is a method."""

    def increment(self, _: Any = None) -> None:
        self.set_state(self.get_state(int, 0) + 1)


@app.entity_trigger(context_name="context", entity_name="account")
class Account(DurableEntity):
    """Money, in whole numbers."""

    def balance(self, _: Any = None) -> int:
        return self.get_state(int, OPENING_BALANCE)

    def change(self, amount: int) -> int:
        balance: int = self.balance() + amount
        self.set_state(balance)
        return balance


@app.route(route="visitors/{door}", methods=["POST"])
@app.durable_client_input(client_name="client")
async def welcome(req: func.HttpRequest, client: df.DurableFunctionsClient) -> func.HttpResponse:
    await client.signal_entity(EntityInstanceId("counter", req.route_params["door"]), "increment")
    return func.HttpResponse(status_code=202)


@app.route(route="visitors/{door}", methods=["GET"])
@app.durable_client_input(client_name="client")
async def count_visitors(req: func.HttpRequest, client: df.DurableFunctionsClient) -> func.HttpResponse:
    counter = await client.get_entity(EntityInstanceId("counter", req.route_params["door"]))
    return func.HttpResponse(str(counter.get_state(int) if counter else 0))


@app.route(route="transfers", methods=["POST"])
@app.durable_client_input(client_name="client")
async def ask_for_transfer(req: func.HttpRequest, client: df.DurableFunctionsClient) -> func.HttpResponse:
    instance_id = await client.schedule_new_orchestration("transfer", input=req.get_json())
    return client.create_check_status_response(req, instance_id)


@app.orchestration_trigger(context_name="context")
def transfer(ctx: OrchestrationContext, order: dict[str, Any]) -> Generator[Task[Any], Any, str]:
    source = EntityInstanceId("account", order["from"])
    target = EntityInstanceId("account", order["to"])
    # Nobody else can change either account before the end of the block.
    with (yield ctx.lock_entities([source, target])):
        balance = yield ctx.call_entity(source, "balance")
        if balance < order["amount"]:
            return "not enough"
        yield ctx.call_entity(source, "change", -order["amount"])
        yield ctx.call_entity(target, "change", order["amount"])
    return "done"
