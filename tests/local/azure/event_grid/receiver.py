"""A webhook that writes down what it gets, and answers as a test wants."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, NamedTuple


class Received(NamedTuple):
    """A request that came."""

    method: str
    headers: dict[str, str]
    body: Any


@dataclass
class Receiver:
    """What came, in its order; the next notifications are answered by `statuses`, and then by 200.

    `agrees` is whether it wants events; with `answering` it does not answer a notification before that is set.
    """

    statuses: list[int] = field(default_factory=list)
    agrees: bool = True
    answering: threading.Event | None = None
    received: list[Received] = field(default_factory=list)
    url: str = ""

    @property
    def notified(self) -> list[Received]:
        return [request for request in self.received if request.headers.get("aeg-event-type") == "Notification"]

    @property
    def numbers(self) -> list[str]:
        """The ids of all events that came, in their order."""
        bodies = [request.body if isinstance(request.body, list) else [request.body] for request in self.notified]
        return [event["id"] for body in bodies for event in body]


@contextmanager
def receiving() -> Iterator[Receiver]:
    """Run a webhook until the test is done with it."""
    receiver = Receiver()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            self._note("POST", body)
            if self.headers["aeg-event-type"] == "SubscriptionValidation":
                code = body[0]["data"]["validationCode"]
                self._answer(200, {"validationResponse": code if receiver.agrees else "other"})
                return
            if receiver.answering is not None:
                receiver.answering.wait(30)
            self._answer(receiver.statuses.pop(0) if receiver.statuses else 200, {})

        def do_OPTIONS(self) -> None:
            self._note("OPTIONS", None)
            self.send_response(200)
            if receiver.agrees:
                self.send_header("WebHook-Allowed-Origin", self.headers["WebHook-Request-Origin"])
            self.send_header("Content-Length", "0")
            self.end_headers()

        def _note(self, method: str, body: Any) -> None:
            headers = {name.lower(): value for name, value in self.headers.items()}
            receiver.received.append(Received(method, headers, body))

        def _answer(self, status: int, body: dict[str, Any]) -> None:
            content = json.dumps(body).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_: Any) -> None:
            """Say nothing."""

    class Server(ThreadingHTTPServer):
        request_queue_size = 100

        def handle_error(self, *_: Any) -> None:
            """Event Grid hangs up on who takes too long."""

    with Server(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        receiver.url = f"http://127.0.0.1:{server.server_port}/hook?code=secret"
        try:
            yield receiver
        finally:
            server.shutdown()
            thread.join()
