"""How far a security domain is from being lost."""

from datetime import UTC, datetime, timedelta
from typing import Any, Final, get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.caller import Principal
from domain.verifications import (
    CertificateState,
    KeyState,
    LastCheck,
    QuorumHealth,
    ShareState,
    Verification,
    find_notices,
    judge_offline,
    judge_quorum,
)

U: Final = "Usable"
P: Final = "Offline"
X: Final = "Unknown"
D: Final = "Disabled"
M: Final = "Missing"
STATES: list[CertificateState] = list(get_args(CertificateState))
KEYS: list[KeyState] = list(get_args(KeyState))
NOW: Final = datetime(2026, 11, 1, 12, tzinfo=UTC)
SHA256: Final = "a" * 64


def share(certificate: CertificateState = "Usable", **members: Any) -> ShareState:
    return ShareState(thumbprint="t", custodian="Ada", certificate=certificate, **members)


def shares(certificates: list[CertificateState]) -> list[ShareState]:
    return [share(certificate) for certificate in certificates]


@pytest.mark.parametrize(
    ("quorum", "certificates", "health"),
    [
        (2, [U, U, U], "Healthy"),
        (2, [P, P, P], "Unknown"),
        (2, [U, P, U], "Unknown"),
        (2, [P, P, P, M], "Warning"),
        (2, [U, U, D], "Critical"),
        (2, [U, U, U, M], "Warning"),
        (2, [U, U, X, M], "Warning"),
        (2, [U, U, D, M], "Critical"),
        (2, [U, M, D, M], "Critical"),
        (2, [U, U, X], "Unknown"),
        (2, [X, X, X], "Unknown"),
        (2, [X, X, M], "Critical"),
        (3, [U, U, U], "Critical"),
        (2, [], "Critical"),
    ],
)
def test_health_follows_from_what_is_lost(
    quorum: int, certificates: list[CertificateState], health: QuorumHealth
) -> None:
    assert judge_quorum(quorum, shares(certificates), intact=True) == health
    assert judge_quorum(quorum, shares(certificates), intact=False) == "Critical"


@given(
    st.integers(2, 10),
    st.lists(st.tuples(st.sampled_from(STATES), st.none() | st.sampled_from(KEYS), st.none() | st.booleans())),
    st.data(),
)
def test_one_more_loss_never_makes_it_better(
    quorum: int, drawn: list[tuple[CertificateState, KeyState | None, bool | None]], data: st.DataObject
) -> None:
    ranks = ["Healthy", "Unknown", "Warning", "Critical"]
    found = [share(certificate, key=key, purge_protection=protected) for certificate, key, protected in drawn]
    before = judge_quorum(quorum, found, intact=True)
    if found:
        index = data.draw(st.integers(0, len(found) - 1))
        member = data.draw(st.sampled_from(["certificate", "key"]))
        found[index] = found[index].model_copy(update={member: data.draw(st.sampled_from([D, M]))})
        assert ranks.index(judge_quorum(quorum, found, intact=True)) >= ranks.index(before)


@pytest.mark.parametrize(
    ("members", "health"),
    [
        ({"key": "Disabled"}, "Warning"),
        ({"key": "Missing"}, "Warning"),
        ({"key": "Unknown"}, "Unknown"),
        ({"key": "Usable", "purge_protection": True}, "Healthy"),
        ({"key": "Usable", "purge_protection": False}, "Warning"),
        ({"certificate_expired": True}, "Healthy"),
    ],
)
def test_the_key_and_its_vault_count_and_an_expiry_does_not(members: dict[str, Any], health: QuorumHealth) -> None:
    assert judge_quorum(2, [*shares([U, U, U]), share(**members)], intact=True) == health


@pytest.mark.parametrize(
    ("days", "sha256", "state"), [(0, SHA256, U), (180, SHA256, U), (181, SHA256, P), (0, "b" * 64, P)]
)
def test_a_check_counts_for_these_bytes_and_for_a_while(days: int, sha256: str, state: CertificateState) -> None:
    by = Principal(tenant_id="t", object_id="o", kind="person")
    check = LastCheck(id="i", at=NOW - timedelta(days=days), by=by, security_domain_sha256=sha256)
    assert judge_offline(check, SHA256, NOW, 180) == state
    assert judge_offline(None, SHA256, NOW, 180) == P


def test_what_people_should_look_at_is_said_in_words() -> None:
    found = [share(purge_protection=False), share(P), share(certificate_expired=True), share(purge_protection=True)]
    told = {notice.code: notice.message for notice in find_notices(found)}
    assert set(told) == {"vault_without_purge_protection", "share_not_checked", "certificate_expired"}
    assert "Ada" in told["vault_without_purge_protection"]
    assert find_notices([share(purge_protection=True), share()]) == []


def test_what_an_earlier_version_stored_is_read() -> None:
    old = {
        "hsm": "contoso-hsm",
        "sha256": SHA256,
        "verifiedAt": "2026-10-01T00:00:00Z",
        "faults": [],
        "quorumHealth": "Healthy",
        "shares": [{"thumbprint": "t", "custodian": "Ada", "certificate": "Usable"}],
    }
    verification = Verification.model_validate(old)
    assert judge_quorum(0, verification.shares, intact=True) == "Healthy"
    assert (verification.notices, verification.shares[0].key) == ([], None)
