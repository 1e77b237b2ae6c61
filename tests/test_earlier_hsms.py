"""HSMs whose name another one took: their records are kept, what is stored of them is verified, and restored."""

import hashlib
from typing import Any

import requests

from activities.list_hsm_page import AskedPage, list_hsm_page
from activities.verify_kept_security_domain import AskedVerification, verify_kept_security_domain
from clients import archive
from local.portal import Portal
from local.stack import Stack
from tests import stored
from tests.custodians import Custodian, request_for
from tests.in_process import signed_in_as_the_app
from tests.people import await_step
from tests.planting import make_claim, make_record
from tests.restoring import Source, ask, begin, finish, provision_source, restore_request
from tests.test_restore import check_records

UNKNOWN = "01HZZZZZZZZZZZZZZZZZZZZZZZ"


def provision(stack: Stack, portal: Portal, name: str, custodians: list[Custodian]) -> tuple[Source, str]:
    """Make an HSM in one operation, and give both."""
    source = provision_source(stack, portal, name, custodians)
    operation_id: str = portal.send("GET", f"hsms/{name}").json()["lastOperation"]["id"]
    return source, operation_id


def told(response: requests.Response) -> tuple[int, str, str]:
    problem = response.json()
    return response.status_code, problem["code"], problem["detail"]


def test_the_security_domain_of_an_earlier_hsm_of_a_name_is_verified_and_restored(
    stack: Stack, portal: Portal, other_portal: Portal, hsm_name: str, custodians: list[Custodian]
) -> None:
    first, made = provision(stack, portal, hsm_name, custodians)
    assert portal.send("GET", f"hsms/{hsm_name}").json()["earlierHsms"] == []
    stack.control.forget_hsm(hsm_name)
    second, remade = provision(stack, portal, hsm_name, custodians)
    assert portal.send("GET", f"hsms/{hsm_name}").json()["earlierHsms"] == [made]
    check_verification(stack, first, second, made)

    third, source = f"{hsm_name}-b", {"hsm": hsm_name, "operationId": made}
    theirs = ask(other_portal, third, restore_request(stack, hsm_name, source=source))
    unknown = {"hsm": hsm_name, "operationId": f"{hsm_name}-{UNKNOWN}"}
    nothing = ask(portal, third, restore_request(stack, hsm_name, source=unknown))
    assert told(theirs) == told(nothing)
    assert told(nothing)[:2] == (404, "hsm_not_found")
    wrong = ask(portal, third, restore_request(stack, hsm_name, source={**source, "operationId": f"x{made}"}))
    assert (wrong.status_code, wrong.json()["errors"][0]["field"]) == (400, "source.operationId")
    operation = begin(stack, portal, third, hsm_name, source=source)
    check_source(operation, first, made)
    finish(stack, portal, operation, first)
    check_records(portal, third, operation["id"], first)

    today = ask(portal, f"{hsm_name}-c", restore_request(stack, hsm_name)).json()
    check_source(await_step(portal, today["id"], "await_approval"), second, remade)
    assert portal.send("POST", f"operations/{today['id']}/cancel").status_code == 202
    portal.follow(today["id"])


def check_source(operation: dict[str, Any], source: Source, made: str) -> None:
    """The plan names the HSM by the operation that made it, and what is stored of that one."""
    pinned = operation["plan"]["source"]
    assert (pinned["hsm"], pinned["operationId"]) == (source.hsm, made)
    assert pinned["receipt"]["sha256"] == hashlib.sha256(source.domain).hexdigest()


def check_verification(stack: Stack, first: Source, second: Source, made: str) -> None:
    """A run lists both, and how the first was found is not taken for how the second is."""
    earlier = f"{first.hsm}/{made}"
    with signed_in_as_the_app(stack):
        assert {first.hsm, earlier} <= set(listed())
        outcome = verify_kept_security_domain(AskedVerification(hsm=earlier))
        assert outcome.status == "done", outcome
    records = stored.service(stack).get_container_client("hsm-records")
    for path, source in ((f"verifications-before/{earlier}", first), (f"verifications/{first.hsm}", second)):
        assert hashlib.sha256(source.domain).hexdigest() in records.download_blob(path).readall().decode()


def listed() -> list[str]:
    names: list[str] = []
    marker: str | None = ""
    while marker is not None:
        page = list_hsm_page(AskedPage(marker=marker)).result
        names += page["hsms"]
        marker = page["marker"] or None
    return names


def test_the_record_of_each_hsm_that_had_a_name_is_kept(
    stack: Stack, hsm_name: str, custodians: list[Custodian]
) -> None:
    claim = make_claim(stack, hsm_name, request_for(stack, custodians))
    made = [f"{hsm_name}-{number}{UNKNOWN[1:]}" for number in range(1, 4)]
    records = [make_record(claim, created_by=operation, team=f"team-{number}") for number, operation in enumerate(made)]
    with signed_in_as_the_app(stack):
        for record in records:
            archive.begin_hsm_record(record)
            # Killed after it was written, an operation begins again.
            archive.begin_hsm_record(record)
        today = archive.find_hsm_record_of(hsm_name, None)
        assert today is not None
        assert (today.created_by, today.earlier) == (made[2], made[:2])
        for record in records:
            found = archive.find_hsm_record_of(hsm_name, record.created_by)
            assert found is not None
            assert found.team == record.team
        assert archive.find_hsm_record_of(hsm_name, f"{hsm_name}-{UNKNOWN}") is None
