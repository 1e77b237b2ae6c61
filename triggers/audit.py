"""The audit log, as auditors read it."""

from typing import Annotated, Final
from urllib.parse import urlencode

from pydantic import AfterValidator, ConfigDict, Field
from pydantic_core import PydanticCustomError

from clients.audit_search import Query, list_records
from domain.audit import Kind, ListedRecord
from domain.model import Model
from domain.paging import LONGEST_TOKEN, Order, Position, read_token, write_token
from triggers.door.calls import Answer, Call
from triggers.lists.queries import LARGEST_PAGE, Moment

_ORDER: Final = Order("path")


def _of_the_log(token: str) -> str:
    try:
        read_token(token, _ORDER)
    except ValueError as error:
        code, message = "invalid_parameter", "{reason}"
        raise PydanticCustomError(code, message, {"reason": str(error)}) from None
    return token


class AuditQuery(Model):
    """Which records."""

    model_config = ConfigDict(validate_by_name=False)

    operation: Annotated[str, Field(max_length=60)] | None = None
    """Only records of the operation with this id. Absent: of all, and refusals."""
    hsm: Annotated[str, Field(max_length=24)] | None = None
    """Only records about the HSM of this name. Absent: about all."""
    kind: Kind | None = None
    """Only records of this kind. Absent: of all."""
    created_after: Moment | None = None
    """Only records of this time or later (RFC 3339). Absent: from the first on."""
    created_before: Moment | None = None
    """Only records from before this time (RFC 3339). Absent: up to now."""
    maxpagesize: Annotated[int, Field(ge=1, le=LARGEST_PAGE)] = 100
    """How many records a page holds at most. It may hold fewer, even none, and not be the last."""
    continuation_token: Annotated[str, Field(max_length=LONGEST_TOKEN), AfterValidator(_of_the_log)] | None = None
    """Where the page begins: only `nextLink` says it. Absent: with the first."""

    @property
    def after(self) -> str | None:
        """The path of the record after which the page begins."""
        return read_token(self.continuation_token, _ORDER).name if self.continuation_token else None


class AuditPage(Model):
    """A page of records."""

    value: list[ListedRecord]
    """The records of this page: operation by operation, the oldest of each first; then the refusals by time."""
    broken: list[str]
    """The paths of blobs that should be records and are not what was written, whatever was asked for."""
    next_link: str | None = None
    """The address of the next page. Absent on the last."""


def list_audit(call: Call) -> Answer:
    """List records of the audit log; a page may be empty and still have a next one."""
    asked: AuditQuery = call.query
    wanted = Query(asked.operation, asked.hsm, asked.kind, asked.created_after, asked.created_before)
    page = list_records(wanted, limit=asked.maxpagesize, after=asked.after)
    following = None
    if page.after is not None:
        parameters = asked.model_dump(mode="json", by_alias=True, exclude_none=True)
        parameters["continuationToken"] = write_token(_ORDER, Position(0, page.after))
        following = call.url(f"audit?{urlencode(parameters)}")
    return Answer(200, AuditPage(value=page.records, broken=page.broken, next_link=following))
