"""Sub-orchestrations: an orchestration that runs another one for each item, and again where it fails.

    curl -X POST http://localhost:7071/api/orders -d '["tea", "coffee"]'

The setting COURIER is the address of a courier service, which may be busy.
"""

import os
import urllib.request
from collections.abc import Generator
from datetime import timedelta
from typing import Any

import azure.durable_functions as df
import azure.functions as func
from durabletask.task import OrchestrationContext, RetryPolicy, Task, when_all

app = df.DFApp(http_auth_level=func.AuthLevel.ANONYMOUS)


@app.route(route="orders", methods=["POST"])
@app.durable_client_input(client_name="client")
async def order(req: func.HttpRequest, client: df.DurableFunctionsClient) -> func.HttpResponse:
    instance_id = await client.schedule_new_orchestration("ship_order", input=req.get_json())
    return client.create_check_status_response(req, instance_id)


@app.orchestration_trigger(context_name="context")
def ship_order(ctx: OrchestrationContext, items: list[str]) -> Generator[Task[Any], Any, list[str]]:
    again = RetryPolicy(first_retry_interval=timedelta(seconds=0.1), max_number_of_attempts=5, backoff_coefficient=2)
    shipped: list[str] = yield when_all(
        [ctx.call_sub_orchestrator("ship_item", input=item, retry_policy=again) for item in items]
    )
    return shipped


@app.orchestration_trigger(context_name="context")
def ship_item(ctx: OrchestrationContext, item: str) -> Generator[Task[Any], Any, str]:
    parcel = yield ctx.call_activity("pack", input=item)
    number: str = yield ctx.call_activity("call_courier", input=parcel)
    return number


@app.activity_trigger(input_name="item")
def pack(item: str) -> str:
    return f"a parcel of {item}"


@app.activity_trigger(input_name="parcel")
def call_courier(parcel: str) -> str:
    """Raise where the courier is busy: the orchestrations above decide what then."""
    with urllib.request.urlopen(os.environ["COURIER"], timeout=10) as answer:
        return f"{parcel}: {answer.read().decode()}"
