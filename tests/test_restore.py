"""Restoring a security domain into a new HSM: the whole flow, who may, what is refused, how it goes on."""

import hashlib
import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from azure.core.exceptions import ResourceNotFoundError
from azure.identity import ClientSecretCredential
from azure.keyvault.administration import KeyVaultAccessControlClient
from azure.keyvault.keys import KeyClient
from azure.keyvault.keys.crypto import CryptographyClient, EncryptionAlgorithm

from domain.steps import STEPS
from local.azure.control.models import NewFault
from local.azure.core.faults import Answer
from local.policy import TEAM_A, TEAM_B
from local.portal import Portal
from local.stack import Stack, register_application
from tests import stored
from tests.custodians import Custodian, request_for
from tests.people import Person, await_step
from tests.policies import BOTH_TEAMS
from tests.restoring import (
    Source,
    announce,
    approve,
    ask,
    begin,
    blob_client,
    finish,
    make_blob,
    provision_source,
    restore_request,
    store,
)

CRYPTO_USER = "21dbd100-6940-42c2-9190-5d6cb909625b"
ROLES = "Microsoft.KeyVault/providers/Microsoft.Authorization/roleDefinitions"
ALGORITHM = EncryptionAlgorithm.rsa_oaep_256


@pytest.fixture(scope="module")
def source(stack: Stack, portal: Portal, custodians: list[Custodian]) -> Source:
    """An HSM of team a that was provisioned and may be gone by now: what is stored of it stays."""
    return provision_source(stack, portal, "hsm-to-restore", custodians)


@contextmanager
def using_keys(stack: Stack, hsm: str) -> Iterator[tuple[KeyClient, ClientSecretCredential]]:
    """Use an HSM of which the portal's application is an administrator, by the roles that it gives itself."""
    endpoints, portal, url = stack.azure.endpoints, stack.portal, f"https://{hsm}.managedhsm.azure.net"
    with ClientSecretCredential(endpoints.tenant_id, portal.client_id, portal.client_secret) as credential:
        with KeyVaultAccessControlClient(url, credential) as access:
            access.create_role_assignment("/", f"{ROLES}/{CRYPTO_USER}", portal.object_id)
        with KeyClient(url, credential) as keys:
            yield keys, credential


def test_the_second_hsm_decrypts_what_the_first_encrypted(
    stack: Stack, portal: Portal, hsm_name: str, custodians: list[Custodian]
) -> None:
    second, administrators = f"{hsm_name}-b", [stack.portal.object_id]
    first = provision_source(stack, portal, hsm_name, custodians, administrators=administrators)
    with using_keys(stack, hsm_name) as (keys, credential):
        key = keys.create_rsa_key("k1", size=2048)
        sealed = CryptographyClient(key, credential).encrypt(ALGORITHM, b"kept by the first").ciphertext
        backup = keys.backup_key("k1")
    # The first is lost: what is stored of it is all that there is.
    stack.control.forget_hsm(hsm_name)
    operation = begin(stack, portal, second, hsm_name, administrators=administrators)
    shown = operation["transferKey"]
    assert (len(shown["thumbprint"]), len(shown["sha256"])) == (43, 64)
    steps = {step["name"]: step for step in operation["steps"]}
    assert steps["await_restore_blob"]["waitsUntil"] > steps["await_restore_blob"]["startedAt"]
    assert operation["restoreBlob"]["url"] == blob_client(stack, operation["id"]).url
    ended = finish(stack, portal, operation, first)
    assert (ended["kind"], tuple(step["name"] for step in ended["steps"])) == ("restore", STEPS["restore"])
    assert ended["restoreBlob"]["seen"]["verdict"] == "Accepted"
    with pytest.raises(ResourceNotFoundError):
        blob_client(stack, operation["id"]).get_blob_properties()
    with using_keys(stack, second) as (keys, credential):
        restored = keys.restore_key_backup(backup)
        assert CryptographyClient(restored, credential).decrypt(ALGORITHM, sealed).plaintext == b"kept by the first"
    check_records(portal, second, operation["id"], first)
    check_audit(stack, operation["id"], first)


def check_audit(stack: Stack, operation_id: str, first: Source) -> None:
    """The chain of a restore says what was asked for, that it was approved, and what was uploaded."""
    auditor = Person(stack, 9, ["Hsm.Audit"])
    records = auditor.send("GET", f"audit?operation={operation_id}").json()["value"]
    assert records[0]["detail"]["source"] == first.hsm
    uploaded = [one for one in records if one.get("step") == "upload_security_domain"]
    assert [one["kind"] for one in uploaded] == ["intent", "result"]
    assert uploaded[1]["detail"] == {"sha256": hashlib.sha256(first.domain).hexdigest(), "source": first.hsm}
    assert "approved" in [one.get("outcome") for one in records if one["kind"] == "decision"]


