"""Custodians prove that they can open their shares: the whole way, each refusal, and what it does to quorum health."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any, Final, NamedTuple

import pytest
import requests
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric.padding import MGF1, OAEP
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey

from domain.share_check_records import AskedCheck
from domain.share_checks import prove
from local.azure.control.models import NewFault
from local.azure.core.faults import Answer
from local.policy import TEAM_A
from local.portal import Portal
from local.stack import Stack, register_application
from tests import stored
from tests.custodians import Custodian, make_custodian, request_for
from tests.people import Person
from tests.security_domain_opener import decode
from tests.test_provision import provision
from tests.test_security_domain import states, verify

OAEP_256: Final = OAEP(MGF1(hashes.SHA256()), hashes.SHA256(), None)
WRONG: Final = "A" * 43


class Made(NamedTuple):
    """An HSM whose custodians' keys lie in no vault."""

    name: str
    sha256: str


@pytest.fixture(scope="module")
def hsm(stack: Stack, custodians: list[Custodian]) -> Iterator[Made]:
    name = "hsm-share-checks"
    operation = provision(Portal(stack), name, request_for(stack, custodians))
    yield Made(name, operation["result"]["securityDomain"]["sha256"])
    stack.control.forget_hsms()


def ask(portal: Portal, hsm: str, thumbprint: str) -> requests.Response:
    return portal.send("POST", f"hsms/{hsm}/security-domain/share-checks", json={"thumbprint": thumbprint})


def asked(portal: Portal, hsm: str, custodian: Custodian) -> dict[str, Any]:
    response = ask(portal, hsm, custodian.thumbprint)
    assert response.status_code == 201, response.text
    challenge: dict[str, Any] = response.json()
    return challenge


def answer_to(challenge: dict[str, Any], custodian: Custodian, **changes: Any) -> dict[str, Any]:
    """Do what a custodian does: decrypt the nonce, and prove it."""
    assert isinstance(custodian.key, RSAPrivateKey)
    nonce = custodian.key.decrypt(decode(challenge["encryptedNonce"]), OAEP_256)
    sha256, thumbprint = challenge["securityDomainSha256"], challenge["thumbprint"]
    proof = prove(nonce, challenge["id"], sha256, thumbprint)
    answer = {"challengeId": challenge["id"], "securityDomainSha256": sha256, "thumbprint": thumbprint, "proof": proof}
    return {**answer, **changes}


def send(portal: Portal, hsm: str, answer: dict[str, Any], check: str | None = None) -> requests.Response:
    path = f"hsms/{hsm}/security-domain/share-checks/{check or answer['challengeId']}/answer"
    return portal.send("POST", path, json=answer)


def check_refused(response: requests.Response, status: int, code: str) -> None:
    assert (response.status_code, response.json()["code"]) == (status, code), response.text


def listed(portal: Portal, hsm: str) -> list[dict[str, Any]]:
    response = portal.send("GET", f"hsms/{hsm}/security-domain/share-checks")
    assert response.status_code == 200, response.text
    custodians: list[dict[str, Any]] = response.json()["custodians"]
    return custodians


def kept_paths(stack: Stack, hsm: str) -> list[str]:
    return [path for path in stored.paths(stack, hsm) if "/share-checks/" in path]


def test_three_custodians_prove_their_shares_one_after_the_other(
    stack: Stack, portal: Portal, hsm_name: str, custodians: list[Custodian]
) -> None:
    operation = provision(portal, hsm_name, request_for(stack, custodians))
    sha256 = operation["result"]["securityDomain"]["sha256"]
    assert [(one["counts"], "lastCheck" in one) for one in listed(portal, hsm_name)] == [(False, False)] * 3
    assert verify(portal, hsm_name)["quorumHealth"] == "Unknown"
    for number, custodian in enumerate(custodians, 1):
        challenge = asked(portal, hsm_name, custodian)
        assert (challenge["hsm"], challenge["securityDomainSha256"]) == (hsm_name, sha256)
        response = send(portal, hsm_name, answer_to(challenge, custodian))
        assert response.status_code == 200, response.text
        recorded = response.json()
        assert (recorded["hsm"], recorded["thumbprint"]) == (hsm_name, custodian.thumbprint)
        assert recorded["check"]["by"]["objectId"] == stack.portal.object_id
        verification = verify(portal, hsm_name)
        assert states(verification) == ["Usable"] * number + ["Offline"] * (3 - number)
        assert verification["shares"][number - 1]["lastCheck"] == recorded["check"]
        assert listed(portal, hsm_name)[number - 1] == {
            "custodian": custodian.name,
            "thumbprint": custodian.thumbprint,
            "counts": True,
            "lastCheck": recorded["check"],
        }
    assert verification["quorumHealth"] == "Healthy"
    assert portal.send("GET", f"hsms/{hsm_name}").json()["quorumHealth"] == "Healthy"


