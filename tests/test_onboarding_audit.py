"""What is decided of a subscription is in the audit log before it is concluded, or begun."""

from typing import Final

import pytest

from activities.record_onboarding import record_onboarding
from clients.acceptances import record_acceptance
from clients.audit_log import AUDIT
from clients.blobs import find_blob, list_blobs
from clients.onboardings import ask_to_look, find_onboarding
from domain.audit import OPERATIONS, REFUSALS, chain_path, unseal
from domain.errors import ServiceError
from domain.onboarding import ConcludedOnboarding, Conclusion
from local.azure.control.models import NewFault
from local.azure.core.faults import Answer
from local.stack import Stack
from tests.custodians import Custodian, request_for
from tests.in_process import signed_in_as_the_app
from tests.planting import make_claim

SUBSCRIPTION: Final = "00000000-0000-4000-8000-00000000a0d1"


def refuse_audit(stack: Stack) -> None:
    fault = NewFault(service="blob_storage", method="PUT", path="/audit/", effect=Answer(status=403))
    stack.control.inject_fault(fault)


def decisions() -> list[str]:
    """Read what was decided against the subscription."""
    blobs = [find_blob(AUDIT, path) for path in list_blobs(AUDIT, REFUSALS)]
    records = [unseal(blob.content) for blob in blobs if blob is not None]
    return [record.outcome or "" for record in records if record.detail.get("subscriptionId") == SUBSCRIPTION]


def test_a_decision_that_could_not_be_recorded_is_not_concluded(stack: Stack) -> None:
    with signed_in_as_the_app(stack):
        ask_to_look(SUBSCRIPTION)
        asked = find_onboarding(SUBSCRIPTION)
        assert asked is not None
        conclusion = Conclusion(decision="not_opted_in", why="It has no tag.")
        concluded = ConcludedOnboarding(subscription_id=SUBSCRIPTION, seen=asked.etag, conclusion=conclusion)
        refuse_audit(stack)
        with pytest.raises(ServiceError) as refused:
            record_onboarding(concluded)
        assert refused.value.detail.code == "audit_unavailable"
        assert find_onboarding(SUBSCRIPTION) == asked
        # Tried again it is recorded, once.
        assert [record_onboarding(concluded).result for _ in range(2)] == [{"again": False}] * 2
        held = find_onboarding(SUBSCRIPTION)
        assert held is not None
        assert held.onboarding.conclusion == conclusion
        assert decisions() == ["not_opted_in"]
        ask_to_look(SUBSCRIPTION)
        later = concluded.model_copy(update={"conclusion": Conclusion(decision="not_enabled")})
        assert record_onboarding(later).result == {"again": True}
        assert decisions() == ["not_opted_in"]


def test_whoever_starts_what_an_event_began_records_that_first(
    stack: Stack, hsm_name: str, custodians: list[Custodian]
) -> None:
    claim = make_claim(stack, hsm_name, request_for(stack, custodians), origin="event")
    with signed_in_as_the_app(stack):
        for _ in range(2):
            record_acceptance(claim)
        blobs = [find_blob(AUDIT, chain_path(claim.operation_id, number)) for number in (1, 2, 3)]
        assert [unseal(blob.content).kind for blob in blobs if blob] == ["onboarding", "accepted", "accepted"]
        assert len(list_blobs(AUDIT, f"{OPERATIONS}{claim.operation_id}/")) == 3
