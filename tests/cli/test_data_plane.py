"""The Azure CLI uses an activated HSM, backs it up, and restores its security domain into another."""

import base64
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from azure.identity import ClientSecretCredential
from azure.storage.blob import BlobServiceClient

from local.azure.control.models import MadeApplication
from local.azure.launch import LocalAzure
from tests.cli.conftest import GROUP, Az

pytestmark = pytest.mark.cli

PLAIN = base64.b64encode(b"what only the first one could decrypt").decode()
RSA = ("--algorithm", "RSA-OAEP-256", "--data-type", "base64")


@pytest.fixture(scope="session")
def crypto_hsm(az: Az, active_hsm: str, application: MadeApplication) -> str:
    """An HSM in which the application may use and back up keys."""
    for role in ("Managed HSM Crypto User", "Managed HSM Crypto Officer"):
        assignee = ("--assignee", application.object_id)
        az(
            "keyvault",
            "role",
            "assignment",
            "create",
            "--hsm-name",
            active_hsm,
            "--role",
            role,
            *assignee,
            "--scope",
            "/",
        )
    return active_hsm


@pytest.fixture(scope="session")
def key(az: Az, crypto_hsm: str) -> str:
    name = "cli-key"
    made = az("keyvault", "key", "create", "--hsm-name", crypto_hsm, "-n", name, "--kty", "RSA-HSM", "--size", "2048")
    assert made["key"]["kty"] == "RSA-HSM"
    assert made["key"]["kid"].startswith(f"https://{crypto_hsm}.managedhsm.azure.net/keys/{name}/")
    return name


def test_role_assignments(az: Az, active_hsm: str, application: MadeApplication) -> None:
    hsm = ("--hsm-name", active_hsm)
    role = ("--role", "Managed HSM Crypto Auditor", "--assignee", application.object_id, "--scope", "/keys")
    made = az("keyvault", "role", "assignment", "create", *hsm, *role)
    assert (made["roleName"], made["principalId"], made["scope"]) == (
        "Managed HSM Crypto Auditor",
        application.object_id,
        "/keys",
    )
    # Graph was asked for the name, which is the first of the principal's names.
    assert (made["principalName"], made["principalType"]) == (application.client_id, "ServicePrincipal")
    listed = az("keyvault", "role", "assignment", "list", *hsm, "--scope", "/keys")
    assert made["name"] in [item["name"] for item in listed]
    az("keyvault", "role", "assignment", "delete", *hsm, "--scope", "/keys", "--name", made["name"])
    listed = az("keyvault", "role", "assignment", "list", *hsm, "--scope", "/keys")
    assert made["name"] not in [item["name"] for item in listed]


def test_role_definitions(az: Az, active_hsm: str) -> None:
    listed = az("keyvault", "role", "definition", "list", "--hsm-name", active_hsm)
    assert "Managed HSM Administrator" in [item["roleName"] for item in listed]


def test_keys(az: Az, crypto_hsm: str, key: str) -> None:
    assert key in [item["name"] for item in az("keyvault", "key", "list", "--hsm-name", crypto_hsm)]
    named = ("--hsm-name", crypto_hsm, "-n", key)
    encrypted = az("keyvault", "key", "encrypt", *named, *RSA, "--value", PLAIN)
    assert encrypted["result"] != PLAIN
    assert az("keyvault", "key", "decrypt", *named, *RSA, "--value", encrypted["result"])["result"] == PLAIN


def test_settings(az: Az, active_hsm: str) -> None:
    hsm = ("--hsm-name", active_hsm)
    name = "AllowKeyManagementOperationsThroughARM"
    listed = az("keyvault", "setting", "list", *hsm)
    assert name in [item["name"] for item in listed]
    changed = az("keyvault", "setting", "update", *hsm, "--name", name, "--value", "true", "--setting-type", "boolean")
    assert (changed["name"], changed["value"]) == (name, "true")


def test_another_hsm_restores_the_domain_and_decrypts(
    az: Az,
    create: Callable[[str], Any],
    crypto_hsm: str,
    key: str,
    custodians: Path,
    tmp_path: Path,
    application: MadeApplication,
) -> None:
    secret = az("keyvault", "key", "encrypt", "--hsm-name", crypto_hsm, "-n", key, *RSA, "--value", PLAIN)["result"]
    backup = tmp_path / "key-backup"
    az("keyvault", "key", "backup", "--hsm-name", crypto_hsm, "-n", key, "--file", backup)
    other = "cli-restored"
    create(other)
    hsm, domain = ("--hsm-name", other), ("keyvault", "security-domain")
    exchange, blob = tmp_path / "exchange.cer", tmp_path / "restore-blob.json"
    az(*domain, "init-recovery", *hsm, "--sd-exchange-key", exchange)
    assert exchange.read_text().startswith("-----BEGIN CERTIFICATE-----")
    keys = ("--sd-wrapping-keys", custodians / "0.key", custodians / "2.key")
    files = ("--sd-exchange-key", exchange, "--sd-file", custodians / "security-domain.json")
    az(*domain, "restore-blob", *files, *keys, "--sd-file-restore-blob", blob)
    uploaded = az(*domain, "upload", *hsm, "--sd-file", blob, "--restore-blob", "--sd-exchange-key", exchange)
    assert uploaded is None or uploaded["status"] == "Success"
    shown = az("keyvault", "show", *hsm)["properties"]["securityDomainProperties"]
    assert shown["activationStatus"] == "Active"
    for role in ("Managed HSM Crypto User", "Managed HSM Crypto Officer"):
        assignee = ("--assignee", application.object_id)
        az("keyvault", "role", "assignment", "create", *hsm, "--role", role, *assignee, "--scope", "/")
    az("keyvault", "key", "restore", *hsm, "--file", backup)
    assert az("keyvault", "key", "decrypt", *hsm, "-n", key, *RSA, "--value", secret)["result"] == PLAIN


def test_a_full_backup(az: Az, crypto_hsm: str, azure: LocalAzure, application: MadeApplication) -> None:
    identity = az("identity", "create", "-n", "cli-backup", "-g", GROUP)
    az("keyvault", "update-hsm", "--hsm-name", crypto_hsm, "-g", GROUP, "--mi-user-assigned", identity["id"])
    account = azure.endpoints.storage_account_url.removeprefix("https://").partition(".")[0]
    container = "cli-backups"
    with pytest.MonkeyPatch.context() as patch:
        for name, value in azure.environment().items():
            patch.setenv(name, value)
        secret = ClientSecretCredential(azure.endpoints.tenant_id, application.client_id, application.client_secret)
        with secret, BlobServiceClient(azure.endpoints.storage_account_url, credential=secret) as service:
            service.create_container(container)
    target = ("--storage-account-name", account, "--blob-container-name", container)
    answer = az("keyvault", "backup", "start", "--hsm-name", crypto_hsm, *target, "--use-managed-identity", "true")
    assert f"{container}/mhsm-{crypto_hsm}-" in answer["folderUrl"]
