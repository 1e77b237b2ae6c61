"""Which decisions of a subscription are news to an auditor."""

import pytest

from domain.errors import service_error
from domain.onboarding import Conclusion, Decision, is_news

REFUSED = Conclusion(decision="failed", why="a", error=service_error("not_started", "a", advice="b").detail)
REFUSED_AGAIN = Conclusion(decision="failed", why="b", error=service_error("not_started", "b", advice="b").detail)


def concluded(decision: Decision, why: str = "") -> Conclusion:
    return Conclusion(decision=decision, why=why)


@pytest.mark.parametrize(
    ("conclusion", "before", "news"),
    [
        (concluded("not_ours"), None, True),
        (concluded("not_ours"), concluded("not_ours"), False),
        (concluded("not_opted_in", "no tag"), concluded("not_ours"), True),
        (concluded("not_opted_in", "no tag"), concluded("not_opted_in", "no group"), True),
        (REFUSED, concluded("not_ours"), True),
        (REFUSED_AGAIN, REFUSED, False),
        (concluded("begun_before"), None, True),
        (concluded("begun_before"), concluded("started"), False),
        (concluded("begun_before"), concluded("begun_before"), False),
    ],
)
def test_what_was_decided_before_is_no_news(conclusion: Conclusion, before: Conclusion | None, news: bool) -> None:
    assert is_news(conclusion, before) is news
