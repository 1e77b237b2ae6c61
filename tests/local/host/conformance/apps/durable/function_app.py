"""One orchestrator for each thing that a durable host must get right, and what they need."""

import os
import time
from collections.abc import Generator
from datetime import timedelta
from pathlib import Path
from typing import Any

import azure.durable_functions as df
import azure.functions as func
from durabletask.entities import DurableEntity, EntityInstanceId
from durabletask.task import OrchestrationContext, RetryPolicy, TaskFailedError, when_all, when_any

Work = Generator[Any, Any, Any]
JOURNAL = Path(os.environ["JOURNAL"])

app = df.DFApp(http_auth_level=func.AuthLevel.ANONYMOUS)


def note(name: str, line: str = "") -> int:
    """Write a line into a file of the journal, and say how many it has now."""
    with (JOURNAL / name).open("a") as file:
        file.write(f"{line}\n")
    return len((JOURNAL / name).read_text().splitlines())


# --- activities


@app.activity_trigger(input_name="number")
def double(number: int) -> int:
    return number * 2


@app.activity_trigger(input_name="value")
def echo(value: Any) -> Any:
    return value


@app.activity_trigger(input_name="name")
def count(name: str) -> int:
    """Say how often it has run for a name."""
    return note(name, "count")


@app.activity_trigger(input_name="text")
def fail(text: str) -> None:
    raise ValueError(text)


@app.activity_trigger(input_name="work")
def fail_before(work: dict) -> int:  # type: ignore[type-arg] # the worker library takes no other form
    """Fail until it has run as often as is asked for."""
    runs = note(work["name"], "fail_before")
    if runs < work["run"]:
        message = f"run {runs} is too early"
        raise ValueError(message)
    return runs


@app.activity_trigger(input_name="name")
def pass_gate(name: str) -> str:
    """Wait until a test opens a gate."""
    note(f"{name}-arrivals", "pass_gate")
    deadline = time.monotonic() + 30
    while not (JOURNAL / name).exists() and time.monotonic() < deadline:
        time.sleep(0.02)
    return "passed"


# --- orchestrators


@app.orchestration_trigger(context_name="context")
def chain(ctx: OrchestrationContext, number: int) -> Work:
    steps = [number]
    for _ in range(3):
        steps.append((yield ctx.call_activity("double", input=steps[-1])))
    return steps


@app.orchestration_trigger(context_name="context")
def fan(ctx: OrchestrationContext, width: int) -> Work:
    results = yield when_all([ctx.call_activity("double", input=number) for number in range(width)])
    return sum(results)


@app.orchestration_trigger(context_name="context")
def retry(ctx: OrchestrationContext, work: dict[str, Any]) -> Work:
    policy = RetryPolicy(first_retry_interval=timedelta(milliseconds=20), max_number_of_attempts=work["attempts"])
    return (yield ctx.call_activity("fail_before", input=work, retry_policy=policy))


@app.orchestration_trigger(context_name="context")
def call(ctx: OrchestrationContext, work: list[Any]) -> Work:
    """Call an activity, and fail with it."""
    name, value = work
    return (yield ctx.call_activity(name, input=value))


@app.orchestration_trigger(context_name="context")
def call_and_catch(ctx: OrchestrationContext, work: list[Any]) -> Work:
    name, value = work
    try:
        return (yield ctx.call_activity(name, input=value))
    except TaskFailedError as error:
        return [error.details.error_type, error.details.message]


@app.orchestration_trigger(context_name="context")
def parent(ctx: OrchestrationContext, work: dict[str, Any]) -> Work:
    policy = RetryPolicy(first_retry_interval=timedelta(milliseconds=20), max_number_of_attempts=work["attempts"])
    child = ctx.call_sub_orchestrator(
        work["child"],
        input=work["input"],
        instance_id=work.get("id"),
        retry_policy=policy if work["attempts"] > 1 else None,
    )
    return {"child": (yield child)}


