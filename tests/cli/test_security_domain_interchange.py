"""What the service stores the Azure CLI opens, and what the Azure CLI downloads our own code opens: each number of keys
and quorum, each size of key; one share fewer never does.
"""

import functools
import json
import random
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final, NamedTuple

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509 import load_pem_x509_certificate

from domain.security_domain.checks import Pinned, PinnedCertificate, check_security_domain, find_faults
from domain.security_domain.document import SecurityDomain, read_security_domain
from domain.security_domain.opening import derive_data_key, open_data, open_part, open_share
from domain.security_domain.restoring import check_restore_blob, make_restore_blob, read_transfer_key
from domain.security_domain.shares import Share, combine_shares
from domain.wrapping_keys import WrappingCertificate, read_pem
from local.azure.managed_hsm.security_domain import is_domain, make_security_domain, new_domain
from local.portal import Portal
from local.stack import Stack
from tests import stored
from tests.cli.conftest import Az
from tests.custodians import Custodian, make_custodian, request_for
from tests.domain.named_errors import find_code
from tests.security_domain_opener import open_share as open_wrapped
from tests.test_provision import provision
from tests.vectors.generate import FOLDER
from tests.vectors.reading import form, read, read_key, unwrap_with

pytestmark = pytest.mark.cli

type RunMany = Callable[[Sequence[Sequence[str | Path]]], list[str | None]]

SIZES: Final = (2048, 3072, 4096)
LARGEST: Final = 10
DOMAIN: Final = ("keyvault", "security-domain")
TRANSFER: Final = FOLDER / "keys" / "transfer.cer"


class Quorum(NamedTuple):
    """So many certificates of this size, of which so many shares are needed."""

    keys: int
    needed: int
    bits: int

    @property
    def name(self) -> str:
        return f"{self.needed}-of-{self.keys}-{self.bits}"

    def choose(self, count: int) -> list[int]:
        """Choose as many custodians, in any order, the same ones each time."""
        return random.Random(self.name).sample(range(self.keys), count)


QUORUMS: Final = [
    Quorum(keys, needed, bits) for bits in SIZES for keys in range(3, LARGEST + 1) for needed in range(2, keys + 1)
]


class Pool:
    """Ten custodians of each size of key, their files side by side in a folder as the Azure CLI looks for them."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._made: dict[int, list[Custodian]] = {}

    def of(self, bits: int) -> list[Custodian]:
        if bits not in self._made:
            self._made[bits] = [make_custodian(f"{bits} {number}", bits=bits) for number in range(LARGEST)]
            for number, custodian in enumerate(self._made[bits]):
                key = custodian.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
                self.key_file(bits, number).write_bytes(key)
                self.certificate_file(bits, number).write_text(custodian.pem)
        return self._made[bits]

    def key_file(self, bits: int, number: int) -> Path:
        return self.folder / f"{bits}-{number}.pem"

    def certificate_file(self, bits: int, number: int) -> Path:
        return self.folder / f"{bits}-{number}.cer"


@pytest.fixture(scope="session")
def pool(tmp_path_factory: pytest.TempPathFactory) -> Pool:
    made = Pool(tmp_path_factory.mktemp("pool"))
    for bits in SIZES:
        made.of(bits)
    return made


def restore_command(file: Path, keys: Sequence[Path], blob: Path) -> list[str | Path]:
    files = ("--sd-file", file, "--sd-exchange-key", TRANSFER, "--sd-file-restore-blob", blob)
    return [*DOMAIN, "restore-blob", *files, "--sd-wrapping-keys", *keys]


def pinned(custodians: Sequence[Custodian], quorum: int) -> Pinned:
    read_keys = [read_pem(custodian.pem) for custodian in custodians]
    keys = [key for key in read_keys if isinstance(key, WrappingCertificate)]
    return Pinned(None, quorum, [PinnedCertificate(key.thumbprint, key.der, key.modulus_bytes) for key in keys])


def open_blob(content: bytes) -> dict[str, bytes]:
    """Open a restore blob with the transfer key's private half, as the HSM does."""
    blob = json.loads(content)
    master_key = open_wrapped(blob["WrappedKey"]["enc_key"], read_key("keys/transfer.pem"))
    return {
        item["tag"]: open_part(item["compact_jwe"], item["tag"], derive_data_key(master_key, item["tag"]))
        for item in blob["EncData"]["data"]
    }


