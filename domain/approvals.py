"""The approval of a plan: who decided what on it, and what may not be done without."""

from typing import Annotated, Literal

from pydantic import AfterValidator, AwareDatetime, Field
from pydantic_core import PydanticCustomError

from domain.caller import Principal
from domain.errors import service_error
from domain.model import Model

Verdict = Literal["approved", "rejected", "expired"]


def _plain_text(text: str) -> str:
    if not all(character.isprintable() or character == "\n" for character in text):
        code, message = "invalid_field", "This is plain text: printable characters and line ends."
        raise PydanticCustomError(code, message)
    return text


Comment = Annotated[str, Field(max_length=500), AfterValidator(_plain_text)]


class DecisionRequest(Model):
    """What an approver sends: which plan the decision is about, and why."""

    plan_sha256: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
    """The SHA-256 of the plan in hex, as `approval.planSha256` of the operation says it."""
    comment: Comment | None = None
    """Why, as text for people, which is kept with the decision."""


class Decision(Model):
    """How the approval of a plan ended, written once; `by` is None where it expired.

    `plan_sha256` is the SHA-256, in hex, of the bytes of the plan that it is about.
    """

    decision: Verdict
    plan_sha256: str
    by: Principal | None = None
    at: AwareDatetime
    comment: Comment | None = None


def is_approved(plan_sha256: str, decision: Decision | None) -> bool:
    """Say whether somebody approved exactly this plan."""
    return decision is not None and decision.decision == "approved" and decision.plan_sha256 == plan_sha256


def require_approved(plan_sha256: str, reasons: list[str], decision: Decision | None) -> None:
    """Raise ServiceError `approval_missing` unless a plan needs no approval, or exactly this one was approved.

    A plan about which something was decided needs approval, whatever it says by now.
    """
    if not reasons and decision is None:
        return
    if not is_approved(plan_sha256, decision):
        raise service_error(
            "approval_missing",
            "Nobody approved exactly this plan, so it is not carried out.",
            advice="Send the request again: it gets a plan, and an approval, of its own.",
        )