def test_the_nonce_is_kept_nowhere_and_both_are_audited(
    stack: Stack, portal: Portal, hsm: Made, custodians: list[Custodian]
) -> None:
    challenge = asked(portal, hsm.name, custodians[0])
    answer = answer_to(challenge, custodians[0])
    assert send(portal, hsm.name, answer).status_code == 200
    container = stored.service(stack).get_container_client("security-domains")
    kept = [path for path in kept_paths(stack, hsm.name) if challenge["id"] in path]
    assert sorted(path.split("/")[2] for path in kept) == ["answered", "asked", "tries"]
    for path in kept:
        content = container.download_blob(path).readall().decode()
        assert challenge["encryptedNonce"] not in content
        assert answer["proof"] not in content
    auditor = Person(stack, 901, ["Hsm.Audit"])
    parameters = {"hsm": hsm.name, "kind": "share_check", "maxpagesize": "200"}
    records = auditor.send("GET", "audit", params=parameters).json()["value"]
    told = [item for item in records if item["detail"]["check"] == challenge["id"]]
    assert [item["outcome"] for item in told] == ["asked", "asked_answered", "answered"]
    assert {item["actor"]["objectId"] for item in told} == {stack.portal.object_id}
    assert {item["detail"]["sha256"] for item in told} == {hsm.sha256}
    assert {item["detail"]["thumbprint"] for item in told} == {custodians[0].thumbprint}


def test_an_answer_sent_again_is_told_what_became_of_it_and_nobody_else_is(
    stack: Stack, portal: Portal, hsm: Made, custodians: list[Custodian]
) -> None:
    challenge = asked(portal, hsm.name, custodians[0])
    answer = answer_to(challenge, custodians[0])
    first = send(portal, hsm.name, answer)
    again = send(portal, hsm.name, answer)
    assert (first.status_code, again.status_code) == (200, 200)
    assert first.json() == again.json()
    check_refused(send(portal, hsm.name, {**answer, "proof": WRONG}), 409, "share_check_answered")
    other = Person(stack, 902, ["Hsm.Request"])
    check_refused(send(other, hsm.name, answer), 409, "share_check_answered")


def test_a_wrong_proof_is_refused_a_few_times_and_then_nothing_is_accepted(
    stack: Stack, portal: Portal, hsm: Made, custodians: list[Custodian]
) -> None:
    challenge = asked(portal, hsm.name, custodians[1])
    right = answer_to(challenge, custodians[1])
    other = answer_to(asked(portal, hsm.name, custodians[1]), custodians[1])
    for proof in (WRONG, other["proof"], WRONG, WRONG):
        check_refused(send(portal, hsm.name, {**right, "proof": proof}), 422, "share_check_wrong_proof")
    assert send(portal, hsm.name, right).status_code == 200
    challenge = asked(portal, hsm.name, custodians[1])
    right = answer_to(challenge, custodians[1])
    for _ in range(5):
        check_refused(send(portal, hsm.name, {**right, "proof": WRONG}), 422, "share_check_wrong_proof")
    for answer in (right, {**right, "proof": WRONG}):
        check_refused(send(portal, hsm.name, answer), 409, "share_check_exhausted")
    assert not [path for path in kept_paths(stack, hsm.name) if f"answered/{challenge['id']}" in path]


def test_what_is_not_of_the_challenge_is_refused(portal: Portal, hsm: Made, custodians: list[Custodian]) -> None:
    challenge = asked(portal, hsm.name, custodians[2])
    right = answer_to(challenge, custodians[2])
    foreign = make_custodian("nobody's custodian")
    check_refused(ask(portal, hsm.name, foreign.thumbprint), 400, "thumbprint_unknown")
    check_refused(ask(portal, hsm.name, "not a thumbprint"), 400, "invalid_field")
    check_refused(send(portal, hsm.name, right, "01HZZZZZZZZZZZZZZZZZZZZZZZ"), 404, "share_check_not_found")
    check_refused(send(portal, hsm.name, right, "..%2f..%2fx"), 404, "share_check_not_found")
    wrong = [{"challengeId": "01HZZZZZZZZZZZZZZZZZZZZZZZ"}, {"thumbprint": custodians[0].thumbprint}]
    for change in wrong:
        refused = send(portal, hsm.name, {**right, **change}, challenge["id"])
        check_refused(refused, 400, "invalid_field")
        assert [error["field"] for error in refused.json()["errors"]] == list(change)
    other_bytes = {**right, "securityDomainSha256": "0" * 64}
    check_refused(send(portal, hsm.name, other_bytes), 409, "share_check_of_another_domain")
    # None of these was a try.
    assert send(portal, hsm.name, right).status_code == 200


