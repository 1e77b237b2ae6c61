"""Human interaction: a person answers in time, or a durable timer decides; whichever loses is cancelled.

curl -X POST http://localhost:7071/api/leave -d '{"who": "Ada", "days": 5}'
curl -X POST http://localhost:7071/api/leave/INSTANCE -d '{"granted": true}'
"""

from collections.abc import Generator
from datetime import timedelta
from typing import Any

import azure.durable_functions as df
import azure.functions as func
from durabletask.task import OrchestrationContext, Task, when_any

app = df.DFApp(http_auth_level=func.AuthLevel.ANONYMOUS)

TIME_TO_ANSWER = timedelta(days=3)


@app.route(route="leave", methods=["POST"])
@app.durable_client_input(client_name="client")
async def ask_for_leave(req: func.HttpRequest, client: df.DurableFunctionsClient) -> func.HttpResponse:
    instance_id = await client.schedule_new_orchestration("decide_on_leave", input=req.get_json())
    return client.create_check_status_response(req, instance_id)


@app.route(route="leave/{instance_id}", methods=["POST"])
@app.durable_client_input(client_name="client")
async def answer(req: func.HttpRequest, client: df.DurableFunctionsClient) -> func.HttpResponse:
    await client.raise_orchestration_event(req.route_params["instance_id"], "answer", data=req.get_json())
    return func.HttpResponse(status_code=202)


@app.orchestration_trigger(context_name="context")
def decide_on_leave(ctx: OrchestrationContext, request: dict[str, Any]) -> Generator[Task[Any], Any, str]:
    yield ctx.call_activity("notify_manager", input=request)
    ctx.set_custom_status("waiting for an answer")
    answered = ctx.wait_for_external_event("answer")
    too_late = ctx.create_timer(TIME_TO_ANSWER)
    winner = yield when_any([answered, too_late])
    if winner is too_late:
        answered.cancel()
        ctx.set_custom_status("nobody answered")
        return "escalated"
    too_late.cancel()
    ctx.set_custom_status("answered")
    return "granted" if answered.get_result()["granted"] else "refused"


@app.activity_trigger(input_name="request")
def notify_manager(request: dict) -> str:  # type: ignore[type-arg] # activities' parameters have plain types
    """Stand for a message: a real one would be sent here."""
    return f"{request['who']} asks for {request['days']} days"
