"""Makes Functions activities of plain functions from `Work` to `Outcome`."""

import logging
import traceback
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import azure.durable_functions as df

if TYPE_CHECKING:
    from domain.outcomes import Outcome, Work

blueprint = df.Blueprint()
_log = logging.getLogger("hsm_provisioner.activities")


class UnexpectedFailure(Exception):  # noqa: N818 - the name is what operators read in the history
    """Something that no activity expects; says where, and nothing of what was at hand."""


def activity(run: "Callable[[Work], Outcome]") -> "Callable[[Work], Outcome]":
    """Register an activity under the name of its function.

    A `ServiceError` becomes a failed outcome. Anything else becomes `UnexpectedFailure` with the place and the type of
    the exception only: its text, and the chain of causes, could hold a byte of a security domain, and both would enter
    the history.
    """
    name = run.__name__

    def invoke(work: dict[str, Any]) -> dict[str, Any]:
        from domain.errors import ServiceError
        from domain.outcomes import Work, failed

        try:
            outcome = run(Work.model_validate(work))
        except ServiceError as error:
            _log.warning("%s: %s", name, error)
            outcome = failed(error.detail)
        except Exception as error:  # noqa: BLE001 - it is raised again, without its text
            place = traceback.extract_tb(error.__traceback__)[-1]
            raise UnexpectedFailure(f"{name}: {type(error).__name__} at {place.name}:{place.lineno}") from None
        return outcome.model_dump(mode="json", by_alias=True, exclude_none=True)

    invoke.__name__ = name
    blueprint.activity_trigger(input_name="work")(invoke)
    return run
