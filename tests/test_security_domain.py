"""What the API tells of a security domain, and how it is verified: records, never bytes."""

import json
import time
from datetime import UTC, datetime
from typing import Any, Final

import pytest
from azure.keyvault.certificates import CertificateClient
from azure.keyvault.keys import KeyClient

from local.azure.control.models import NewFault
from local.azure.core.faults import Answer
from local.policy import TEAM_A
from local.portal import Portal
from local.stack import Stack, register_application
from tests import stored
from tests.custodians import Custodian, make_custodian, request_for
from tests.test_provision import provision

VAULT: Final = "https://custodians.vault.azure.net"


def certificates(stack: Stack) -> CertificateClient:
    return CertificateClient(VAULT, stack.portal_credential())


def in_key_vault(stack: Stack, custodians: list[Custodian], hsm: str, vault: str = "custodians") -> dict[str, Any]:
    """A request whose keys all lie in a Key Vault."""
    body = request_for(stack, custodians)
    body["securityDomain"]["wrappingKeys"] = [
        {
            "custodian": custodian.name,
            "certificateId": stack.control.plant_certificate(vault, f"{hsm}-{number}", custodian.pem),
        }
        for number, custodian in enumerate(custodians)
    ]
    return body


def verify(portal: Portal, hsm: str) -> dict[str, Any]:
    response = portal.send("POST", f"hsms/{hsm}/security-domain/verify")
    assert response.status_code == 200, response.text
    document: dict[str, Any] = response.json()
    return document


def states(verification: dict[str, Any], member: str = "certificate") -> list[Any]:
    return [share.get(member) for share in verification["shares"]]


def test_records_and_never_bytes(stack: Stack, portal: Portal, hsm_name: str, custodians: list[Custodian]) -> None:
    stack.control.queue_export_outcomes("Failed")
    operation = provision(portal, hsm_name, request_for(stack, custodians))
    receipt = operation["result"]["securityDomain"]
    response = portal.send("GET", f"hsms/{hsm_name}/security-domain")
    document = response.json()
    assert (document["hsm"], document["quorum"], document["receipt"]) == (hsm_name, 2, receipt)
    assert document["shares"] == [
        {"custodian": custodian.name, "thumbprint": custodian.thumbprint} for custodian in custodians
    ]
    told = [(item["operationId"], item["attempt"], item["outcome"]) for item in document["downloads"]]
    assert told == [(operation["id"], 1, "ExportFailed"), (operation["id"], 2, "Confirmed")]
    assert document["downloads"][1]["sha256"] == receipt["sha256"]
    verification = document["verification"]
    # Nobody has checked yet whether the custodians can open their shares.
    assert (verification["quorumHealth"], verification["faults"]) == ("Unknown", [])
    assert states(verification) == ["Offline"] * 3
    assert [notice["code"] for notice in verification["notices"]] == ["share_not_checked"]
    content = json.loads(stored.read(stack, receipt["blobUrl"]))
    for share in content["SharedKeys"]["enc_shares"]:
        assert share["enc_key"] not in response.text
        assert share["enc_key"].split(".")[3][:40] not in response.text


def test_a_provision_ends_verified_and_the_hsm_shows_it(
    stack: Stack, portal: Portal, hsm_name: str, custodians: list[Custodian]
) -> None:
    body = in_key_vault(stack, custodians, hsm_name)
    assert provision(portal, hsm_name, body)["status"] == "Succeeded"
    hsm = portal.send("GET", f"hsms/{hsm_name}").json()
    assert hsm["quorumHealth"] == "Healthy"
    blob = stored.service(stack).get_blob_client("hsm-records", f"verifications/{hsm_name}").get_blob_properties()
    told = dict(blob.metadata)
    assert datetime.fromisoformat(told["verified_at"]) == datetime.fromisoformat(hsm["verifiedAt"])
    assert told["quorum_health"] == "Healthy"
    assert portal.put_hsm(hsm_name, body).json()["quorumHealth"] == "Healthy"


def test_lost_keys_are_seen_one_after_the_other(stack: Stack, portal: Portal, hsm_name: str) -> None:
    custodians = [make_custodian(f"Custodian {number}") for number in range(4)]
    body = in_key_vault(stack, custodians, hsm_name)
    assert provision(portal, hsm_name, body)["status"] == "Succeeded"
    assert states(verify(portal, hsm_name)) == ["Usable"] * 4
    assert states(verify(portal, hsm_name), "key") == ["Usable"] * 4
    with certificates(stack) as client:
        client.update_certificate_properties(f"{hsm_name}-0", enabled=False)
        one = verify(portal, hsm_name)
        client.begin_delete_certificate(f"{hsm_name}-1").wait()
        two = verify(portal, hsm_name)
    assert (states(one), one["quorumHealth"]) == (["Disabled", "Usable", "Usable", "Usable"], "Warning")
    assert (states(two), two["quorumHealth"]) == (["Disabled", "Missing", "Usable", "Usable"], "Critical")
    assert portal.send("GET", f"hsms/{hsm_name}").json()["quorumHealth"] == "Critical"
    assert portal.send("GET", f"hsms/{hsm_name}/security-domain").json()["verification"] == two


