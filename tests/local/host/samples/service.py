"""A web service that the samples' apps call: it answers with what a test has laid out for it."""

from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Lock, Thread


class Service:
    """Answers with these statuses, one after the other; the last is the answer from then on."""

    def __init__(self, statuses: list[int]) -> None:
        self._statuses = statuses
        self._lock = Lock()
        self.answered: list[int] = []
        self.url = ""

    def next_status(self) -> int:
        """Give the next status, and remember it."""
        with self._lock:
            status = self._statuses.pop(0) if len(self._statuses) > 1 else self._statuses[0]
            self.answered.append(status)
            return status


@contextmanager
def serving(*statuses: int) -> Iterator[Service]:
    """Serve on a free port."""
    service = Service(list(statuses))

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(service.next_status())
            body = b"collected"
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    service.url = f"http://127.0.0.1:{server.server_address[1]}/"
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield service
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
