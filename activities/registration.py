"""Makes Functions activities of plain functions from `Work`, or another model, to `Outcome`."""

import importlib
import logging
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, get_type_hints

import azure.durable_functions as df

if TYPE_CHECKING:
    from pydantic import BaseModel

    from domain.outcomes import Outcome

blueprint = df.Blueprint()
_log = logging.getLogger("hsm_provisioner.activities")


class UnexpectedFailure(Exception):  # noqa: N818 - the name is what operators read in the history
    """Something that no activity expects; says where, and nothing of what was at hand."""


def register(name: str) -> None:
    """Register the function `name` of `activities/name.py` as the activity of that name."""

    def invoke(work: dict[str, Any]) -> dict[str, Any]:
        return run_activity(name, work)

    invoke.__name__ = name
    # The worker library refuses to index a parameter whose annotation is not a plain class.
    invoke.__annotations__ = {"work": dict, "return": dict}
    blueprint.activity_trigger(input_name="work")(invoke)


def register_with_client(name: str) -> None:
    """Register the function `name` of `activities/name.py`, which also takes the engine's client."""

    def invoke(work: dict[str, Any], client: df.SyncDurableFunctionsClient) -> dict[str, Any]:
        return run_activity(name, work, client)

    invoke.__name__ = name
    invoke.__annotations__ = {"work": dict, "client": df.SyncDurableFunctionsClient, "return": dict}
    bound = blueprint.durable_client_input(client_name="client")(invoke)
    blueprint.activity_trigger(input_name="work")(bound)


def run_activity(name: str, work: dict[str, Any], *others: Any) -> dict[str, Any]:
    """Run an activity and give its outcome as JSON; `others` are given to it besides its input.

    A `ServiceError` becomes a failed outcome. Anything else becomes `UnexpectedFailure` with the place and the type of
    the exception only: its text, and the chain of causes, could hold a byte of a security domain, and both would enter
    the history.
    """
    from clients.tracing import recording_activity

    with recording_activity(name, work.get("operationId")) as recorded:
        outcome = _come_to(name, work, recorded.operation_id, *others)
        recorded.come_to(outcome)
    return outcome.model_dump(mode="json", by_alias=True, exclude_none=True)


def _come_to(name: str, work: dict[str, Any], operation_id: str | None, *others: Any) -> "Outcome":
    from activities.auditing import AUDITED, run_audited
    from activities.building import note_built
    from activities.firewall import explained
    from domain.errors import ServiceError, describe_unexpected
    from domain.handover.steps import BUILDING
    from domain.outcomes import failed

    try:
        run = getattr(importlib.import_module(f"activities.{name}"), name)
        asked: Any = _input_of(run).model_validate(work)
        with explained(name, asked):
            outcome: Outcome = run_audited(name, asked, run) if name in AUDITED else run(asked, *others)
        if name in BUILDING:
            note_built(name, asked, outcome)
    except ServiceError as error:
        _log.warning("%s: %s operation_id=%s", name, error, operation_id or "-")
        outcome = failed(error.detail)
    except Exception as error:  # noqa: BLE001 - it is raised again, without its text
        failure = UnexpectedFailure(f"{name}: {describe_unexpected(error)}")
        # The exception's own text stays out of the log, too.
        _log.error("%s operation_id=%s", failure, operation_id or "-")
        raise failure from None
    return outcome


def _input_of(run: Callable[..., Any]) -> "type[BaseModel]":
    """Give the model of an activity's first parameter."""
    model: type[BaseModel] = next(iter(get_type_hints(run).values()))
    return model
