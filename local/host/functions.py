"""The app's functions, what goes into an invocation and what comes out: the words that all rooms of the host share."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple, Protocol


@dataclass(frozen=True)
class Function:
    """One function of the app, as the worker library indexed it."""

    id: str
    name: str
    bindings: tuple[Mapping[str, Any], ...]

    @property
    def trigger(self) -> Mapping[str, Any]:
        """The binding that starts it; each function has one."""
        return next(binding for binding in self.bindings if binding["type"].endswith("Trigger"))


class Input(NamedTuple):
    """The value of one binding.

    `json` and `string` values are texts; an `http` one is a dictionary of method, url, headers, params, query and body
    (base64).
    """

    name: str
    kind: Literal["http", "json", "string"]
    value: Any


class Output(NamedTuple):
    """What a function returned: a text or bytes by its kind, or for `http` a dictionary of status, headers and body."""

    kind: str
    value: Any


class InvocationError(RuntimeError):
    """An invocation came to nothing; `error_type` says of what kind the failure is."""

    error_type: str
    stack = ""


class InvocationFailed(InvocationError):  # noqa: N818 - it says what happened
    """The function raised.

    Its texts are such that UTF-8 can hold them: a file's name in an exception may have half a surrogate pair.
    """

    def __init__(self, error_type: str, message: str, stack: str = "") -> None:
        super().__init__(_printable(message))
        self.error_type = _printable(error_type)
        self.stack = _printable(stack)


def _printable(text: str) -> str:
    return text.encode("utf-8", "backslashreplace").decode()


class WorkerDied(InvocationError):  # noqa: N818 - it says what happened
    """The invocation went down with its worker, or with several of them."""

    error_type = "WorkerProcessDied"


class FunctionTimedOut(InvocationError):  # noqa: N818 - it says what happened
    """The invocation took longer than host.json's functionTimeout; its worker was killed for it."""

    error_type = "FunctionTimeout"


class Invoker(Protocol):
    """Has functions run."""

    async def invoke(self, function: Function, inputs: Sequence[Input], *, again: bool) -> Output | None:
        """Run a function in the worker and give its output.

        `again` says that the next worker gets what a dead one had, as for durable work; an HTTP request dies with its
        worker. Durable client bindings are filled in by the worker's supervisor. Raises InvocationFailed, WorkerDied,
        FunctionTimedOut.
        """
        ...
