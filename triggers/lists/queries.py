"""The parameters of lists, as a query has them."""

import re
from datetime import UTC, datetime
from typing import Annotated, Final, Literal

from pydantic import (
    AfterValidator,
    AwareDatetime,
    BeforeValidator,
    ConfigDict,
    Field,
    PlainSerializer,
    ValidationInfo,
    field_validator,
)
from pydantic_core import PydanticCustomError

from domain.fields import Guid, Location
from domain.model import Model
from domain.names import normalise_hsm_name
from domain.operations import OperationStatus
from domain.paging import LONGEST_TOKEN, Order, Position, read_token

LARGEST_PAGE: Final = 200
_MOMENT: Final = re.compile(r"\d{4}-\d\d-\d\d[Tt]\d\d:\d\d:\d\d(\.\d+)?([Zz]|[+-]\d\d:\d\d)")


def _hsm_name(text: str) -> str:
    try:
        return normalise_hsm_name(text)
    except ValueError as error:
        code, message = "invalid_parameter", "{reason}"
        raise PydanticCustomError(code, message, {"reason": str(error)}) from None


def _moment(text: object) -> object:
    # Of itself pydantic takes a number for the seconds since 1970, too.
    if not isinstance(text, datetime) and not (isinstance(text, str) and _MOMENT.fullmatch(text)):
        code, message = "invalid_parameter", "This is a time such as 2026-11-01T12:00:00Z (RFC 3339)."
        raise PydanticCustomError(code, message)
    return text


def _truth(text: object) -> object:
    # Of itself pydantic takes "on", "Y" and "1" for true, too, which the API's document does not.
    if text not in ("true", "false"):
        code, message = "invalid_parameter", "This is true or false."
        raise PydanticCustomError(code, message)
    return text


# What lies further off is nobody's, and cannot be moved by a clock's error.
_EARLIEST: Final = datetime(1970, 1, 2, tzinfo=UTC)
_LATEST: Final = datetime(9998, 1, 1, tzinfo=UTC)
Moment = Annotated[AwareDatetime, BeforeValidator(_moment), Field(ge=_EARLIEST, le=_LATEST)]
# In the link to the next page it is written as it is read.
Truth = Annotated[bool, BeforeValidator(_truth), PlainSerializer(lambda truth: "true" if truth else "false")]
Team = Annotated[str, Field(pattern=r"^[a-z0-9-]{1,40}$")]


class ListQuery(Model):
    """What every list takes: an order, the size of a page, and where it begins."""

    model_config = ConfigDict(validate_by_name=False)

    orderby: str
    """By what the list is ordered."""
    maxpagesize: Annotated[int, Field(ge=1, le=LARGEST_PAGE)] = 50
    """How many items a page holds at most."""
    continuation_token: Annotated[str, Field(max_length=LONGEST_TOKEN)] | None = None
    """Where the page begins: only `nextLink` says it. Absent: with the first."""

    @field_validator("continuation_token")
    @classmethod
    def _of_this_order(cls, token: str | None, info: ValidationInfo) -> str | None:
        if token is not None and "orderby" in info.data:
            try:
                read_token(token, Order.parse(info.data["orderby"]))
            except ValueError as error:
                code, message = "invalid_parameter", "{reason}"
                raise PydanticCustomError(code, message, {"reason": str(error)}) from None
        return token

    @property
    def order(self) -> Order:
        """By what the list is ordered."""
        return Order.parse(self.orderby)

    @property
    def after(self) -> Position | None:
        """The position after which the page begins."""
        return read_token(self.continuation_token, self.order) if self.continuation_token else None


class HsmListQuery(ListQuery):
    """Which HSMs, and in which order."""

    orderby: Literal["name", "name desc", "createdAt", "createdAt desc", "monthlyCostUsd", "monthlyCostUsd desc"] = (
        "name"
    )
    """By what the list is ordered; `desc` turns the order."""
    state: Annotated[str, Field(pattern=r"^[A-Za-z]{1,40}$")] | None = None
    """Only HSMs in this state, as the list shows it. Absent: in any."""
    team: Team | None = None
    """Only HSMs of this team. Absent: of all teams of the caller."""
    environment: Annotated[str, Field(pattern=r"^[a-z][a-z0-9-]{0,39}$")] | None = None
    """Only HSMs of this environment. Absent: of all."""
    location: Location | None = None
    """Only HSMs in this Azure region. Absent: in all."""


class OperationListQuery(ListQuery):
    """Which operations, the newest first unless asked otherwise."""

    orderby: Literal["createdAt", "createdAt desc"] = "createdAt desc"
    """By what the list is ordered; `desc` turns the order."""
    hsm: Annotated[str, AfterValidator(_hsm_name)] | None = None
    """Only operations on the HSM of this name. Absent: on all."""
    status: OperationStatus | None = None
    """Only operations of this status. Absent: of any."""
    awaiting_approval: Truth | None = None
    """`true`: only operations that wait for somebody's approval. `false`: only all others. Absent: both."""
    team: Team | None = None
    """Only operations of this team. Absent: of all teams of the caller."""
    requester: Guid | None = None
    """Only operations whose request was sent by this Entra object id. Absent: by anybody."""
    created_after: Moment | None = None
    """Only operations that were accepted at this time or later (RFC 3339). Absent: from the first on."""
    created_before: Moment | None = None
    """Only operations that were accepted before this time (RFC 3339). Absent: up to now."""