def check_records(portal: Portal, name: str, operation_id: str, first: Source) -> None:
    """The new HSM has the records of the one that it was restored from."""
    hsm = portal.send("GET", f"hsms/{name}").json()
    sha256 = hashlib.sha256(first.domain).hexdigest()
    assert hsm["state"] == "Active"
    assert hsm["restoredFrom"] == {"hsm": first.hsm, "operationId": operation_id, "sha256": sha256}
    assert hsm["securityDomain"]["sha256"] == sha256
    document = portal.send("GET", f"hsms/{name}/security-domain").json()
    assert [share["thumbprint"] for share in document["shares"]] == [one.thumbprint for one in first.custodians]
    assert document["verification"]["hsm"] == name
    verified = portal.send("POST", f"hsms/{name}/security-domain/verify").json()
    assert (verified["faults"], verified["quorumHealth"]) == ([], "Unknown")


def test_what_was_restored_is_changed_and_restored_again(
    stack: Stack, portal: Portal, hsm_name: str, source: Source
) -> None:
    finish(stack, portal, begin(stack, portal, hsm_name, source.hsm), source)
    patched = portal.send("PATCH", f"hsms/{hsm_name}", json={"tags": {"stage": "2"}})
    assert portal.follow(patched.json()["id"])["status"] == "Succeeded"
    third = f"{hsm_name}-c"
    again = begin(stack, portal, third, hsm_name)
    assert again["plan"]["source"]["hsm"] == hsm_name
    finish(stack, portal, again, source)
    check_records(portal, third, again["id"], source._replace(hsm=hsm_name))


def test_the_same_request_joins_and_another_waits(stack: Stack, portal: Portal, hsm_name: str, source: Source) -> None:
    body = restore_request(stack, source.hsm)
    first = ask(portal, hsm_name, body)
    assert first.status_code == 202
    assert first.headers["Operation-Location"].partition("?")[0].endswith(f"/operations/{first.json()['id']}")
    assert ask(portal, hsm_name, body).json()["id"] == first.json()["id"]
    other = ask(portal, hsm_name, {**body, "tags": {"owner": "somebody"}})
    assert (other.status_code, other.json()["code"]) == (409, "operation_in_progress")
    assert portal.send("POST", f"operations/{first.json()['id']}/cancel").status_code == 202
    assert portal.follow(first.json()["id"])["status"] == "Canceled"


def test_it_always_needs_approval_by_somebody_else(stack: Stack, portal: Portal, hsm_name: str, source: Source) -> None:
    nobody = ask(portal, hsm_name, restore_request(stack, source.hsm, requestedBy=None))
    assert (nobody.status_code, nobody.json()["code"]) == (400, "requested_by_missing")
    requester = Person(stack, 1, ["Hsm.Request", "Hsm.Approve"])
    response = ask(requester, hsm_name, restore_request(stack, source.hsm, requestedBy=None))
    assert response.status_code == 202, response.text
    waiting = await_step(requester, response.json()["id"], "await_approval")
    assert waiting["approval"]["reasons"] == [
        "Restoring a security domain into another HSM always needs approval: it becomes a clone."
    ]
    plan = waiting["plan"]["source"]
    assert (plan["hsm"], plan["receipt"]["sha256"]) == (source.hsm, hashlib.sha256(source.domain).hexdigest())
    assert plan["receipt"]["quorum"] == 2
    own = requester.decide(waiting, "approve")
    assert (own.status_code, own.json()["code"]) == (403, "approver_is_requester")
    assert Person(stack, 2, ["Hsm.Approve"]).decide(waiting, "reject").status_code == 200
    ended = requester.follow(waiting["id"])
    assert (ended["status"], ended["error"]["code"]) == ("Failed", "approval_rejected")
    assert stack.control.hsms() == []


