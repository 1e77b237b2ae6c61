"""How what a run found is counted."""

from typing import get_args

from domain.verification_runs import LONGEST_LIST, Finding, Tally, VerificationCounts


def test_each_finding_is_counted_and_what_needs_nothing_is_not() -> None:
    tally = Tally()
    findings: tuple[Finding, ...] = get_args(Finding)
    for finding in findings:
        tally.add(finding.lower(), finding)
    assert tally.counts == VerificationCounts(
        verified=4, failed=1, critical=1, warning=1, unknown=1, without_security_domain=1
    )
    assert (tally.critical, tally.failed) == (["critical"], ["failed"])
    assert tally.without_security_domain == ["withoutsecuritydomain"]


def test_only_the_first_names_are_kept() -> None:
    tally = Tally()
    for number in range(LONGEST_LIST + 50):
        tally.add(f"hsm-{number}", "Failed")
    assert (tally.counts.failed, len(tally.failed), tally.failed[-1]) == (150, LONGEST_LIST, f"hsm-{LONGEST_LIST - 1}")
