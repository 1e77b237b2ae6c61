"""What counts as the approval of a plan, and what an approver may write."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from domain.approvals import Decision, DecisionRequest, Verdict, require_approved
from domain.errors import ServiceError

THIS, OTHER = "0" * 64, "1" * 64
REASONS = ["It costs much."]


def decision(verdict: Verdict, sha256: str = THIS) -> Decision:
    return Decision(decision=verdict, plan_sha256=sha256, at=datetime(2026, 1, 1, tzinfo=UTC))


@pytest.mark.parametrize(
    ("reasons", "decided"),
    [([], None), (REASONS, decision("approved")), ([], decision("approved"))],
    ids=["not needed", "approved", "approved, and not needed any more"],
)
def test_what_may_be_carried_out(reasons: list[str], decided: Decision | None) -> None:
    require_approved(THIS, reasons, decided)


@pytest.mark.parametrize("reasons", [REASONS, []], ids=["needed", "not needed any more"])
@pytest.mark.parametrize(
    "decided",
    [decision("rejected"), decision("expired"), decision("approved", OTHER)],
    ids=["rejected", "expired", "another plan"],
)
def test_what_may_not(reasons: list[str], decided: Decision) -> None:
    with pytest.raises(ServiceError) as refused:
        require_approved(THIS, reasons, decided)
    assert refused.value.detail.code == "approval_missing"


def test_what_nobody_decided_on() -> None:
    with pytest.raises(ServiceError, match="approval_missing"):
        require_approved(THIS, REASONS, None)


@given(st.text(st.characters(categories=["L", "N", "P", "S"], include_characters=" \n"), max_size=500))
def test_a_comment_is_any_plain_text(text: str) -> None:
    assert DecisionRequest(plan_sha256=THIS, comment=text).comment == text


@given(
    st.text(max_size=20),
    st.characters(categories=["Cc", "Cf", "Co", "Zl", "Zp"], exclude_characters="\n"),
    st.text(max_size=20),
)
def test_a_comment_hides_nothing(before: str, hidden: str, after: str) -> None:
    with pytest.raises(ValidationError):
        DecisionRequest(plan_sha256=THIS, comment=before + hidden + after)


@given(st.text(max_size=70).filter(lambda text: len(text) != 64))
def test_a_hash_is_a_hash(text: str) -> None:
    with pytest.raises(ValidationError):
        DecisionRequest(plan_sha256=text)
