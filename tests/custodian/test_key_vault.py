"""Keys that stay in a Key Vault: the vault unwraps, under the sign-in of the custodian."""

import hashlib
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest
from azure.identity import ClientSecretCredential
from azure.keyvault.certificates import CertificateClient, CertificatePolicy, KeyVaultCertificate
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from domain.security_domain.encoding import encode
from domain.share_checks import ShareChallenge, encrypt_nonce, new_nonce, prove
from local.azure.control.client import ControlClient
from local.azure.control.models import MadeApplication
from local.azure.launch import LocalAzure, start_local_azure
from local.azure.managed_hsm.security_domain import make_security_domain, new_domain
from tests.custodian.terminal import Ended, plain_environment, run, run_at_terminal
from tests.custodian.watching import watch
from tests.custodians import make_custodian

VAULT = "custodians-vault"
UNWRAPPERS = "Key Vault Crypto Service Encryption User"


class Vaulted(NamedTuple):
    """A security domain of which two custodians' keys are in a vault, one's is in a file."""

    folder: Path
    azure: LocalAzure
    custodian: MadeApplication
    stranger: MadeApplication
    key_ids: list[str]
    certificates: list[x509.Certificate]

    def run(self, *arguments: str | Path, application: MadeApplication | None = None, **variables: str) -> Ended:
        environment = plain_environment(**{**self.sign_in(application or self.custodian), **variables})
        return run(*arguments, folder=self.folder, environment=environment)

    def sign_in(self, application: MadeApplication) -> dict[str, str]:
        """Give the variables by which the Azure SDKs find the local Azure, and sign in there."""
        return {
            **self.azure.environment(),
            "AZURE_TENANT_ID": self.azure.endpoints.tenant_id,
            "AZURE_CLIENT_ID": application.client_id,
            "AZURE_CLIENT_SECRET": application.client_secret,
        }


@pytest.fixture(scope="module")
def vaulted(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Vaulted]:
    azure = start_local_azure(tmp_path_factory.mktemp("azure"), 0, 0)
    control = ControlClient(azure.endpoints.control_url)
    custodian, stranger = (control.create_application(name, {}) for name in ("custodian", "stranger"))
    assigned = {custodian.object_id: [UNWRAPPERS, "Key Vault Certificates Officer"]}
    control.create_vault(VAULT, restricted=True, assignments=assigned)
    folder = tmp_path_factory.mktemp("vaulted")
    with pytest.MonkeyPatch.context() as patch:
        for name, value in azure.environment().items():
            patch.setenv(name, value)
        made = [make_in_vault(azure, custodian, name) for name in ("ada", "grace")]
    katherine = make_custodian("katherine")
    certificates = [x509.load_der_x509_certificate(bytes(item.cer or b"")) for item in made]
    certificates.append(x509.load_pem_x509_certificate(katherine.pem.encode()))
    (folder / "security-domain.json").write_text(make_security_domain(new_domain(), certificates, 2))
    for name, certificate in zip(("ada", "grace", "katherine"), certificates, strict=True):
        (folder / f"{name}.cer").write_bytes(certificate.public_bytes(Encoding.DER))
    yield Vaulted(folder, azure, custodian, stranger, [str(item.key_id) for item in made], certificates)
    azure.process.stop()


def make_in_vault(azure: LocalAzure, application: MadeApplication, name: str) -> KeyVaultCertificate:
    """Make a certificate by default but that its key stays: it may unwrap then, and not decrypt."""
    endpoints = azure.endpoints
    with (
        ClientSecretCredential(endpoints.tenant_id, application.client_id, application.client_secret) as credential,
        CertificateClient(f"https://{VAULT}.vault.azure.net", credential) as client,
    ):
        policy = CertificatePolicy("Self", subject=f"CN={name}", exportable=False, key_type="RSA", key_size=2048)
        made = client.begin_create_certificate(name, policy, _polling_interval=0).result()
        assert isinstance(made, KeyVaultCertificate)
        return made


