"""Monitor: look again and again, with pauses, until something has happened or it is too late.

Each look is a generation of its own (continue-as-new), so that the history stays short, however long it takes.

    curl -X POST http://localhost:7071/api/watches \\
      -d '{"url": "http://localhost:8000", "pauseSeconds": 5, "looks": 100}'
"""

import urllib.error
import urllib.request
from collections.abc import Generator
from datetime import timedelta
from typing import Any

import azure.durable_functions as df
import azure.functions as func
from durabletask.task import OrchestrationContext, Task

app = df.DFApp(http_auth_level=func.AuthLevel.ANONYMOUS)


@app.route(route="watches", methods=["POST"])
@app.durable_client_input(client_name="client")
async def start_watch(req: func.HttpRequest, client: df.DurableFunctionsClient) -> func.HttpResponse:
    instance_id = await client.schedule_new_orchestration("watch", input=req.get_json())
    return client.create_check_status_response(req, instance_id)


@app.orchestration_trigger(context_name="context")
def watch(ctx: OrchestrationContext, job: dict[str, Any]) -> Generator[Task[Any], Any, str | None]:
    answers = yield ctx.call_activity("site_answers", input=job["url"])
    if answers:
        return "it is up"
    if job["looks"] <= 1:
        return "it stayed down"
    yield ctx.create_timer(timedelta(seconds=job["pauseSeconds"]))
    ctx.continue_as_new({**job, "looks": job["looks"] - 1})
    return None


@app.activity_trigger(input_name="url")
def site_answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=10) as response:
            return bool(response.status == 200)
    except urllib.error.URLError:
        return False
