"""The demonstration: one HSM from nothing to handed over, its security domain stored and verified, as it happens."""

import base64
import hashlib
import json
import shutil
import time
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from rich.console import Console
from rich.live import Live
from rich.table import Table

from domain.handover.steps import BUILDING, PASSING, STEPS_BY_MEMBER
from domain.steps import PROVISION_STEPS
from local.azure.control.models import NewToken
from local.child_process import REPOSITORY
from local.copy_container import copy_container
from local.policy import policy
from local.portal import Portal
from local.stack import Stack, running_stack

if TYPE_CHECKING:
    from azure.core.credentials import AccessToken

REPORT_FILE: Final = REPOSITORY / ".local" / "demo.json"
PROVISIONING_SECONDS: Final = 8
ACTIVATION_SECONDS: Final = 4
AUDIT_COPY: Final = REPOSITORY / ".local" / "audit"
MANAGED_HSM: Final = "https://managedhsm.azure.net"
QUORUM: Final = 2
HSM_NAME: Final = "contoso-hsm"
CUSTODIANS: Final = {"custodian-1": "Ada L.", "custodian-2": "Grace H.", "custodian-3": "Katherine J."}
ADMINISTRATORS: Final = "HSM administrators of team a"
# Nobody asks for more than that the service gives its administration up.
HANDOVER: Final = {"administration": {"giveUp": True}}
_REGIONS: Final = ("add_regions", "await_regions")
_OPTIONAL: Final = {"await_approval", "reach_data_plane", *_REGIONS, *BUILDING, *STEPS_BY_MEMBER[PASSING]} - {
    "give_up_administration"
}
NOT_NEEDED: Final = tuple(step for step in PROVISION_STEPS if step in _OPTIONAL)
MARKS: Final = {"NotStarted": "·", "Running": "…", "Succeeded": "✓", "Failed": "✗"}


def run_demo() -> int:
    """Run it, write `.local/demo.json`, and give the exit code: 0 only if everything is as promised."""
    console = Console(highlight=False)
    REPORT_FILE.unlink(missing_ok=True)
    shutil.rmtree(AUDIT_COPY, ignore_errors=True)
    started = time.monotonic()
    with running_stack(
        REPOSITORY / ".local" / "demo",
        provisioning_seconds=PROVISIONING_SECONDS,
        activation_seconds=ACTIVATION_SECONDS,
        tell=console.print,
        settings={"HSM_PROVISIONER_POLICY": policy(environments={"development": {"handover": HANDOVER}})},
    ) as stack:
        administrators = stack.control.create_group(ADMINISTRATORS)
        stack.control.create_person("An administrator", "administrator@contoso.example", groups=[administrators])
        console.print("making three custodians' certificates in Key Vault")
        certificates = create_certificates(stack)
        portal = Portal(stack)
        console.print(f"PUT /api/hsms/{HSM_NAME}")
        response = portal.put_hsm(HSM_NAME, request_body(stack, certificates, administrators))
        response.raise_for_status()
        operation = _follow(console, portal, response.json()["id"])
        hsm = portal.send("GET", f"hsms/{HSM_NAME}").json()
        handover = portal.send("GET", f"hsms/{HSM_NAME}/handover").json()
        report = make_report(operation, hsm, handover, time.monotonic() - started)
        blob_url = report["securityDomain"]["blobUrl"]
        content = read_stored(stack, blob_url) if blob_url else b""
        copy_container(stack, "audit", AUDIT_COPY)
        faults = [
            *find_faults(report, content, list(certificates.values()), stack.control.hsms()),
            *find_others(list_administrators(stack, administrators), administrators),
        ]
    _write(REPORT_FILE, report)
    _show_result(console, report, operation)
    for fault in faults:
        console.print(f"not as promised: {fault}", style="red")
    return 1 if faults else 0


def create_certificates(stack: Stack) -> dict[str, str]:
    """Have each custodian's certificate made in the local Key Vault, its private half not exportable.

    Gives the certificates' ids and, for each, the thumbprint by which a restore finds its share.
    """
    from azure.keyvault.certificates import CertificateClient, CertificatePolicy

    url = stack.azure.endpoints.key_vault_url
    thumbprints = {}
    with stack.portal_credential() as credential, CertificateClient(url, credential) as vault:
        for name, custodian in CUSTODIANS.items():
            wanted = CertificatePolicy(
                "Self", subject=f"CN={custodian}", key_type="RSA", key_size=3072, exportable=False
            )
            vault.begin_create_certificate(name, wanted, _polling_interval=0).result()
            der = bytes(vault.get_certificate(name).cer or b"")
            digest = base64.urlsafe_b64encode(hashlib.sha256(der).digest())
            thumbprints[f"{url}/certificates/{name}"] = digest.rstrip(b"=").decode()
    return thumbprints