def test_another_teams_security_domain_does_not_exist(
    stack: Stack, portal: Portal, other_portal: Portal, hsm_name: str, source: Source
) -> None:
    theirs = ask(other_portal, hsm_name, restore_request(stack, source.hsm))
    nothing = ask(portal, hsm_name, restore_request(stack, "no-such-hsm"))
    for refused in (theirs, nothing):
        assert (refused.status_code, refused.json()["code"]) == (404, "hsm_not_found")
    assert theirs.json()["detail"] == nothing.json()["detail"]
    both = Portal(stack, register_application(stack.control, "of both", ["Hsm.Request"], groups=[BOTH_TEAMS]))
    operator = Portal(stack, register_application(stack.control, "ops", ["Hsm.Operate"], groups=[TEAM_B]))
    for number, allowed in enumerate((both, operator)):
        response = ask(allowed, f"{hsm_name}-{number}", restore_request(stack, source.hsm, team="team-b"))
        assert (response.status_code, response.json()["team"]) == (202, "team-b"), response.text
        approver = Person(stack, 7, ["Hsm.Approve"], [TEAM_B])
        waiting = await_step(approver, response.json()["id"], "await_approval")
        assert approver.decide(waiting, "reject").status_code == 200
        allowed.follow(waiting["id"])


def test_a_source_without_a_stored_security_domain_is_refused(
    stack: Stack, portal: Portal, hsm_name: str, source: Source
) -> None:
    operation = begin(stack, portal, hsm_name, source.hsm)
    assert portal.send("POST", f"operations/{operation['id']}/cancel").status_code == 202
    portal.follow(operation["id"])
    refused = ask(portal, f"{hsm_name}-b", restore_request(stack, hsm_name))
    assert (refused.status_code, refused.json()["code"]) == (404, "security_domain_not_found")


def test_a_source_whose_stored_bytes_are_damaged_is_found_before_anything_is_made(
    stack: Stack, portal: Portal, hsm_name: str, custodians: list[Custodian]
) -> None:
    first = provision_source(stack, portal, hsm_name, custodians)
    stack.control.forget_hsms()
    with damaged(stack, first):
        response = ask(portal, f"{hsm_name}-b", restore_request(stack, hsm_name))
        ended = portal.follow(response.json()["id"])
    assert (ended["status"], ended["error"]["code"]) == ("Failed", "security_domain_invalid")
    assert stack.control.hsms() == []


def test_that_nobody_could_store_a_restore_blob_is_found_before_anything_is_made(
    stack: Stack, portal: Portal, hsm_name: str, source: Source
) -> None:
    missing = Answer(status=404, code="ContainerNotFound")
    stack.control.inject_fault(NewFault(service="blob_storage", path="/restore-blobs$", effect=missing))
    ended = portal.follow(ask(portal, hsm_name, restore_request(stack, source.hsm)).json()["id"])
    assert (ended["status"], ended["error"]["code"]) == ("Failed", "azure_not_found")
    assert "restore-blobs" in ended["error"]["message"]
    assert stack.control.hsms() == []


@contextmanager
def damaged(stack: Stack, first: Source) -> Iterator[None]:
    """Overwrite what is stored of an HSM for a while, as only somebody with rights on the account could."""
    (path,) = (path for path in stored.paths(stack, first.hsm) if path.endswith("security-domain.json"))
    blob = stored.service(stack).get_blob_client("security-domains", path)
    metadata = blob.get_blob_properties().metadata
    blob.upload_blob(first.domain[:-1] + b" ", overwrite=True, metadata=metadata)
    yield
    blob.upload_blob(first.domain, overwrite=True, metadata=metadata)


@pytest.mark.parametrize(
    ("changes", "status", "field", "code"),
    [
        ({"source": {"hsm": "{name}"}}, 400, "source.hsm", "invalid_field"),
        ({"source": {"hsm": "1"}}, 400, "source.hsm", "invalid_field"),
        ({"source": None}, 400, "source", "invalid_field"),
        ({"securityDomain": {"quorum": 2, "wrappingKeys": []}}, 400, "securityDomain", "invalid_field"),
        ({"additionalRegions": ["northpole"]}, 403, "additionalRegions[0]", "location_not_allowed"),
        ({"environment": "production"}, 403, "purgeProtection", "purge_protection_required"),
        ({"location": "northpole"}, 403, "location", "location_not_allowed"),
        ({"team": "team-b"}, 403, "team", "team_not_yours"),
    ],
)
def test_each_refusal_names_its_field(
    changes: dict[str, Any],
    status: int,
    field: str,
    code: str,
    stack: Stack,
    portal: Portal,
    hsm_name: str,
    source: Source,
) -> None:
    named = json.loads(json.dumps(changes).replace("{name}", hsm_name.upper()))
    refused = ask(portal, hsm_name, restore_request(stack, source.hsm, **named))
    problem = refused.json()
    assert (refused.status_code, problem["code"], problem["errors"][0]["field"]) == (status, code, field)