def test_keys_that_never_leave_their_vault_open_everything(vaulted: Vaulted) -> None:
    keys = [argument for key_id in vaulted.key_ids for argument in ("--key-vault-key", key_id)]
    drilled = vaulted.run("drill", "security-domain.json", *keys, "--certificate", "ada.cer", "grace.cer", "--json")
    assert drilled.code == 0, drilled
    opened = [(share["number"], share["openedBy"]) for share in drilled.document()["shares"]]
    assert opened == [(1, f"ada in {VAULT}"), (2, f"grace in {VAULT}")]


def test_a_challenge_is_answered_from_the_vault_and_no_session_key_is_written(vaulted: Vaulted) -> None:
    nonce, der = new_nonce(), vaulted.certificates[1].public_bytes(Encoding.DER)
    sha256 = hashlib.sha256((vaulted.folder / "security-domain.json").read_bytes()).hexdigest()
    challenge = ShareChallenge.model_validate(
        {
            "id": "01M865QVTX4E83NPAB5GCA8VE5",
            "hsm": "contoso-hsm",
            "security_domain_sha256": sha256,
            "thumbprint": encode(hashlib.sha256(der).digest()),
            "encrypted_nonce": encrypt_nonce(nonce, der),
            "expires_at": "2099-01-01T00:00:00Z",
        }
    )
    (vaulted.folder / "challenge.json").write_text(challenge.to_json())
    log = vaulted.folder / "session-keys"
    command = ("check-share", "security-domain.json", "challenge.json", "--key-vault-key", vaulted.key_ids[1], "--json")
    checked = vaulted.run(*command, SSLKEYLOGFILE=str(log))
    assert checked.code == 0, checked
    assert checked.document()["proof"] == prove(nonce, challenge.id, sha256, challenge.thumbprint)
    assert not log.exists()


def test_it_talks_to_nobody_else_and_writes_nothing(vaulted: Vaulted) -> None:
    command = ("check-share", "security-domain.json", "--key-vault-key", vaulted.key_ids[0])
    watched = watch(vaulted.folder, *command, **vaulted.sign_in(vaulted.custodian))
    assert watched.ended.code == 0, watched.ended
    assert watched.wrote <= {"/dev/null"}
    # The SDKs say in a header what machine it is.
    assert watched.programs in ([], [["uname", "-p"]])
    assert watched.addresses == {"127.0.0.1"}


def test_a_key_of_another_domain_opens_nothing(vaulted: Vaulted) -> None:
    other = make_security_domain(new_domain(), [vaulted.certificates[index] for index in (0, 0, 2)], 2)
    (vaulted.folder / "other.json").write_text(other)
    refused = vaulted.run("check-share", "other.json", "--key-vault-key", vaulted.key_ids[1])
    assert (refused.code, refused.refusal()) == (2, "no_share_for_key")


def test_whoever_may_not_unwrap_is_told(vaulted: Vaulted) -> None:
    command = ("check-share", "security-domain.json", "--key-vault-key", vaulted.key_ids[0])
    refused = vaulted.run(*command, application=vaulted.stranger)
    assert (refused.code, refused.refusal()) == (1, "key_vault_forbids")
    missing = vaulted.run(*command[:-1], vaulted.key_ids[0].replace("/ada/", "/nobody/"))
    assert (missing.code, missing.refusal()) == (1, "key_vault_refuses")
    signed_out = vaulted.run(*command, AZURE_CLIENT_SECRET="wrong", AZURE_TOKEN_CREDENTIALS="EnvironmentCredential")
    assert (signed_out.code, signed_out.refusal()) == (1, "not_signed_in")


def test_without_the_extra_packages_it_says_what_to_install(vaulted: Vaulted) -> None:
    program = "\n".join(
        [
            "import sys",
            "sys.modules['azure.keyvault.keys.crypto'] = None",
            "from custodian.__main__ import main",
            f"sys.argv[1:] = ['check-share', 'security-domain.json', '--key-vault-key', '{vaulted.key_ids[0]}']",
            "sys.exit(main())",
        ]
    )
    refused = run_at_terminal([sys.executable, "-c", program], vaulted.folder, (), plain_environment())
    assert (refused.code, refused.refusal()) == (1, "key_vault_not_installed")