@app.orchestration_trigger(context_name="context")
def tell_parent(ctx: OrchestrationContext, _: Any) -> str | None:
    return ctx.parent_instance_id


@app.orchestration_trigger(context_name="context")
def sleep(ctx: OrchestrationContext, seconds: float) -> Work:
    began = ctx.current_utc_datetime
    yield ctx.create_timer(timedelta(seconds=seconds))
    return (ctx.current_utc_datetime - began).total_seconds()


@app.orchestration_trigger(context_name="context")
def wait(ctx: OrchestrationContext, name: str) -> Work:
    return (yield ctx.wait_for_external_event(name))


@app.orchestration_trigger(context_name="context")
def race(ctx: OrchestrationContext, work: dict[str, Any]) -> Work:
    """An event against a timer, which is cancelled or not when it has lost; then it may wait for another event."""
    event = ctx.wait_for_external_event("go")
    timer = ctx.create_timer(timedelta(seconds=work["seconds"]))
    winner = yield when_any([event, timer])
    if winner is timer:
        return "timer"
    if work["cancel"]:
        timer.cancel()
    if work["linger"]:
        yield ctx.wait_for_external_event("end")
    return event.get_result()


@app.orchestration_trigger(context_name="context")
def generations(ctx: OrchestrationContext, numbers: list[int]) -> Work:
    yield ctx.call_activity("echo", input=None)
    if len(numbers) < 4:
        ctx.continue_as_new([*numbers, len(numbers)])
        return None
    return numbers


@app.orchestration_trigger(context_name="context")
def collect(ctx: OrchestrationContext, work: dict[str, Any]) -> Work:
    """One item for each generation; what came in between is kept, or not."""
    item = yield ctx.wait_for_external_event("item")
    items = [*work["items"], item]
    if len(items) < work["wanted"]:
        ctx.continue_as_new({**work, "items": items}, save_events=True)
        return None
    return items


@app.orchestration_trigger(context_name="context")
def use_counter(ctx: OrchestrationContext, key: str) -> Work:
    counter = EntityInstanceId("counter", key)
    ctx.signal_entity(counter, "add", 1)
    answers: list[Any] = [(yield ctx.call_entity(counter, "add", 2))]
    try:
        yield ctx.call_entity(counter, "misuse")
    except TaskFailedError as error:
        answers.append([error.details.error_type, error.details.message])
    answers.append((yield ctx.call_entity(counter, "get")))
    return answers


@app.orchestration_trigger(context_name="context")  # type: ignore[arg-type] # its type knows the newer style only
def fetch(context: df.DurableOrchestrationContext) -> Work:
    """In the older style, since only its context has call_http."""
    work = context.get_input()
    answer = yield context.call_http(work["method"], work["url"], content=work.get("content"))
    return [answer.status_code, answer.content]


@app.orchestration_trigger(context_name="context")
def show_status(ctx: OrchestrationContext, statuses: list[Any]) -> Work:
    for status in statuses:
        ctx.set_custom_status(status)
        yield ctx.wait_for_external_event("next")


@app.orchestration_trigger(context_name="context")
def broken(ctx: OrchestrationContext, text: str) -> Work:
    yield ctx.call_activity("echo", input=text)
    raise RuntimeError(text)


@app.orchestration_trigger(context_name="context")
def replayed(ctx: OrchestrationContext, name: str) -> Work:
    for step in range(3):
        note(name, f"{step} {'replayed' if ctx.is_replaying else 'new'}")
        yield ctx.call_activity("echo", input=step)


@app.orchestration_trigger(context_name="context")
def changing(ctx: OrchestrationContext, work: dict[str, Any]) -> Work:
    """Call another activity, or with another input, when it is replayed."""
    before, after = work["before"], work["after"]
    name, value = before if note(work["name"]) == 1 else after
    return (yield ctx.call_activity(name, input=value))