def test_after_its_time_no_answer_is_taken(
    stack: Stack, portal: Portal, hsm: Made, custodians: list[Custodian]
) -> None:
    challenge = asked(portal, hsm.name, custodians[0])
    path = f"{hsm.name}/share-checks/asked/{challenge['id']}.json"
    blob = stored.service(stack).get_blob_client("security-domains", path)
    kept = AskedCheck.model_validate_json(blob.download_blob().readall())
    assert timedelta(days=13) < kept.expires_at - datetime.now(UTC) <= timedelta(days=14)
    over = kept.model_copy(update={"expires_at": datetime.now(UTC) - timedelta(seconds=1)})
    blob.upload_blob(over.to_json().encode(), overwrite=True)
    check_refused(send(portal, hsm.name, answer_to(challenge, custodians[0])), 409, "share_check_expired")


def test_a_check_does_not_count_for_a_security_domain_that_was_downloaded_again(
    stack: Stack, portal: Portal, hsm_name: str, custodians: list[Custodian]
) -> None:
    body = request_for(stack, custodians)
    operation = provision(portal, hsm_name, body)
    before = asked(portal, hsm_name, custodians[0])
    assert send(portal, hsm_name, answer_to(before, custodians[0])).status_code == 200
    open_still = asked(portal, hsm_name, custodians[1])
    stored.service(stack).get_blob_client(
        "security-domains", f"{hsm_name}/{operation['id']}/1/security-domain.json"
    ).delete_blob()
    again = provision(portal, hsm_name, body)
    sha256 = again["result"]["securityDomain"]["sha256"]
    assert sha256 != operation["result"]["securityDomain"]["sha256"]
    for answer in (
        answer_to(open_still, custodians[1]),
        answer_to(open_still, custodians[1], securityDomainSha256=sha256),
    ):
        check_refused(send(portal, hsm_name, answer), 409, "share_check_of_another_domain")
    first = listed(portal, hsm_name)[0]
    assert (first["counts"], first["lastCheck"]["id"]) == (False, before["id"])
    verification = verify(portal, hsm_name)
    assert (states(verification), verification["quorumHealth"]) == (["Offline"] * 3, "Unknown")


def test_who_only_reads_and_other_teams_check_nothing(
    stack: Stack, portal: Portal, other_portal: Portal, hsm: Made, custodians: list[Custodian]
) -> None:
    challenge = asked(portal, hsm.name, custodians[0])
    answer = answer_to(challenge, custodians[0])
    reader = Portal(stack, register_application(stack.control, "reader", ["Hsm.Read"], groups=[TEAM_A]))
    assert len(listed(reader, hsm.name)) == 3
    check_refused(ask(reader, hsm.name, custodians[0].thumbprint), 403, "role_missing")
    check_refused(send(reader, hsm.name, answer), 403, "role_missing")
    check_refused(ask(other_portal, hsm.name, custodians[0].thumbprint), 404, "hsm_not_found")
    check_refused(send(other_portal, hsm.name, answer), 404, "hsm_not_found")
    response = other_portal.send("GET", f"hsms/{hsm.name}/security-domain/share-checks")
    check_refused(response, 404, "hsm_not_found")
    operator = Person(stack, 903, ["Hsm.Operate"], groups=[])
    assert send(operator, hsm.name, answer).status_code == 200


def test_what_cannot_be_recorded_is_not_asked(
    stack: Stack, portal: Portal, hsm: Made, custodians: list[Custodian]
) -> None:
    before = kept_paths(stack, hsm.name)
    fault = NewFault(
        service="blob_storage", method="PUT", path="/audit/", count=1000, effect=Answer(kind="answer", status=503)
    )
    identifier = stack.control.inject_fault(fault)
    response = ask(portal, hsm.name, custodians[0].thumbprint)
    stack.control.remove_fault(identifier)
    check_refused(response, 503, "audit_unavailable")
    assert kept_paths(stack, hsm.name) == before
