"""What goes wrong, in words of ours: a stable code, whether a retry helps, and what a person can do."""

import traceback
from collections.abc import Sequence

from pydantic import Field

from domain.error_catalogue import CATALOGUE
from domain.model import Model

_LONGEST_MESSAGE = 2000


class FieldError(Model):
    """One field of a request that cannot be accepted."""

    field: str
    """Where it is: a path in the body such as `securityDomain.quorum`, or the name of a parameter or header."""
    message: str
    """What is wrong with it, in words for people."""
    code: str
    """What is wrong with it: one of the stable error codes."""


class ErrorDetail(Model):
    """An error as the history, the status API and the log show it; never holds text of Azure's or anything secret."""

    code: str
    """What went wrong: one of the stable error codes."""
    message: str
    """What went wrong, in words for people."""
    retryable: bool = False
    """Whether the same request may help later."""
    retry_after: float | None = None
    """How many seconds to wait before that. Absent where nobody said."""
    advice: str = ""
    """What a person can do about it."""
    azure_request_id: str | None = None
    """The id of Azure's answer, which Azure's support asks for. Absent where Azure was not asked."""
    errors: list[FieldError] = Field(default_factory=list)
    """The fields that cannot be accepted; empty where it is about none."""


class ServiceError(Exception):
    """Carries an `ErrorDetail` to the boundary that answers with it."""

    def __init__(self, detail: ErrorDetail) -> None:
        super().__init__(f"{detail.code}: {detail.message}")
        self.detail = detail


class RefusedByAzure(ServiceError):  # noqa: N818 - it says what happened
    """Azure answered that it did not do what it was asked: the call had no effect."""


def service_error(
    code: str,
    message: str,
    *,
    advice: str,
    retryable: bool = False,
    retry_after: float | None = None,
    azure_request_id: str | None = None,
) -> ServiceError:
    """Make the exception for one error."""
    return ServiceError(
        ErrorDetail(
            code=code,
            message=message,
            advice=advice,
            retryable=retryable,
            retry_after=retry_after,
            azure_request_id=azure_request_id,
        )
    )


def refused_fields(errors: Sequence[FieldError]) -> ServiceError:
    """Make the exception for fields that cannot be accepted; its code and its advice are those of the first."""
    first, *others = errors
    more = f" Also: {', '.join(dict.fromkeys(error.field for error in others))}." if others else ""
    return ServiceError(
        ErrorDetail(
            code=first.code,
            message=f"{first.field}: {first.message}{more}"[:_LONGEST_MESSAGE],
            advice=CATALOGUE[first.code].advice,
            errors=list(errors),
        )
    )


def describe_unexpected(error: Exception) -> str:
    """Say what an exception is and where it was raised, without its text: that may hold what nobody should read."""
    frame = traceback.extract_tb(error.__traceback__)[-1]
    return f"{type(error).__name__} at {frame.filename.rsplit('/', 1)[-1]}:{frame.lineno} ({frame.name})"
