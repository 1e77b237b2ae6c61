"""Function chaining: each activity gets what the one before it returned.

    curl -X POST http://localhost:7071/api/quotes -d '{"product": "tea", "quantity": 3}'

The answer has the address to ask for the result: statusQueryGetUri.
"""

from collections.abc import Generator
from typing import Any

import azure.durable_functions as df
import azure.functions as func
from durabletask.task import OrchestrationContext, Task

app = df.DFApp(http_auth_level=func.AuthLevel.ANONYMOUS)

PRICES_IN_CENTS = {"tea": 450, "coffee": 690}


@app.route(route="quotes", methods=["POST"])
@app.durable_client_input(client_name="client")
async def ask_for_quote(req: func.HttpRequest, client: df.DurableFunctionsClient) -> func.HttpResponse:
    instance_id = await client.schedule_new_orchestration("make_quote", input=req.get_json())
    return client.create_check_status_response(req, instance_id)


@app.orchestration_trigger(context_name="context")
def make_quote(ctx: OrchestrationContext, order: dict[str, Any]) -> Generator[Task[Any], Any, str]:
    net = yield ctx.call_activity("find_price", input=order)
    gross = yield ctx.call_activity("add_tax", input=net)
    text: str = yield ctx.call_activity("write_price", input=gross)
    return text


@app.activity_trigger(input_name="order")
def find_price(order: dict) -> int:  # type: ignore[type-arg] # activities' parameters have plain types
    return PRICES_IN_CENTS[order["product"]] * int(order["quantity"])


@app.activity_trigger(input_name="cents")
def add_tax(cents: int) -> int:
    return round(cents * 1.19)


@app.activity_trigger(input_name="cents")
def write_price(cents: int) -> str:
    return f"{cents // 100}.{cents % 100:02} EUR"