def open_one(domain: SecurityDomain, custodian: Custodian) -> Share:
    assert isinstance(custodian.key, rsa.RSAPrivateKey)
    return open_share(domain, custodian.thumbprint, unwrap_with(custodian.key))


def require_openable_by_a_quorum_alone(content: bytes, custodians: Sequence[Custodian], quorum: Quorum) -> None:
    """Open it with a quorum in any order, and find that one share fewer gives nothing."""
    assert find_faults(check_security_domain(content, pinned(custodians, quorum.needed))) == []
    domain = read_security_domain(content)
    shares = [open_one(domain, custodians[number]) for number in quorum.choose(quorum.needed)]
    assert is_domain(open_data(domain, shares))
    for missing in range(quorum.needed):
        fewer = shares[:missing] + shares[missing + 1 :]
        assert find_code(functools.partial(open_data, domain, fewer)) == "shares_too_few"
        if len(fewer) > 1:
            require_another_key(fewer, combine_shares(shares, quorum.needed))


def require_another_key(fewer: Sequence[Share], master_key: bytes) -> None:
    """Find that too few shares, taken for enough, give another key or none."""
    code = find_code(lambda: combine_shares(fewer, len(fewer)))
    assert code == "shares_contradict" or combine_shares(fewer, len(fewer)) != master_key


@pytest.mark.parametrize("bits", SIZES)
def test_the_azure_cli_opens_ours_with_a_quorum_and_never_with_one_share_fewer(
    bits: int, pool: Pool, run_many: RunMany, tmp_path: Path
) -> None:
    quorums = [quorum for quorum in QUORUMS if quorum.bits == bits]
    secrets, enough, fewer = {}, [], []
    for quorum in quorums:
        custodians = pool.of(bits)[: quorum.keys]
        certificates = [load_pem_x509_certificate(custodian.pem.encode()) for custodian in custodians]
        secrets[quorum] = new_domain()
        file = tmp_path / f"{quorum.name}.json"
        file.write_text(make_security_domain(secrets[quorum], certificates, quorum.needed))
        require_openable_by_a_quorum_alone(file.read_bytes(), custodians, quorum)
        chosen = [pool.key_file(bits, number) for number in quorum.choose(quorum.needed)]
        stranger = pool.key_file(next(size for size in SIZES if size != bits), 0)
        enough.append(restore_command(file, chosen, tmp_path / f"{quorum.name}.blob"))
        # The CLI counts the keys before it looks at one: one of a stranger makes it look.
        fewer.append(restore_command(file, [stranger, *chosen[1:]], tmp_path / "none.blob"))
    count = len(quorums)
    assert run_many([*enough, *fewer]) == [None] * count + ["Insufficient shares available."] * count
    assert not (tmp_path / "none.blob").exists()
    transfer = read_transfer_key(TRANSFER.read_text())
    for quorum in quorums:
        blob = (tmp_path / f"{quorum.name}.blob").read_bytes()
        check_restore_blob(blob, transfer.thumbprint, transfer.modulus_bytes)
        assert open_blob(blob) == secrets[quorum]
    ours = make_restore_blob(secrets[quorums[0]], transfer)
    assert form(json.loads(ours)) == form(json.loads((tmp_path / f"{quorums[0].name}.blob").read_text()))