def test_a_new_version_of_a_certificate_is_not_the_pinned_one(
    stack: Stack, portal: Portal, hsm_name: str, custodians: list[Custodian]
) -> None:
    assert provision(portal, hsm_name, in_key_vault(stack, custodians, hsm_name))["status"] == "Succeeded"
    stack.control.plant_certificate("custodians", f"{hsm_name}-0", make_custodian("another").pem)
    verification = verify(portal, hsm_name)
    assert states(verification) == ["Usable"] * 3
    assert [share["thumbprint"] for share in verification["shares"]] == [item.thumbprint for item in custodians]


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        (lambda content: content[:-1] + b" ", "Its SHA-256 is not the receipt's."),
        (lambda content: content[: len(content) // 2], "Its SHA-256 is not the receipt's."),
        (None, "It is not there."),
    ],
    ids=["changed", "cut off", "deleted"],
)
def test_what_is_stored_is_read_again(
    change: Any, fault: str, stack: Stack, portal: Portal, hsm_name: str, custodians: list[Custodian]
) -> None:
    operation = provision(portal, hsm_name, request_for(stack, custodians))
    path = f"{hsm_name}/{operation['id']}/1/security-domain.json"
    blob = stored.service(stack).get_blob_client("security-domains", path)
    content = blob.download_blob().readall()
    if change is None:
        blob.delete_blob()
    else:
        blob.upload_blob(change(content), overwrite=True)
    verification = verify(portal, hsm_name)
    assert (verification["faults"][0], verification["quorumHealth"]) == (fault, "Critical")
    assert portal.send("GET", f"hsms/{hsm_name}").json()["quorumHealth"] == "Critical"
    blob.upload_blob(content, overwrite=True)
    assert verify(portal, hsm_name)["faults"] == []


def test_a_silent_vault_is_unknown_and_fails_no_provision(
    stack: Stack, portal: Portal, hsm_name: str, custodians: list[Custodian]
) -> None:
    # Preflight and the fetch read each of three certificates once; the verification is the third to ask.
    path = f"/certificates/{hsm_name}"
    fault = NewFault(
        service="key_vault", method="GET", path=path, skip=6, count=1000, effect=Answer(kind="answer", status=503)
    )
    body = in_key_vault(stack, custodians, hsm_name)
    identifier = stack.control.inject_fault(fault)
    operation = provision(portal, hsm_name, body)
    met = stack.control.remove_fault(identifier)
    assert operation["status"] == "Succeeded", operation
    assert met >= 1
    hsm = portal.send("GET", f"hsms/{hsm_name}").json()
    assert (hsm["state"], hsm["quorumHealth"]) == ("Active", "Unknown")
    assert verify(portal, hsm_name)["quorumHealth"] == "Healthy"


def test_a_key_version_is_lost_though_its_certificate_is_not(stack: Stack, portal: Portal, hsm_name: str) -> None:
    custodians = [make_custodian(f"Custodian {number}") for number in range(4)]
    assert provision(portal, hsm_name, in_key_vault(stack, custodians, hsm_name))["status"] == "Succeeded"
    with KeyClient(VAULT, stack.portal_credential()) as client:
        client.update_key_properties(f"{hsm_name}-0", enabled=False)
    one = verify(portal, hsm_name)
    assert (states(one, "key"), states(one)) == (["Disabled", *["Usable"] * 3], ["Usable"] * 4)
    assert one["quorumHealth"] == "Warning"
    gone = NewFault(
        service="key_vault",
        method="GET",
        path=f"/keys/{hsm_name}-1",
        count=1000,
        effect=Answer(kind="answer", status=404, code="KeyNotFound"),
    )
    identifier = stack.control.inject_fault(gone)
    two = verify(portal, hsm_name)
    stack.control.remove_fault(identifier)
    assert (states(two, "key"), two["quorumHealth"]) == (["Disabled", "Missing", "Usable", "Usable"], "Critical")


def test_whoever_may_not_read_keys_does_not_know_them(
    stack: Stack, portal: Portal, hsm_name: str, custodians: list[Custodian]
) -> None:
    assert provision(portal, hsm_name, in_key_vault(stack, custodians, hsm_name))["status"] == "Succeeded"
    refused = Answer(kind="answer", status=403, code="Forbidden")
    fault = NewFault(service="key_vault", method="GET", path=f"/keys/{hsm_name}", count=1000, effect=refused)
    identifier = stack.control.inject_fault(fault)
    verification = verify(portal, hsm_name)
    assert stack.control.remove_fault(identifier) == 3
    assert (states(verification), states(verification, "key")) == (["Usable"] * 3, ["Unknown"] * 3)
    assert verification["quorumHealth"] == "Unknown"


