"""Orchestration instances in the API. Source: the extension's HttpApiHandler.cs, whose statuses changed over time."""

import json
from collections.abc import Collection
from typing import Final

from durabletask.internal import orchestrator_service_pb2 as pb
from google.protobuf.wrappers_pb2 import StringValue
from starlette.requests import Request
from starlette.responses import Response

from local.host.engine.engine import Engine
from local.host.engine.errors import InstanceExists, InstanceNotFound, WrongState
from local.host.engine.records import ENDED
from local.host.webhooks.durable_task.answers import Refusal, describe_error, respond, unknown_function
from local.host.webhooks.durable_task.history import describe_history
from local.host.webhooks.durable_task.links import Management, find_origin, make_own_link, make_status_links
from local.host.webhooks.durable_task.queries import (
    CONTINUATION_HEADER,
    is_json,
    read_flag,
    read_json,
    read_moment,
    read_page_size,
    read_seconds,
    read_statuses,
    read_text,
    read_token,
)
from local.host.webhooks.durable_task.status import STATUS_NAMES, describe_instance, read_output

_SECONDS_AFTER_START: Final = "10"
_SECONDS_WHILE_RUNNING: Final = "5"
_ARGUMENT: Final = "System.ArgumentException"
_EXISTS: Final = "DurableTask.Core.Exceptions.OrchestrationAlreadyExistsException"
_NO_JSON: Final = "Newtonsoft.Json.JsonReaderException"


