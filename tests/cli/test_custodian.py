"""The custodians' tool and the Azure CLI take each other's place."""

import json
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding

from local.azure.managed_hsm.security_domain import make_security_domain, new_domain
from local.azure.managed_hsm.transfer_key import make_transfer_key, open_restore_blob
from tests.cli.conftest import Az
from tests.custodian.terminal import run as run_tool
from tests.custodians import make_custodian

pytestmark = pytest.mark.cli

PASS_PHRASE = "six random words of some length"


def test_an_hsm_takes_the_restore_blob_of_the_tool(
    az: Az, create: Callable[[str], Any], active_hsm: str, custodians: Path, tmp_path: Path
) -> None:
    assert active_hsm
    create("cli-by-tool")
    hsm, domain = ("--hsm-name", "cli-by-tool"), ("keyvault", "security-domain")
    exchange, blob = tmp_path / "exchange.cer", tmp_path / "restore-blob.json"
    az(*domain, "init-recovery", *hsm, "--sd-exchange-key", exchange)
    certificate = x509.load_pem_x509_certificate(exchange.read_bytes())
    vouched = ("--transfer-key-sha256", certificate.fingerprint(hashes.SHA256()).hex())
    keys = ("--key", custodians / "0.key", "--key", custodians / "2.key")
    files = (custodians / "security-domain.json", exchange)
    restored = run_tool("restore-blob", *files, *vouched, *keys, "--output", blob, folder=tmp_path)
    assert restored.code == 0, restored
    az(*domain, "upload", *hsm, "--sd-file", blob, "--restore-blob", "--sd-exchange-key", exchange)
    shown = az("keyvault", "show", *hsm)["properties"]["securityDomainProperties"]
    assert shown["activationStatus"] == "Active"


def test_the_cli_restores_with_keys_that_the_tool_made(az: Az, tmp_path: Path) -> None:
    for name in ("ada", "grace"):
        command = ("new-key", f"{name}.p12", "--name", name, "--bits", "2048")
        assert run_tool(*command, folder=tmp_path, typed=(PASS_PHRASE, PASS_PHRASE)).code == 0
        options = ["-in", f"{name}.p12", "-passin", f"pass:{PASS_PHRASE}", "-noenc"]
        for file, what in ((f"{name}.key", "-nocerts"), (f"{name}.cer", "-nokeys")):
            subprocess.run(["openssl", "pkcs12", *options, what, "-out", file], cwd=tmp_path, check=True)
    pems = [*((tmp_path / f"{name}.pem").read_text() for name in ("ada", "grace")), make_custodian("katherine").pem]
    certificates = [x509.load_pem_x509_certificate(pem.encode()) for pem in pems]
    secrets, transfer_key = new_domain(), make_transfer_key("contoso-hsm-2.managedhsm.azure.net")
    (tmp_path / "security-domain.json").write_text(make_security_domain(secrets, certificates, 2))
    (tmp_path / "exchange.cer").write_bytes(transfer_key.certificate.public_bytes(Encoding.PEM))
    files = ("--sd-exchange-key", tmp_path / "exchange.cer", "--sd-file", tmp_path / "security-domain.json")
    keys = ("--sd-wrapping-keys", tmp_path / "ada.key", tmp_path / "grace.key")
    blob = tmp_path / "restore-blob.json"
    az("keyvault", "security-domain", "restore-blob", *files, *keys, "--sd-file-restore-blob", blob)
    assert json.loads(blob.read_text())["EncData"]["kdf"] == "sp108_kdf"
    assert open_restore_blob(blob.read_text(), transfer_key) == secrets
