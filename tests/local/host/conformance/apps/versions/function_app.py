"""Orchestrations that tell their version."""

from collections.abc import Generator
from typing import Any

import azure.durable_functions as df
from durabletask.task import OrchestrationContext

app = df.DFApp()


@app.orchestration_trigger(context_name="context")
def tell_version(ctx: OrchestrationContext, _: Any) -> str | None:
    return ctx.version


@app.orchestration_trigger(context_name="context")
def tell_versions(ctx: OrchestrationContext, _: Any) -> Generator[Any, Any, list[str | None]]:
    """Tell the own version, and that of a child."""
    return [ctx.version, (yield ctx.call_sub_orchestrator("tell_version"))]
