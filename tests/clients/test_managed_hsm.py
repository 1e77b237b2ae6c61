"""What the data plane says of a security domain, in words that are known; any other is not guessed at."""

from typing import Any

import pytest
from azure.keyvault.securitydomain.models import SecurityDomainOperationStatus

from clients.managed_hsm import _find_status
from domain.errors import ServiceError


def find(absent: Any = "None", **body: Any) -> str:
    return _find_status("tell", lambda: SecurityDomainOperationStatus(body), absent)


@pytest.mark.parametrize(
    ("said", "status"),
    [
        ("Success", "Success"),
        ("Succeeded", "Success"),
        ("InProgress", "InProgress"),
        ("inprogress", "InProgress"),
        ("In Progress", "InProgress"),
        ("FAILED", "Failed"),
        ("Canceled", "Failed"),
        ("None", "None"),
        ("NotStarted", "None"),
    ],
)
def test_a_known_word_is_a_status_however_it_is_written(said: str, status: str) -> None:
    assert find(status=said) == status


@pytest.mark.parametrize("said", ["Recovering", "", " ", "Success!", "Unknown"])
def test_an_unknown_word_is_unreadable_and_asked_for_again(said: str) -> None:
    with pytest.raises(ServiceError) as raised:
        find(status=said)
    assert (raised.value.detail.code, raised.value.detail.retryable) == ("azure_unreadable", True)


@pytest.mark.parametrize("body", [{}, {"status": None}, {"status_details": "The Security Domain is being restored."}])
def test_an_answer_without_a_status_is_of_what_begins(body: dict[str, Any]) -> None:
    assert (find("None", **body), find("InProgress", **body)) == ("None", "InProgress")