class InstanceHandlers:
    """What the API does with instances; each method answers one call, and raises Refusal."""

    def __init__(self, engine: Engine, management: Management, orchestrators: Collection[str]) -> None:
        self._engine = engine
        self._management = management
        self._orchestrators = orchestrators

    async def start(self, request: Request) -> Response:
        """Start an instance, and with `timeout` wait so many seconds for its output.

        The engine says when an instance ends, so `pollingInterval` is of no account, as with each storage provider
        that does (SupportsPollFreeWait). An id that is in use is refused with 409; the extension's 2.13.7 and those
        before answered 500, with the text as ExceptionMessage. An unknown function is refused as by these; the newest
        extension gives the text as Message alone.
        """
        name = request.path_params["name"]
        seconds = read_seconds(request, "timeout")
        try:
            given = await read_json(request)
        except ValueError as error:
            raise _invalid_json(error) from None
        if name not in self._orchestrators:
            text = unknown_function(name, "orchestrator", sorted(self._orchestrators))
            raise Refusal(400, describe_error(_ARGUMENT, text))
        version = read_text(request, "version")
        start = pb.CreateInstanceRequest(
            instanceId=request.path_params.get("id", ""),
            name=name,
            version=StringValue(value=version) if version else None,
            input=StringValue(value=given) if given is not None else None,
        )
        try:
            instance_id = self._engine.start(start)
        except InstanceExists as error:
            raise Refusal(409, {"Message": str(error)}) from None
        return await self._answer_start(request, instance_id, seconds)

    async def restart(self, request: Request) -> Response:
        """Start an instance's orchestrator again with its input, by default as another instance.

        409 where it has not ended. Under another id the extension would start it all the same; durabletask's backend
        refuses that, and so does the engine.
        """
        instance_id = request.path_params["id"]
        seconds = read_seconds(request, "timeout")
        new_id = read_flag(request, "restartWithNewInstanceId", default=True)
        try:
            restarted = self._engine.restart(instance_id, new_id=new_id)
        except InstanceNotFound as error:
            message = "InstanceId does not match a valid orchestration instance."
            raise Refusal(400, describe_error(_ARGUMENT, str(error), message)) from None
        except WrongState as error:
            message = "A non-terminal instance with this instance ID already exists."
            raise Refusal(409, describe_error(_EXISTS, str(error), message)) from None
        return await self._answer_start(request, restarted, seconds)

    async def _answer_start(self, request: Request, instance_id: str, seconds: float | None) -> Response:
        """Answer with what an instance came to in so many seconds, or with where to look; None waits for nothing."""
        state = None if seconds is None else await self._wait(instance_id, seconds)
        if state is not None and state.orchestrationStatus == pb.ORCHESTRATION_STATUS_COMPLETED:
            return respond(read_output(state))
        if state is not None:
            return respond(self._describe(request, state))
        links = make_status_links(find_origin(request, self._management), instance_id, self._management)
        headers = {"Location": links["statusQueryGetUri"], "Retry-After": _SECONDS_AFTER_START}
        return respond(links, 202, headers)

    async def _wait(self, instance_id: str, seconds: float) -> pb.OrchestrationState | None:
        try:
            return await self._engine.wait(instance_id, until_completed=True, seconds=seconds)
        except TimeoutError:
            return None

    async def get(self, request: Request) -> Response:
        """Describe an instance: 202 until it has ended, then 200, or 500 for a failed one where that is asked for."""
        state = self._engine.get(request.path_params["id"])
        if state is None:
            raise Refusal(404)
        view = self._describe(request, state)
        if state.orchestrationStatus not in ENDED:
            location = make_own_link(request, self._management)
            return respond(view, 202, {"Location": location, "Retry-After": _SECONDS_WHILE_RUNNING})
        failed = state.orchestrationStatus == pb.ORCHESTRATION_STATUS_FAILED
        as_error = failed and read_flag(request, "returnInternalServerErrorOnFailure", default=False)
        return respond(view, 500 if as_error else 200)

    def _describe(self, request: Request, state: pb.OrchestrationState) -> dict[str, object]:
        show_input = read_flag(request, "showInput", default=True)
        history = None
        pending = state.orchestrationStatus == pb.ORCHESTRATION_STATUS_PENDING
        if read_flag(request, "showHistory", default=False) and not pending:
            show_output = read_flag(request, "showHistoryOutput", default=False)
            events = self._engine.history(state.instanceId)
            history = describe_history(events, show_input=show_input, show_output=show_output)
        return describe_instance(state, show_input=show_input, history=history)

    async def list_page(self, request: Request) -> Response:
        """List a page of the instances that a filter names; where the next one is, a header says."""
        prefix = read_text(request, "instanceIdPrefix")
        query = pb.InstanceQuery(
            runtimeStatus=read_statuses(request),
            createdTimeFrom=read_moment(request, "createdTimeFrom"),
            createdTimeTo=read_moment(request, "createdTimeTo"),
            instanceIdPrefix=StringValue(value=prefix) if prefix else None,
            maxInstanceCount=read_page_size(request),
            continuationToken=read_token(request),
            fetchInputsAndOutputs=True,
        )
        states, token = self._engine.query(query)
        show_input = read_flag(request, "showInput", default=False)
        found = [describe_instance(state, show_input=show_input) for state in states]
        return respond(found, headers={CONTINUATION_HEADER: token or ""})

    async def purge(self, request: Request) -> Response:
        """Forget an instance; 412 where it has not ended, as the extension answers since January 2026."""
        instance_id = request.path_params["id"]
        state = self._engine.get(instance_id, payloads=False)
        if state is None:
            raise Refusal(404)
        if state.orchestrationStatus not in ENDED:
            status = STATUS_NAMES[state.orchestrationStatus]
            raise Refusal(412, f"Only an instance that has ended can be purged; {instance_id} has status {status}.")
        return respond({"instancesDeleted": self._engine.purge(instance_id)})

    async def purge_by(self, request: Request) -> Response:
        """Forget the ended instances that a filter names."""
        created_from = read_moment(request, "createdTimeFrom")
        if created_from is None:
            raise Refusal(400, "Please provide value for 'createdTimeFrom' parameter.")
        query = pb.PurgeInstanceFilter(
            createdTimeFrom=created_from,
            createdTimeTo=read_moment(request, "createdTimeTo"),
            runtimeStatus=read_statuses(request),
        )
        count = self._engine.purge_by(query)
        if not count:
            raise Refusal(404)
        return respond({"instancesDeleted": count})

    async def raise_event(self, request: Request) -> Response:
        """Hand an event of JSON to an instance."""
        instance_id = self._find_running(request)
        if not is_json(request):
            raise Refusal(400, {"Message": "Only application/json request content is supported"})
        try:
            data = await read_json(request)
        except ValueError as error:
            raise _invalid_json(error) from None
        if data is None:
            raise _invalid_json("there is no content")
        self._engine.raise_event(instance_id, request.path_params["event"], data)
        return Response(status_code=202)

    async def terminate(self, request: Request) -> Response:
        """Have an instance end with the `reason` as its output; its children go on."""
        instance_id = self._find_running(request)
        reason = read_text(request, "reason")
        output = None if reason is None else json.dumps(reason)
        self._engine.terminate(instance_id, output, recursive=False)
        return Response(status_code=202)

    async def suspend(self, request: Request) -> Response:
        """Have an instance pause."""
        self._engine.suspend(self._find_running(request), read_text(request, "reason"))
        return Response(status_code=202)

    async def resume(self, request: Request) -> Response:
        """Have a suspended instance go on."""
        self._engine.resume(self._find_running(request), read_text(request, "reason"))
        return Response(status_code=202)

    def _find_running(self, request: Request) -> str:
        """Give the id of an instance that has not ended; raises Refusal 404, 410."""
        instance_id: str = request.path_params["id"]
        state = self._engine.get(instance_id, payloads=False)
        if state is None:
            raise Refusal(404)
        if state.orchestrationStatus in ENDED:
            raise Refusal(410)
        return instance_id

    async def rewind(self, request: Request) -> Response:
        """Have a failed instance go on from before its failures.

        410 where it ended otherwise, 400 where it has not ended; the newest extension answers 412 to both.
        """
        instance_id = request.path_params["id"]
        state = self._engine.get(instance_id, payloads=False)
        if state is None:
            raise Refusal(404)
        if state.orchestrationStatus in ENDED - {pb.ORCHESTRATION_STATUS_FAILED}:
            raise Refusal(410)
        try:
            self._engine.rewind(instance_id, read_text(request, "reason"))
        except WrongState as error:
            raise Refusal(400, describe_error(_ARGUMENT, str(error))) from None
        return Response(status_code=202)


def _invalid_json(reason: object) -> Refusal:
    return Refusal(400, describe_error(_NO_JSON, str(reason), "Invalid JSON content"))