@app.orchestration_trigger(context_name="context")
def steps(ctx: OrchestrationContext, name: str) -> Work:
    """Count, wait at a gate, and count again."""
    first = yield ctx.call_activity("count", input=f"{name}-first")
    gate = yield ctx.call_activity("pass_gate", input=name)
    last = yield ctx.call_activity("count", input=f"{name}-last")
    return [first, gate, last]


@app.orchestration_trigger(context_name="context")
def chain_of_counts(ctx: OrchestrationContext, name: str) -> Work:
    counts: list[int] = []
    for _ in range(5):
        counts = [*counts, (yield ctx.call_activity("count", input=name))]
    return counts


@app.orchestration_trigger(context_name="context")
def repairable(ctx: OrchestrationContext, name: str) -> Work:
    """Fail in the second step until a test opens a gate."""
    first = yield ctx.call_activity("count", input=f"{name}-first")
    second = yield ctx.call_activity("need_gate", input=name)
    return [first, second]


@app.orchestration_trigger(context_name="context")
def repairable_with_retries(ctx: OrchestrationContext, name: str) -> Work:
    policy = RetryPolicy(first_retry_interval=timedelta(milliseconds=20), max_number_of_attempts=2)
    return (yield ctx.call_activity("need_gate", input=name, retry_policy=policy))


@app.activity_trigger(input_name="name")
def need_gate(name: str) -> str:
    if not (JOURNAL / name).exists():
        message = f"{name} is closed"
        raise ValueError(message)
    return "open"


# --- an entity


@app.entity_trigger(context_name="context", entity_name="counter")
class Counter(DurableEntity):
    """A number under a name."""

    def add(self, amount: int) -> int:
        total: int = self.get_state(int, 0) + amount
        self.set_state(total)
        return total

    def get(self, _: Any = None) -> int:
        return self.get_state(int, 0)

    def misuse(self, _: Any = None) -> None:
        self.set_state(-1)
        message = "a counter cannot do that"
        raise ValueError(message)


# --- the durable client, and what call_http calls


@app.route(route="start/{orchestrator}", methods=["POST"])
@app.durable_client_input(client_name="client")
async def start(req: func.HttpRequest, client: df.DurableFunctionsClient) -> func.HttpResponse:
    instance_id = await client.schedule_new_orchestration(
        req.route_params["orchestrator"], input=req.get_json(), instance_id=req.params.get("id")
    )
    return client.create_check_status_response(req, instance_id)


@app.route(route="events/{instance_id}/{name}", methods=["POST"])
@app.durable_client_input(client_name="client")
def raise_event(req: func.HttpRequest, client: df.SyncDurableFunctionsClient) -> func.HttpResponse:
    client.raise_orchestration_event(req.route_params["instance_id"], req.route_params["name"], data=req.get_json())
    return func.HttpResponse(status_code=202)


@app.route(route="counters/{key}", methods=["GET", "POST"])
@app.durable_client_input(client_name="client")
async def counters(req: func.HttpRequest, client: df.DurableFunctionsClient) -> func.HttpResponse:
    counter = EntityInstanceId("counter", req.route_params["key"])
    if req.method == "POST":
        await client.signal_entity(counter, "add", input=req.get_json())
        return func.HttpResponse(status_code=202)
    found = await client.get_entity(counter)
    return func.HttpResponse(status_code=404) if found is None else func.HttpResponse(str(found.get_state(int)))


@app.route(route="greet", methods=["POST"])
def greet(req: func.HttpRequest) -> func.HttpResponse:
    return func.HttpResponse(f"Hello {req.get_json()}", status_code=201)


@app.route(route="jobs/{name}", methods=["POST", "GET"])
def jobs(req: func.HttpRequest) -> func.HttpResponse:
    """A job that is done at the third look; at the second it asks for a pause of a second."""
    name = req.route_params["name"]
    looks = note(name, f"{req.method} {time.time()}")
    if looks == 3:
        return func.HttpResponse("done")
    return func.HttpResponse(status_code=202, headers={"Location": f"/api/jobs/{name}", "Retry-After": str(looks - 1)})
