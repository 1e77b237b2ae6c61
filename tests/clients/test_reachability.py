"""What keeps a request from being answered is told apart, by what the transport really raises."""

import json
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from http import HTTPStatus
from pathlib import Path
from typing import Any

import pytest
from azure.core import PipelineClient
from azure.core.exceptions import AzureError
from azure.core.pipeline.transport import HttpRequest, RequestsTransport
from azure.core.rest import HttpRequest as Request

from clients.reachability import _classify, _judge
from local.azure.core.certificates import make_tls_files

Behaviour = Callable[[socket.socket], None]


@contextmanager
def listening(behave: Behaviour) -> Iterator[str]:
    """Listen for one connection."""

    def serve() -> None:
        connection, _ = listener.accept()
        with closing(connection):
            behave(connection)

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield f"https://127.0.0.1:{listener.getsockname()[1]}/"
        thread.join(5)


def obstacle(url: str) -> str:
    with RequestsTransport(connection_timeout=0.5, read_timeout=0.5, use_env_settings=False) as transport:
        with pytest.raises(AzureError) as raised:
            transport.send(HttpRequest("GET", url))
        return _classify(raised.value)


def silent(connection: socket.socket) -> None:
    connection.recv(4096)
    threading.Event().wait(1)


def gone(connection: socket.socket) -> None:
    connection.recv(4096)


def test_a_name_that_does_not_resolve() -> None:
    assert obstacle("https://no-such-hsm.invalid/") == "name"


def test_a_port_that_refuses() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    assert obstacle(f"https://127.0.0.1:{port}/") == "refused"


def test_one_who_does_not_answer_and_one_who_goes_away() -> None:
    with listening(silent) as url:
        assert obstacle(url) == "timeout"
    with listening(gone) as url:
        assert obstacle(url) == "broken"


def test_a_certificate_of_an_authority_that_nobody_knows(tmp_path: Path) -> None:
    files = make_tls_files(tmp_path)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(files.certificate, files.key)

    def shake_hands(connection: socket.socket) -> None:
        # The client refuses the certificate: an alert, or a reset, comes in place of a handshake.
        with suppress(OSError):
            context.wrap_socket(connection, server_side=True)

    with listening(shake_hands) as url:
        assert obstacle(url) == "certificate"


BY_ADDRESS = "Client address (203.0.113.7) is not authorized and caller is not a trusted service."
BY_LINK = "Public network access is disabled and request is not from a trusted service nor via an approved link."


@pytest.mark.parametrize(
    ("status", "message", "found"),
    [
        (HTTPStatus.OK, "", None),
        (HTTPStatus.NOT_FOUND, "There was no download.", None),
        (HTTPStatus.UNAUTHORIZED, "No token.", None),
        (HTTPStatus.FORBIDDEN, "Not authorized to access /securitydomain/download/read on /", None),
        (HTTPStatus.FORBIDDEN, BY_ADDRESS, "firewall"),
        (HTTPStatus.FORBIDDEN, BY_LINK, "firewall"),
        (HTTPStatus.SERVICE_UNAVAILABLE, "Later.", "unavailable"),
    ],
)
def test_an_answer_says_that_it_is_reached_unless_the_network_is_to_blame(
    status: HTTPStatus, message: str, found: str | None
) -> None:
    body = json.dumps({"error": {"code": "Forbidden", "message": message}}).encode()
    head = f"HTTP/1.1 {status.value} {status.phrase}\r\nContent-Length: {len(body)}\r\nConnection: close\r\n\r\n"

    def answer(connection: socket.socket) -> None:
        connection.recv(4096)
        connection.sendall(head.encode() + body)

    with listening(answer) as url, RequestsTransport(use_env_settings=False) as transport:
        address = url.replace("https:", "http:")
        client: PipelineClient[Request, Any] = PipelineClient(address, transport=transport, policies=[])
        assert _judge(client.send_request(Request("GET", address))) == found