def read_stored(stack: Stack, blob_url: str) -> bytes:
    """Read what was stored, as an auditor would."""
    from azure.storage.blob import BlobClient

    with stack.portal_credential() as credential, BlobClient.from_blob_url(blob_url, credential) as blob:
        return blob.download_blob().readall()


def list_administrators(stack: Stack, group: str) -> set[str]:
    """Ask the HSM, as somebody of the administrators' group, who has any local role of it."""
    from azure.keyvault.administration import KeyVaultAccessControlClient

    uri = f"https://{HSM_NAME}.managedhsm.azure.net"
    token = stack.control.create_token(NewToken(audience=MANAGED_HSM, person=True, groups=[group]))
    with KeyVaultAccessControlClient(uri, _Token(token)) as local_roles:
        found = [assignment.properties for assignment in local_roles.list_role_assignments("/")]
    return {str(properties.principal_id) for properties in found if properties}


class _Token:
    """Somebody who signed in already."""

    def __init__(self, token: str) -> None:
        self._token = token

    def get_token(self, *_scopes: str, **_options: Any) -> "AccessToken":
        """Give the token, as a credential of Azure's SDKs does."""
        from azure.core.credentials import AccessToken

        return AccessToken(self._token, int(time.time()) + 3600)


def request_body(stack: Stack, certificates: Iterable[str], administrators: str) -> dict[str, Any]:
    """Write the request as a portal would."""
    return {
        "subscriptionId": stack.azure.endpoints.subscription_id,
        "resourceGroup": "rg-hsm",
        "location": "norwayeast",
        "sku": "Standard_B1",
        "administrators": [administrators],
        "softDeleteRetentionDays": 7,
        "purgeProtection": False,
        "publicNetworkAccess": "Enabled",
        "environment": "development",
        "tags": {"owner": "team-a"},
        "securityDomain": {
            "quorum": QUORUM,
            "wrappingKeys": [
                {"custodian": custodian, "certificateId": certificate}
                for custodian, certificate in zip(CUSTODIANS.values(), certificates, strict=True)
            ],
        },
    }


def make_report(
    operation: dict[str, Any], hsm: dict[str, Any], handover: dict[str, Any], seconds: float
) -> dict[str, Any]:
    """Say what exists now, for programs."""
    domain = hsm.get("securityDomain", {})
    waiting = sum(_duration(step) for step in operation["steps"] if step["name"].startswith("await_"))
    return {
        "hsm": {name: hsm.get(name) for name in ("name", "uri", "state")},
        "operation": {"id": operation["id"], "status": operation["status"], "steps": operation["steps"]},
        "securityDomain": {
            "blobUrl": domain.get("blobUrl"),
            "sha256": domain.get("sha256"),
            "size": domain.get("size"),
            "quorum": domain.get("quorum"),
            "shares": len(domain.get("thumbprints", [])),
            "thumbprints": domain.get("thumbprints", []),
        },
        "handover": {
            "administrators": handover.get("administrators", []),
            "built": [part["part"] for part in handover.get("parts", []) if part["state"] == "Built"],
            "toDo": [duty["title"] for duty in handover.get("toDo", [])],
        },
        "seconds": {"total": round(seconds, 1), "waitingForHsm": round(waiting, 1)},
    }


