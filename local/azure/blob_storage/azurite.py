"""Azurite, the real one, as a child process."""

import asyncio
import base64
import os
import secrets
import shutil
import socket
import ssl
import subprocess
from pathlib import Path
from typing import Final, NamedTuple

from local.azure.core.certificates import TlsFiles

ACCOUNT: Final = "localhsms"
ACCOUNT_HOST: Final = f"{ACCOUNT}.blob.core.windows.net"
_REPOSITORY: Final = Path(__file__).resolve().parents[3]
_MAIN: Final = _REPOSITORY / "node_modules" / "azurite" / "dist" / "src" / "blob" / "main.js"
_TOOLS: Final = _REPOSITORY / ".local" / "tools" / "bin"
_END_WITH_INPUT: Final = Path(__file__).with_name("end_with_input.js")
NEVER_COLLECT: Final = Path(__file__).with_name("never_collect.js")
_ATTEMPTS: Final = 600
STOP_SECONDS: Final = 5


class Azurite(NamedTuple):
    """A running Azurite."""

    process: subprocess.Popen[bytes]
    port: int

    def stop(self) -> None:
        """End it."""
        if self.process.stdin is not None:
            self.process.stdin.close()
        try:
            self.process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


def start_azurite(directory: Path, files: TlsFiles) -> Azurite:
    """Start Azurite on a free port; its OAuth wants TLS of its own, and checks issuer, audience and expiry."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port: int = probe.getsockname()[1]
    command = [find_node(), "--require", str(_END_WITH_INPUT), "--require", str(NEVER_COLLECT), str(_MAIN)]
    command += ["--blobHost", "127.0.0.1", "--blobPort", str(port), "--oauth", "basic"]
    command += ["--cert", str(files.certificate), "--key", str(files.key), "--inMemoryPersistence", "--silent"]
    command += ["--skipApiVersionCheck", "--disableTelemetry"]
    environment = {**os.environ, "AZURITE_ACCOUNTS": f"{ACCOUNT}:{base64.b64encode(secrets.token_bytes(64)).decode()}"}
    process = subprocess.Popen(
        command, env=environment, cwd=directory, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL
    )
    return Azurite(process, port)


def find_node() -> str:
    """Find Node where a shell would, or where `make` puts it on a machine without one."""
    found = shutil.which("node", path=os.pathsep.join([os.environ.get("PATH", os.defpath), str(_TOOLS)]))
    if found is None:
        message = "Azurite needs Node, which this machine does not have: run `make demo` once, which installs it."
        raise RuntimeError(message)
    return found


async def await_azurite(azurite: Azurite, files: TlsFiles) -> None:
    """Wait until Azurite answers; raises RuntimeError where it ended instead."""
    context = ssl.create_default_context(cafile=str(files.authority))
    for _ in range(_ATTEMPTS):
        if azurite.process.poll() is not None:
            message = f"Azurite ended with exit code {azurite.process.returncode}"
            raise RuntimeError(message)
        try:
            _, writer = await asyncio.open_connection(
                "127.0.0.1", azurite.port, ssl=context, server_hostname=ACCOUNT_HOST
            )
        except OSError:
            await asyncio.sleep(0.1)
        else:
            writer.close()
            return
    message = "Azurite did not answer in a minute"
    raise RuntimeError(message)
