"""Fan-out/fan-in: many activities at once, then one that gets all of their results.

curl -X POST http://localhost:7071/api/counts -d '["so it goes", "it is so"]'
"""

from collections import Counter
from collections.abc import Generator
from typing import Any

import azure.durable_functions as df
import azure.functions as func
from durabletask.task import OrchestrationContext, Task, when_all

app = df.DFApp(http_auth_level=func.AuthLevel.ANONYMOUS)


@app.route(route="counts", methods=["POST"])
@app.durable_client_input(client_name="client")
async def ask_for_counts(req: func.HttpRequest, client: df.DurableFunctionsClient) -> func.HttpResponse:
    instance_id = await client.schedule_new_orchestration("count_all_words", input=req.get_json())
    return client.create_check_status_response(req, instance_id)


@app.orchestration_trigger(context_name="context")
def count_all_words(ctx: OrchestrationContext, texts: list[str]) -> Generator[Task[Any], Any, dict[str, int]]:
    if not texts:
        # Waiting for nothing would never end.
        return {}
    counts = yield when_all([ctx.call_activity("count_words", input=text) for text in texts])
    totals: dict[str, int] = yield ctx.call_activity("add_up", input=counts)
    return totals


@app.activity_trigger(input_name="text")
def count_words(text: str) -> dict[str, int]:
    return dict(Counter(text.split()))


@app.activity_trigger(input_name="counts")
def add_up(counts: list) -> dict[str, int]:  # type: ignore[type-arg] # activities' parameters have plain types
    totals: Counter[str] = Counter()
    for count in counts:
        totals.update(count)
    return dict(totals)
