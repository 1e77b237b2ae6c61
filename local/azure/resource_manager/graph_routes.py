"""Resource Graph: Microsoft.ResourceGraph."""

import hashlib
import json
import math
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Callable
from datetime import timedelta
from typing import Any, Final

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from local.azure.core.errors import ServiceFault
from local.azure.core.journal import note_action
from local.azure.resource_manager.bodies import GraphQuestion, read_body
from local.azure.resource_manager.callers import Caller, read_caller
from local.azure.resource_manager.graph_query import NotUnderstood, Query, read_query, run_query
from local.azure.resource_manager.graph_tables import COLUMNS, Entry
from local.azure.resource_manager.models import ResourceManager
from local.azure.resource_manager.subscriptions import Subscription
from local.clock import Clock

_WINDOW_SECONDS: Final = 5
_LONGEST_PAGE: Final = 1000


class Quota:
    """How many queries each caller may ask in a window of time (source: Resource Graph, throttled requests)."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._windows: dict[str, tuple[float, int]] = {}

    def use(self, caller: Caller, limit: int) -> dict[str, str]:
        """Count a query, and give the headers that tell what is left; raises ServiceFault 429."""
        now = self._clock.now()
        begin, used = self._windows.get(caller.object_id, (now, 0))
        if now >= begin + _WINDOW_SECONDS:
            begin, used = now, 0
        self._windows[caller.object_id] = (begin, used + 1)
        resets_after = timedelta(seconds=math.ceil((begin + _WINDOW_SECONDS - now) / self._clock.speed))
        headers = {
            "x-ms-user-quota-remaining": str(max(0, limit - used - 1)),
            "x-ms-user-quota-resets-after": f"{resets_after!s:0>8}",
        }
        if used >= limit:
            message = (
                "Client application has been throttled and should not continue to make requests until an amount of "
                "time has elapsed. Please see https://aka.ms/resourcegraph-throttling for help."
            )
            raise ServiceFault(429, "RateLimiting", message, headers)
        return headers


def make_graph_route(manager: ResourceManager, enter: Callable[[Request], dict[str, Any]]) -> Route:
    """Make the route of queries; `enter` gives the claims of the caller's token."""
    quota = Quota(manager.timing.clock)

    async def query_graph(request: Request) -> Response:
        """Answer a query over `resources` (HSMs) and `resourcecontainers` (subscriptions, groups): what one may read.

        Leaves out: of the query language all but `where` with `=~`, `==`, `in~` and `and`, `project` and `order by`, on
        columns and paths into them: the rest is 400 and says so. All other tables and types of resources; facets; the
        format `table`; `subscriptionPolicies`.

        Assumes: `resourceGroup` is lower-case, `tags` is null where there are none, `systemData` is no column. A
        comparison with what is no text does not hold. More rows than fit a page have a `$skipToken` only where each has
        its `id`. Subscriptions that a caller cannot read are passed over. The sixteenth query in 5 seconds is 429
        without `Retry-After`.
        """
        note_action(request, "Microsoft.ResourceGraph/resources/read")
        caller = read_caller(enter(request))
        headers = quota.use(caller, manager.graph_quota)
        question = read_body(GraphQuestion, await request.body())
        query = _read(question)
        tables = manager.graph.read()._asdict()
        if query.table.lower() not in tables:
            raise _refusal(f"the table '{query.table}'")
        visible = _find_visible(manager, caller, question, tables[query.table.lower()])
        try:
            found = run_query(query, COLUMNS, visible)
        except NotUnderstood as error:
            raise _refusal(str(error)) from None
        return JSONResponse(_make_page(question, found), headers=headers)

    return Route("/providers/Microsoft.ResourceGraph/resources", query_graph, methods=["POST"])


def _read(question: GraphQuestion) -> Query:
    try:
        return read_query(question.query)
    except NotUnderstood as error:
        raise _refusal(str(error)) from None


def _find_visible(
    manager: ResourceManager, caller: Caller, question: GraphQuestion, entries: list[Entry]
) -> list[dict[str, Any]]:
    asked = {
        subscription.id: subscription
        for subscription in manager.subscriptions.values()
        if subscription.tenant_id == caller.tenant_id and _is_asked_about(subscription, question)
    }

    def may_see(entry: Entry) -> bool:
        subscription = asked.get(entry.subscription_id)
        grants = subscription.find_grants(caller.principals, entry.scope) if subscription else []
        return any(grant.allows(entry.action) for grant in grants)

    return [entry.row for entry in entries if may_see(entry)]


def _is_asked_about(subscription: Subscription, question: GraphQuestion) -> bool:
    named = {name.lower() for name in question.subscriptions or []}
    if question.subscriptions is not None and subscription.id not in named:
        return False
    groups = {name.lower() for name in question.management_groups or []}
    above = {group.name.lower() for group in subscription.management_groups}
    return question.management_groups is None or bool(groups & above)


def _make_page(question: GraphQuestion, found: list[dict[str, Any]]) -> dict[str, Any]:
    options = question.options
    begin = options.skip
    if begin is None:
        begin = 0 if options.skip_token is None else _read_token(question, options.skip_token)
    end = begin + (options.top or _LONGEST_PAGE)
    page, more = found[begin:end], end < len(found)
    body: dict[str, Any] = {"totalRecords": len(found), "count": len(page), "data": page, "facets": []}
    body["resultTruncated"] = "true" if more else "false"
    if more and all(row.get("id") for row in found):
        body["$skipToken"] = urlsafe_b64encode(json.dumps([end, _digest(question)]).encode()).decode()
    return body


def _read_token(question: GraphQuestion, token: str) -> int:
    """Read where a page begins; a token belongs to the query that it was given for."""
    try:
        begin, digest = json.loads(urlsafe_b64decode(token))
    except ValueError:
        begin, digest = 0, ""
    if digest != _digest(question):
        raise ServiceFault(400, "BadRequest", "The $skipToken does not belong to this query.")
    return int(begin)


def _digest(question: GraphQuestion) -> str:
    asked = question.model_dump(include={"query", "subscriptions", "management_groups"})
    return hashlib.sha256(json.dumps(asked).encode()).hexdigest()[:16]


def _refusal(what: str) -> ServiceFault:
    """Refuse a query in the form in which Azure does, but say who it is that does not understand it."""
    invalid = (
        "Query is invalid. Please refer to the documentation for the Azure Resource Graph service and fix the error."
    )
    message = f"The local Azure does not understand the query: {what}."
    details = [{"code": "InvalidQuery", "message": invalid}, {"code": "NotInLocalAzure", "message": message}]
    body = {"error": {"code": "BadRequest", "message": message, "details": details}}
    return ServiceFault(400, "BadRequest", message, body=json.dumps(body).encode())