def test_names_that_are_taken_are_refused(
    stack: Stack, portal: Portal, other_portal: Portal, hsm_name: str, source: Source, custodians: list[Custodian]
) -> None:
    provision_source(stack, portal, hsm_name, custodians)
    ours = ask(portal, hsm_name, restore_request(stack, source.hsm))
    assert (ours.status_code, ours.json()["code"]) == (409, "hsm_ours_already")
    theirs = ask(other_portal, hsm_name, restore_request(stack, source.hsm))
    assert (theirs.status_code, theirs.json()["code"]) == (409, "hsm_exists")


def test_a_canceled_restore_is_gone_on_with(stack: Stack, portal: Portal, hsm_name: str, source: Source) -> None:
    first = begin(stack, portal, hsm_name, source.hsm)
    assert portal.send("POST", f"operations/{first['id']}/cancel").status_code == 202
    ended = portal.follow(first["id"])
    assert (ended["status"], ended["error"]["code"]) == ("Canceled", "operation_canceled")
    assert (ended["exists"]["hsm"]["state"], ended["exists"]["monthlyCostUsd"] > 1000) == ("NotActivated", True)
    other = ask(portal, hsm_name, restore_request(stack, source.hsm, softDeleteRetentionDays=30))
    assert (other.status_code, other.json()["errors"][0]["field"]) == (409, "softDeleteRetentionDays")
    made = stack.control.hsms()
    second = begin(stack, portal, hsm_name, source.hsm)
    assert second["id"] != first["id"]
    # The HSM still waits, so it has the same key; what was stored for the first operation is not looked at.
    assert second["transferKey"]["thumbprint"] == first["transferKey"]["thumbprint"]
    finish(stack, portal, second, source)
    assert [(hsm["name"], hsm["createdBy"]) for hsm in stack.control.hsms()] == [(hsm_name, made[0]["createdBy"])]


def test_what_failed_after_the_upload_is_gone_on_with_and_needs_no_other_blob(
    stack: Stack, portal: Portal, hsm_name: str, custodians: list[Custodian]
) -> None:
    first = provision_source(stack, portal, hsm_name, custodians)
    second = f"{hsm_name}-b"
    operation = begin(stack, portal, second, hsm_name)
    store(stack, operation["id"], make_blob(first.domain, operation, custodians))
    with damaged(stack, first):
        announce(portal, operation["id"])
        failed = portal.follow(operation["id"])
        assert (failed["status"], failed["error"]["code"]) == ("Failed", "security_domain_invalid"), failed
        assert failed["exists"]["hsm"]["state"] == "Active"
    hsm = portal.send("GET", f"hsms/{second}").json()
    assert ("securityDomain" in hsm, hsm["restoredFrom"]["hsm"]) == (False, hsm_name)
    # Another security domain is not restored into it, and what it holds is not exported without approval.
    other = provision_source(stack, portal, f"{hsm_name}-c", custodians)
    refused = ask(portal, second, restore_request(stack, other.hsm))
    assert (refused.status_code, refused.json()["errors"][0]["field"]) == (409, "source.hsm")
    exported = portal.put_hsm(second, request_for(stack, custodians))
    assert (exported.status_code, exported.json()["code"]) == (400, "requested_by_missing")
    again = ask(portal, second, restore_request(stack, hsm_name))
    assert again.status_code == 202, again.text
    approve(stack, again.json())
    ended = portal.follow(again.json()["id"])
    steps = {step["name"]: step["status"] for step in ended["steps"]}
    assert (ended["status"], steps["upload_security_domain"]) == ("Succeeded", "Skipped"), ended
    check_records(portal, second, operation["id"], first)


def test_what_is_not_awaited_is_not_announced(stack: Stack, portal: Portal, hsm_name: str, source: Source) -> None:
    response = ask(portal, hsm_name, restore_request(stack, source.hsm))
    early = announce(portal, response.json()["id"])
    assert (early.status_code, early.json()["code"]) == (409, "restore_blob_not_awaited")
    approve(stack, response.json())
    operation = await_step(portal, response.json()["id"], "await_restore_blob")
    stranger = Portal(stack, register_application(stack.control, "other", ["Hsm.Request"], groups=[TEAM_B]))
    assert announce(stranger, operation["id"]).status_code == 404
    assert announce(Person(stack, 3, ["Hsm.Read"], [TEAM_A]), operation["id"]).status_code == 403
    finish(stack, portal, operation, source)
    late = announce(portal, operation["id"])
    assert (late.status_code, late.json()["code"]) == (409, "operation_ended")