def find_faults(
    report: dict[str, Any], content: bytes, thumbprints: list[str], hsms: list[dict[str, Any]]
) -> list[str]:
    """Name what is not as the demonstration promises: by the report, by what is stored, and by Azure's own word."""
    operation, domain = report["operation"], report["securityDomain"]
    stored = json.loads(content)["SharedKeys"] if content else {}
    shares = [share["x5t_256"] for share in stored.get("enc_shares", [])]
    expected = {
        "the operation succeeded": operation["status"] == "Succeeded",
        "every step succeeded": {step["status"] for step in operation["steps"]} == {"Succeeded", "Skipped"},
        "only what nobody asked for was not needed": tuple(
            step["name"] for step in operation["steps"] if step["status"] == "Skipped"
        )
        == NOT_NEEDED,
        "the service says that it gave its administration up": report["handover"]["built"] == ["administration"],
        "the HSM is active": report["hsm"]["state"] == "Active" and bool(report["hsm"]["uri"]),
        "Azure has this HSM alone, active": [(hsm["name"], hsm["active"]) for hsm in hsms] == [(HSM_NAME, True)],
        "the stored bytes are those of the receipt": hashlib.sha256(content).hexdigest() == domain["sha256"],
        "all of them are stored": len(content) == domain["size"] > 0,
        "each custodian has a share": shares == domain["thumbprints"] == thumbprints,
        "the quorum is 2": stored.get("required") == domain["quorum"] == QUORUM,
    }
    return [promise for promise, kept in expected.items() if not kept]


def find_others(administrators: set[str], group: str) -> list[str]:
    """Name what is not as promised of who has local roles of the HSM."""
    return [] if administrators == {group} else [f"{ADMINISTRATORS} alone administer the HSM"]


def _follow(console: Console, portal: Portal, operation_id: str) -> dict[str, Any]:
    if console.is_terminal:
        with Live(console=console, refresh_per_second=8) as live:
            return portal.follow(operation_id, show=lambda operation: live.update(_table(operation)))
    seen: dict[str, str] = {}

    def show(operation: dict[str, Any]) -> None:
        for step in operation["steps"]:
            if step["status"] not in ("NotStarted", "Skipped") and seen.get(step["name"]) != step["status"]:
                seen[step["name"]] = step["status"]
                console.print(f"  {step['name']}: {step['status']}")

    operation = portal.follow(operation_id, show=show)
    console.print(f"  {_not_needed(operation)}")
    return operation


def _table(operation: dict[str, Any]) -> Table:
    table = Table("", "step", "status", "seconds", "attempts", title=f"{operation['id']}: {operation['status']}")
    table.caption = _not_needed(operation)
    for step in operation["steps"]:
        if step["status"] == "Skipped":
            continue
        seconds = f"{_duration(step):.1f}" if "startedAt" in step else ""
        table.add_row(MARKS[step["status"]], step["name"], step["status"], seconds, str(step["attempts"]))
    return table


def _not_needed(operation: dict[str, Any]) -> str:
    skipped = sum(step["status"] == "Skipped" for step in operation["steps"])
    return f"not needed: {skipped} of {len(operation['steps'])} steps"


def _end_of_service(report: dict[str, Any]) -> str:
    gave_up = "administration" in report["handover"]["built"]
    return "the service gave its administration up" if gave_up else "and still the service"


def _show_result(console: Console, report: dict[str, Any], operation: dict[str, Any]) -> None:
    hsm, domain = report["hsm"], report["securityDomain"]
    console.print()
    for label, value in {
        "HSM": f"{hsm['uri']}  {hsm['state']}",
        "security domain": domain["blobUrl"],
        "SHA-256": domain["sha256"],
        "quorum": f"{domain['quorum']} of {domain['shares']}: {', '.join(CUSTODIANS.values())}",
        "administrators": f"{ADMINISTRATORS}; {_end_of_service(report)}",
        "hand-over sheet": f"/api/hsms/{HSM_NAME}/handover: {len(report['handover']['toDo'])} things to do",
        "operation": f"{report['operation']['id']}  {report['operation']['status']}",
        "took": f"{report['seconds']['total']} s, {report['seconds']['waitingForHsm']} s of it waiting for the HSM",
    }.items():
        console.print(f"{label:>16}  {value}", soft_wrap=True)
    for warning in operation.get("warnings", []):
        console.print(f"{'warning':>16}  {warning['message']}", soft_wrap=True)
    if "error" in operation:
        console.print(f"{'error':>16}  {operation['error']['code']}: {operation['error']['message']}", soft_wrap=True)


def _duration(step: dict[str, Any]) -> float:
    if "startedAt" not in step:
        return 0
    began = datetime.fromisoformat(step["startedAt"])
    ended = datetime.fromisoformat(step["finishedAt"]) if "finishedAt" in step else datetime.now(UTC)
    return (ended - began).total_seconds()


def _write(path: Path, report: dict[str, Any]) -> None:
    partial = path.with_suffix(".partial")
    partial.write_text(json.dumps(report, indent=2) + "\n")
    partial.replace(path)