def test_a_vault_without_purge_protection_is_a_warning_of_its_own(
    stack: Stack, portal: Portal, hsm_name: str, custodians: list[Custodian]
) -> None:
    stack.control.create_vault(f"{hsm_name}-v")
    body = in_key_vault(stack, custodians, hsm_name, f"{hsm_name}-v")
    assert provision(portal, hsm_name, body)["status"] == "Succeeded"
    assert portal.send("GET", f"hsms/{hsm_name}").json()["quorumHealth"] == "Warning"
    verification = verify(portal, hsm_name)
    assert states(verification, "purgeProtection") == [False] * 3
    (notice,) = verification["notices"]
    assert notice["code"] == "vault_without_purge_protection"
    assert all(custodian.name in notice["message"] for custodian in custodians)
    stack.control.create_vault(f"{hsm_name}-v", purge_protection=True)
    assert verify(portal, hsm_name)["quorumHealth"] == "Healthy"


def test_an_expired_certificate_is_said_and_changes_nothing(
    stack: Stack, portal: Portal, hsm_name: str, custodians: list[Custodian]
) -> None:
    soon = make_custodian("Custodian of days gone by", begins_in_days=-2, days=2, seconds=15)
    operation = provision(portal, hsm_name, in_key_vault(stack, [*custodians[:2], soon], hsm_name))
    assert operation["status"] == "Succeeded", operation
    deadline = time.monotonic() + 60
    while states(verification := verify(portal, hsm_name), "certificateExpired") != [False, False, True]:
        assert time.monotonic() < deadline, verification
        time.sleep(1)
    assert (verification["quorumHealth"], states(verification)) == ("Healthy", ["Usable"] * 3)
    (notice,) = verification["notices"]
    assert (notice["code"], soon.name in notice["message"]) == ("certificate_expired", True)


def test_what_became_of_the_certificates_does_not_keep_a_hand_over_from_being_changed(
    stack: Stack, portal: Portal, hsm_name: str, custodians: list[Custodian]
) -> None:
    sent, planted = (make_custodian(name, begins_in_days=-2, days=2, seconds=60) for name in ("sent", "planted"))
    body = in_key_vault(stack, [custodians[0], planted, custodians[2]], hsm_name)
    body["securityDomain"]["wrappingKeys"][0] = {"custodian": sent.name, "pem": sent.pem}
    first = provision(portal, hsm_name, body)
    assert first["status"] == "Succeeded", first
    with certificates(stack) as client:
        found = client.get_certificate(f"{hsm_name}-2").properties
        assert found is not None
        client.update_certificate_properties(f"{hsm_name}-2", found.version, enabled=False)
    time.sleep(max(0.0, (sent.expires_at - datetime.now(UTC)).total_seconds() + 1))
    setting = {"handover": {"settings": {"allowKeyManagementOperationsThroughARM": True}}}
    again = provision(portal, hsm_name, {**body, **setting})
    assert again["status"] == "Succeeded", again
    assert again["result"]["securityDomain"] == first["result"]["securityDomain"]
    # To another HSM a security domain is still encrypted by nobody who sends such a certificate.
    other = request_for(stack, [*custodians[:2], sent])
    refused = portal.put_hsm(f"{hsm_name}-2", other)
    assert (refused.status_code, refused.json()["code"]) == (400, "wrapping_key_expired")
    dry = portal.send("POST", f"hsms/{hsm_name}-2/preflight", json=other).json()
    assert [check["name"] for check in dry["checks"] if check.get("code") == "wrapping_key_expired"] == [
        "wrapping_key_3"
    ]


def test_what_is_not_there_or_not_theirs_is_not_found(
    stack: Stack, portal: Portal, other_portal: Portal, hsm_name: str, custodians: list[Custodian]
) -> None:
    calls = [("GET", "security-domain"), ("POST", "security-domain/verify")]
    for method, path in calls:
        assert portal.send(method, f"hsms/{hsm_name}/{path}").json()["code"] == "hsm_not_found"
    stack.control.fail_provisioning(1)
    body = request_for(stack, custodians)
    assert provision(portal, hsm_name, body)["status"] == "Failed"
    for method, path in calls:
        assert portal.send(method, f"hsms/{hsm_name}/{path}").json()["code"] == "security_domain_not_found"
    assert provision(portal, hsm_name, body)["status"] == "Succeeded"
    for method, path in calls:
        response = other_portal.send(method, f"hsms/{hsm_name}/{path}")
        assert (response.status_code, response.json()["code"]) == (404, "hsm_not_found")


def test_who_only_reads_does_not_verify(
    stack: Stack, portal: Portal, hsm_name: str, custodians: list[Custodian]
) -> None:
    assert provision(portal, hsm_name, request_for(stack, custodians))["status"] == "Succeeded"
    reader = Portal(stack, register_application(stack.control, "reader", ["Hsm.Read"], groups=[TEAM_A]))
    assert reader.send("GET", f"hsms/{hsm_name}/security-domain").status_code == 200
    assert reader.send("POST", f"hsms/{hsm_name}/security-domain/verify").json()["code"] == "role_missing"