@pytest.mark.parametrize("bits", SIZES)
@pytest.mark.usefixtures("az")
def test_what_the_azure_cli_downloads_is_opened_by_ours(
    bits: int, pool: Pool, active_hsm: str, run_many: RunMany, tmp_path: Path
) -> None:
    quorums = [quorum for quorum in QUORUMS if quorum.bits == bits]
    pool.of(bits)
    commands: list[list[str | Path]] = []
    for quorum in quorums:
        certificates = [pool.certificate_file(bits, number) for number in range(quorum.keys)]
        command = [*DOMAIN, "download", "--hsm-name", active_hsm, "--sd-quorum", str(quorum.needed)]
        file = tmp_path / f"{quorum.name}.json"
        commands.append([*command, "--security-domain-file", file, "--sd-wrapping-keys", *certificates])
    assert run_many(commands) == [None] * len(quorums)
    for quorum in quorums:
        content = (tmp_path / f"{quorum.name}.json").read_bytes()
        require_openable_by_a_quorum_alone(content, pool.of(bits)[: quorum.keys], quorum)


def test_what_the_service_stored_is_opened_by_the_command_line(
    stack: Stack, portal: Portal, hsm_name: str, pool: Pool, az: Az, tmp_path: Path
) -> None:
    """Of three custodians with keys of three sizes, the last two restore it."""
    operation = provision(portal, hsm_name, request_for(stack, [pool.of(bits)[0] for bits in SIZES]))
    assert operation["status"] == "Succeeded"
    file, blob = tmp_path / "stored.json", tmp_path / "blob.json"
    file.write_bytes(stored.read(stack, operation["result"]["securityDomain"]["blobUrl"]))
    az(*restore_command(file, [pool.key_file(4096, 0), pool.key_file(3072, 0)], blob))
    domain = read_security_domain(file.read_bytes())
    opened = open_data(domain, [open_one(domain, pool.of(bits)[0]) for bits in (2048, 4096)])
    assert open_blob(blob.read_bytes()) == opened
    assert is_domain(opened)


def test_another_hsm_takes_a_restore_blob_that_we_made_of_what_the_command_line_downloaded(
    az: Az, active_hsm: str, create: Callable[[str], Any], pool: Pool, tmp_path: Path
) -> None:
    custodians = pool.of(4096)[:3]
    file, exchange, blob = tmp_path / "domain.json", tmp_path / "exchange.cer", tmp_path / "blob.json"
    wrapping = ("--sd-wrapping-keys", *(pool.certificate_file(4096, number) for number in range(3)), "--sd-quorum", "2")
    az(*DOMAIN, "download", "--hsm-name", active_hsm, *wrapping, "--security-domain-file", file)
    domain = read_security_domain(file.read_bytes())
    data = open_data(domain, [open_one(domain, custodian) for custodian in custodians[1:]])
    other = "cli-restored-by-us"
    create(other)
    az(*DOMAIN, "init-recovery", "--hsm-name", other, "--sd-exchange-key", exchange)
    blob.write_text(make_restore_blob(data, read_transfer_key(exchange.read_text())))
    az(*DOMAIN, "upload", "--hsm-name", other, "--sd-file", blob, "--restore-blob", "--sd-exchange-key", exchange)
    shown = az("keyvault", "show", "--hsm-name", other)["properties"]["securityDomainProperties"]
    assert shown["activationStatus"] == "Active"


@pytest.mark.parametrize("folder", ["three-of-quorum-two", "five-of-quorum-three", "ten-of-quorum-ten", "mixed-sizes"])
def test_the_azure_cli_finds_in_the_vectors_what_they_say(folder: str, run_many: RunMany, tmp_path: Path) -> None:
    expected = json.loads(read(f"{folder}/expected.json"))
    keys = [FOLDER / share["key"] for share in expected["shares"]][-expected["quorum"] :]
    blob = tmp_path / "blob.json"
    assert run_many([restore_command(FOLDER / folder / "security-domain.json", keys, blob)]) == [None]
    assert {tag: text.hex() for tag, text in open_blob(blob.read_bytes()).items()} == expected["plaintexts"]
