"""Alert rules as resources."""

from typing import Final

from starlette.responses import JSONResponse, Response

from local.azure.resource_manager.calls import GROUP, Call, Handler, HandlerRoute, at, perform
from local.azure.resource_manager.monitor.alerts import (
    ActivityLogAlert,
    AlertRule,
    MetricAlert,
    ScheduledQueryRule,
    check_activity_alert,
    check_metric_alert,
    check_query_rule,
)
from local.azure.resource_manager.monitor.bodies import ActivityAlertBody, MetricAlertBody, QueryRuleBody


async def put_metric_alert(call: Call) -> Response:
    """Make a rule on the metrics of HSMs, or change it.

    Leaves out: rules on anything else, dynamic thresholds beyond keeping them, the reading of HSMs and action groups
    that the caller must be allowed, and alerts: no rule ever fires.

    Assumes: the words of the refusals but for a metric and an action group.
    """
    call.find_group()
    body = await call.read(MetricAlertBody)
    check_metric_alert(call.manager, call.subscription.id, body.properties)
    rule = MetricAlert(id=call.scope, location=body.location, tags=body.tags, properties=body.properties.write())
    call.manager.neighbours.put(rule)
    return JSONResponse(rule.describe())


async def put_activity_log_alert(call: Call) -> Response:
    """Make a rule on the activity log of a subscription, a group or a resource, or change it.

    Leaves out: alerts (no rule ever fires), and what the conditions say.

    Assumes: the words of the refusals but for an action group.
    """
    call.find_group()
    body = await call.read(ActivityAlertBody)
    check_activity_alert(call.manager, call.subscription.id, body.properties)
    known = call.manager.neighbours.find(ActivityLogAlert, call.scope)
    rule = ActivityLogAlert(id=call.scope, location=body.location, tags=body.tags, properties=body.properties.write())
    call.manager.neighbours.put(rule)
    return JSONResponse(rule.describe(), status_code=200 if known else 201)


async def put_query_rule(call: Call) -> Response:
    """Make a rule on what a query finds in a Log Analytics workspace, or change it.

    Leaves out: alerts (no rule ever fires), what the query says, versions of the API before 2021-08-01, whose bodies
    are others, and scopes that are no workspaces.

    Assumes: the words of the refusals but for an action group.
    """
    call.find_group()
    body = await call.read(QueryRuleBody)
    check_query_rule(call.manager, call.subscription.id, body.location, body.properties)
    known = call.manager.neighbours.find(ScheduledQueryRule, call.scope)
    rule = ScheduledQueryRule(id=call.scope, location=body.location, tags=body.tags, properties=body.properties.write())
    call.manager.neighbours.put(rule)
    return JSONResponse({**rule.describe(), "kind": body.kind}, status_code=200 if known else 201)


async def get_rule(call: Call) -> Response:
    """Give an alert rule."""
    return JSONResponse(call.manager.neighbours.require(_kind(call), call.scope).describe())


async def list_rules(call: Call) -> Response:
    """List the alert rules of a kind in a resource group."""
    call.find_group()
    inside = f"/providers/{_kind(call).kind}".lower()
    group = call.scope.lower().removesuffix(inside)
    rules = call.manager.neighbours.list(_kind(call), group)
    return call.respond_with_page([rule.describe() for rule in rules])


async def delete_rule(call: Call) -> Response:
    """Delete an alert rule; 204 where there is none."""
    rule = call.manager.neighbours.find(_kind(call), call.scope)
    if rule is None:
        return Response(status_code=204)
    call.manager.neighbours.remove(rule)
    return Response(status_code=200)


_KINDS: Final[tuple[tuple[type[AlertRule], Handler], ...]] = (
    (MetricAlert, put_metric_alert),
    (ActivityLogAlert, put_activity_log_alert),
    (ScheduledQueryRule, put_query_rule),
)


def _kind(call: Call) -> type[AlertRule]:
    """Give the kind of rule that the path names."""
    path = call.scope.lower()
    return next(kind for kind, _ in _KINDS if f"/providers/{kind.kind}".lower() in path)


def _make_routes() -> tuple[HandlerRoute, ...]:
    routes: list[HandlerRoute] = []
    for kind, put in _KINDS:
        place = f"{GROUP}/providers/{kind.kind}"
        rule = place + "/{rule}"
        routes += [
            ("GET", place, at(place, perform(f"{kind.kind}/read", list_rules))),
            ("PUT", rule, at(rule, perform(f"{kind.kind}/write", put))),
            ("GET", rule, at(rule, perform(f"{kind.kind}/read", get_rule))),
            ("DELETE", rule, at(rule, perform(f"{kind.kind}/delete", delete_rule))),
        ]
    return tuple(routes)


ROUTES: Final[tuple[HandlerRoute, ...]] = _make_routes()
