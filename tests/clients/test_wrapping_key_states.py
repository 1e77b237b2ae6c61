"""How long what a vault said of a key is believed."""

import pytest

from clients import wrapping_key_states
from clients.wrapping_key_states import forget_states, shared_states


def test_it_is_shared_for_a_while_and_until_a_run_begins(monkeypatch: pytest.MonkeyPatch) -> None:
    first = shared_states()
    assert shared_states() is first
    forget_states()
    second = shared_states()
    assert second is not first
    forget_states()
    monkeypatch.setattr(wrapping_key_states, "_FRESH_SECONDS", 0.0)
    assert shared_states() is not shared_states()
