"""The audit log, as auditors read it."""

from typing import Annotated
from urllib.parse import urlencode

from pydantic import Field

from clients.audit_search import Query, list_records
from domain.audit import Kind, ListedRecord
from domain.model import Model
from triggers.door.calls import Answer, Call
from triggers.lists.queries import Moment


class AuditQuery(Model):
    """Which records: `from` inclusive, `to` exclusive; `after` is where a page begins."""

    operation: Annotated[str, Field(max_length=60)] | None = None
    hsm: Annotated[str, Field(max_length=24)] | None = None
    kind: Kind | None = None
    begin: Annotated[Moment | None, Field(alias="from")] = None
    end: Annotated[Moment | None, Field(alias="to")] = None
    maxpagesize: Annotated[int, Field(ge=1, le=200)] = 100
    after: Annotated[str, Field(max_length=200)] | None = None


class AuditPage(Model):
    """Records, the oldest of each chain first; `broken` are blobs that are not what was written."""

    value: list[ListedRecord]
    broken: list[str]
    next_link: str | None = None


def list_audit(call: Call) -> Answer:
    """List records of the audit log; a page may be empty and still have a next one."""
    asked: AuditQuery = call.query
    wanted = Query(asked.operation, asked.hsm, asked.kind, asked.begin, asked.end)
    page = list_records(wanted, limit=asked.maxpagesize, after=asked.after)
    following = None
    if page.after is not None:
        known = asked.model_dump(mode="json", by_alias=True, exclude_none=True)
        following = call.url(f"audit?{urlencode({**known, 'after': page.after})}")
    return Answer(200, AuditPage(value=page.records, broken=page.broken, next_link=following))
