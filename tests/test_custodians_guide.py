"""A custodian has docs/custodians.md and the tool's two folders: its commands are run, their output is compared."""

import hashlib
import json
import re
import shlex
import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Final, NamedTuple

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding

from custodian.errors import exit_code_of
from domain.security_domain.encoding import encode
from domain.share_checks import ShareChallenge, encrypt_nonce, new_nonce
from local.azure.managed_hsm.security_domain import make_security_domain, new_domain
from local.azure.managed_hsm.transfer_key import make_transfer_key
from local.child_process import REPOSITORY
from tests.custodian.terminal import plain_environment, run_at_terminal

GUIDE: Final = REPOSITORY / "docs" / "custodians.md"
PASS_PHRASE: Final = "six random words of some length"
CUSTODIANS: Final = ("ada", "grace", "katherine")
VARYING: Final = {
    r"\b(?:[0-9a-f]{8} ){6,7}[0-9a-f]{8}\b": "GROUPS",
    r"hear it: [0-9a-f]{8}": "hear it: GROUP",
    r"\b(?:[0-9A-F]{2}:){31}[0-9A-F]{2}\b": "FINGERPRINT",
    r"\b[0-9a-f]{64}\b": "SHA256",
    r"(?<![\w-])[\w-]{43}(?![\w-])": "THUMBPRINT",
    r"\b20\d\d-\d\d-\d\d\b": "DATE",
}


class Shown(NamedTuple):
    """A command of the guide, and what the guide shows of it."""

    command: str
    output: str


def read_guide() -> list[Shown]:
    blocks = re.findall(r"^```console\n(.*?)^```", GUIDE.read_text(), re.MULTILINE | re.DOTALL)
    texts = [text for block in blocks for text in re.split(r"^\$ ", block, flags=re.MULTILINE)[1:]]
    found = [re.fullmatch(r"((?:[^\n]*\\\n)*[^\n]*)\n(.*)", text, re.DOTALL) for text in texts]
    return [Shown(match[1].replace("\\\n", " "), match[2]) for match in found if match]


def mask(text: str) -> str:
    for pattern, word in VARYING.items():
        text = re.sub(pattern, word, text)
    return "\n".join(line.rstrip() for line in text.strip().splitlines())


class Reader:
    """Does in a folder what the guide says, and what others do meanwhile."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        for name in ("custodian", "domain"):
            shutil.copytree(REPOSITORY / name, folder / name)
        self._others: dict[str, Callable[[], None]] = {
            "grace.pem": lambda: self._make_key("grace"),
            "katherine.pem": lambda: self._make_key("katherine"),
            "receipt.json": self._write_receipt,
            "challenge.json": self._write_challenge,
            "transfer-key.pem": self._write_transfer_key,
        }

    def run(self, command: str) -> str:
        """Run a command, once the files are there that others have to bring; give what stands at the terminal."""
        if "security-domain.json" in command and not (self.folder / "security-domain.json").exists():
            for name in CUSTODIANS[1:]:
                self._make_key(name)
            certificates = [self._certificate(name) for name in CUSTODIANS]
            (self.folder / "security-domain.json").write_text(make_security_domain(new_domain(), certificates, 2))
        for name, bring in self._others.items():
            if name in command and not (self.folder / name).exists():
                bring()
        if "TRANSFER_KEY_SHA256" in command:
            digest = self._certificate("transfer-key").fingerprint(hashes.SHA256()).hex()
            command = command.replace("TRANSFER_KEY_SHA256", digest)
        environment = plain_environment(PYTHONPATH="", COLUMNS="100")
        environment["PATH"] = f"{Path(sys.executable).parent}:{environment['PATH']}"
        typed = [*self._spoken(command), PASS_PHRASE, PASS_PHRASE]
        ended = run_at_terminal(["bash", "-c", command], self.folder, typed, environment, together=True)
        assert ended.code == 0, ended.screen
        return ended.screen

    def _spoken(self, command: str) -> list[str]:
        if "open-share" not in command:
            return []
        return [self._certificate("opening").fingerprint(hashes.SHA256()).hex()[-8:]]

    def _make_key(self, name: str) -> None:
        if not (self.folder / f"{name}.p12").exists():
            self.run(shlex.join(["python", "-m", "custodian", "new-key", f"{name}.p12", "--name", name.title()]))

    def _certificate(self, name: str) -> x509.Certificate:
        return x509.load_pem_x509_certificate((self.folder / f"{name}.pem").read_bytes())

    def _sha256(self) -> str:
        return hashlib.sha256((self.folder / "security-domain.json").read_bytes()).hexdigest()

    def _write_receipt(self) -> None:
        (self.folder / "receipt.json").write_text(json.dumps({"sha256": self._sha256(), "quorum": 2}))

    def _write_challenge(self) -> None:
        der = self._certificate("ada").public_bytes(Encoding.DER)
        challenge = {
            "id": "01M865QVTX4E83NPAB5GCA8VE5",
            "hsm": "contoso-hsm",
            "security_domain_sha256": self._sha256(),
            "thumbprint": encode(hashlib.sha256(der).digest()),
            "encrypted_nonce": encrypt_nonce(new_nonce(), der),
            "expires_at": "2099-01-01T00:00:00Z",
        }
        (self.folder / "challenge.json").write_text(ShareChallenge.model_validate(challenge).to_json())

    def _write_transfer_key(self) -> None:
        pem = make_transfer_key("contoso-hsm-2.managedhsm.azure.net").certificate.public_bytes(Encoding.PEM)
        (self.folder / "transfer-key.pem").write_bytes(pem)


def test_every_command_says_what_the_guide_shows(tmp_path: Path) -> None:
    reader = Reader(tmp_path)
    shown = read_guide()
    assert len(shown) == 11
    for command, output in shown:
        assert mask(reader.run(command)) == mask(output), command


def test_every_command_of_the_tool_is_in_the_guide() -> None:
    used = {shlex.split(shown.command)[3] for shown in read_guide() if shown.command.startswith("python -m custodian")}
    named = re.findall(r'add\("([a-z-]+)"', (REPOSITORY / "custodian" / "command_line.py").read_text())
    assert used == set(named)


def test_the_guide_lists_every_code_and_how_it_ends() -> None:
    listed = dict(re.findall(r"^\| `([a-z0-9_]+)` \| (\d) \|", GUIDE.read_text(), re.MULTILINE))
    files = [*(REPOSITORY / "custodian").glob("*.py"), *(REPOSITORY / "domain" / "security_domain").glob("*.py")]
    codes = {code for path in files for code in re.findall(r'(?:Error|_refuse)\(\s*"([a-z0-9_]+)"', path.read_text())}
    assert listed == {code: str(exit_code_of(code)) for code in codes}
