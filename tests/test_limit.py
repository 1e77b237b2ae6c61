"""The policy's number of HSMs: over all teams, by what was recorded and what is being made."""

import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
import requests

from clients.hsm_limit import require_place
from domain.decommissioning import Decommissioned
from domain.errors import ServiceError
from local.policy import policy
from local.portal import Portal
from local.stack import Stack
from tests import stored
from tests.custodians import Custodian, request_for
from tests.hosts import deployed
from tests.in_process import signed_in_as_the_app
from tests.planting import make_claim, make_record, moment, plant
from tests.test_idempotency import await_instance
from tests.test_preflight import preflight, verdicts
from tests.test_provision import provision


def count_taken(stack: Stack) -> int:
    """Count the HSMs that have a place, of whichever test: by a record, or by a claim for one that is to be made."""
    records = stored.service(stack).get_container_client("hsm-records")
    taken = {name.removeprefix("hsms/") for name in records.list_blob_names(name_starts_with="hsms/")}
    taken -= {
        name
        for name in taken
        if "purgedAt" in json.loads(records.download_blob(f"hsms/{name}").readall()).get("decommissioned", {})
    }
    for name in records.list_blob_names(name_starts_with="claims/"):
        claim = json.loads(records.download_blob(name).readall())
        if claim["state"] == "running" and claim["kind"] == "provision":
            taken.add(claim["hsm"])
    return len(taken)


def limited_to(count: int) -> dict[str, str]:
    return {"HSM_PROVISIONER_POLICY": policy(maximumHsms=count)}


def ended_well(operation: dict[str, Any]) -> bool:
    return bool(operation["status"] == "Succeeded")


def test_no_more_are_let_in_and_whoever_is_in_stays_in(
    stack: Stack, hsm_name: str, custodians: list[Custodian], tmp_path: Path
) -> None:
    body = request_for(stack, custodians)
    with deployed(stack, tmp_path / "host", limited_to(count_taken(stack) + 1)) as limited:
        portal = Portal(limited)
        stack.control.fail_provisioning(1)
        assert provision(portal, f"{hsm_name}-a", body)["error"]["code"] == "provisioning_failed"
        refused = portal.put_hsm(f"{hsm_name}-b", body)
        assert (refused.status_code, refused.json()["code"]) == (403, "hsm_limit_reached")
        assert verdicts(preflight(portal, f"{hsm_name}-b", body), "Failed") == {"limit": "hsm_limit_reached"}
        assert portal.send("GET", f"hsms/{hsm_name}-b").status_code == 404
        assert verdicts(preflight(portal, f"{hsm_name}-a", body), "Failed") == {}
        assert ended_well(provision(portal, f"{hsm_name}-a", body))


def test_what_is_being_made_has_its_place(
    stack: Stack, hsm_name: str, custodians: list[Custodian], tmp_path: Path
) -> None:
    body = request_for(stack, custodians)
    with deployed(stack, tmp_path / "host", limited_to(count_taken(stack) + 1)) as limited:
        portal = Portal(limited)
        # Without that certificate it ends at preflight, and leaves no record.
        without = {**body["securityDomain"], "wrappingKeys": list(body["securityDomain"]["wrappingKeys"])}
        without["wrappingKeys"][2] = {"certificateId": "https://custodians.vault.azure.net/certificates/nobody"}
        failing = portal.put_hsm(f"{hsm_name}-z", {**body, "securityDomain": without}).json()["id"]
        assert portal.follow(failing)["status"] == "Failed"
        # Its claim ends a moment after its record is there.
        await_instance(limited, f"{hsm_name}-z")
        # Its place is free again.
        stack.control.change_timing(3, 0.6)
        operation_id = portal.put_hsm(f"{hsm_name}-y", body).json()["id"]
        assert portal.put_hsm(f"{hsm_name}-x", body).json()["code"] == "hsm_limit_reached"
        assert ended_well(portal.follow(operation_id))


def test_a_purged_hsm_gives_its_place_back(stack: Stack, hsm_name: str, custodians: list[Custodian]) -> None:
    claim = make_claim(stack, hsm_name, request_for(stack, custodians), state="ended")
    ended = Decommissioned(operation_id=claim.operation_id, asked_at=moment(1), was_active=True, deleted_at=moment(1))
    limit = {"HSM_PROVISIONER_POLICY": policy(maximumHsms=count_taken(stack) + 1)}
    with signed_in_as_the_app(stack, **limit):
        plant(stack, make_record(claim, decommissioned=ended))
        with pytest.raises(ServiceError, match="hsm_limit_reached"):
            require_place(f"{hsm_name}-next")
        plant(stack, make_record(claim, decommissioned=ended.model_copy(update={"purged_at": moment(2)})))
        require_place(f"{hsm_name}-next")


def test_of_many_at_once_as_many_are_let_in_as_there_are_places(
    stack: Stack, hsm_name: str, custodians: list[Custodian], tmp_path: Path
) -> None:
    body = request_for(stack, custodians)
    with deployed(stack, tmp_path / "host", limited_to(count_taken(stack) + 2)) as limited:
        portal = Portal(limited)
        portal.token()

        def ask(number: int) -> requests.Response:
            # The first by name come last: an order by name would let in too many.
            return Portal(limited).put_hsm(f"{hsm_name}-{9 - number}", body)

        with ThreadPoolExecutor(8) as pool:
            answers = list(pool.map(ask, range(8)))
        accepted = [answer.json()["id"] for answer in answers if answer.status_code == 202]
        refused = {answer.json()["code"] for answer in answers if answer.status_code != 202}
        ended = [portal.follow(operation_id) for operation_id in accepted]
        assert sum(ended_well(operation) for operation in ended) == 2, ended
        assert {operation["error"]["code"] for operation in ended if "error" in operation} <= {"hsm_limit_reached"}
        assert refused <= {"hsm_limit_reached"}
        assert len(stack.control.hsms()) == 2
