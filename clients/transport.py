"""How requests leave for Azure: at once, and with the ids of the request that they serve, whichever SDK makes them."""

from typing import TYPE_CHECKING, Any, Final

from domain.spans import recording_call
from domain.trace import current_trace

if TYPE_CHECKING:
    from azure.core.pipeline.transport import RequestsTransport
    from requests import Session

_CONNECTION_SECONDS: Final = 10
_READ_SECONDS: Final = 60


def make_transport(read_seconds: float = _READ_SECONDS) -> "RequestsTransport":
    """Make the transport of one client; `read_seconds` is how long it waits for an answer to go on.

    The last thing before the wire: the SDKs put policies together differently, and write ids of their own.
    """
    from azure.core.pipeline.transport import RequestsTransport

    # azure.core gives it out untyped.
    class TracedTransport(RequestsTransport):  # type: ignore[misc]
        """Adds `x-ms-client-request-id` and `traceparent` to every request."""

        def send(self, request: Any, **arguments: Any) -> Any:
            """Send a request as part of the trace that is carried here."""
            headers = current_trace().headers()
            request.headers.update(headers)
            with recording_call(request.method, request.url, headers.get("traceparent")) as call:
                response = super().send(request, **arguments)
                call.status = response.status_code
            return response

    return TracedTransport(session=_make_session(), connection_timeout=_CONNECTION_SECONDS, read_timeout=read_seconds)


def _make_session() -> "Session":
    """Make a session that sends what is written at once behind a proxy, too.

    There urllib3 leaves Nagle's algorithm on (2.x, `HTTPConnectionPool.__init__`): the body of each request, which is
    written after its head, waits some 40 ms for the other side to say that the head has come.
    """
    # What azure.core mounts. It reads larger blocks where requests asks it for connections as before 2.32.
    from azure.core.pipeline.transport._bigger_block_size_http_adapters import BiggerBlockSizeHTTPAdapter
    from requests import Session
    from urllib3 import Retry
    from urllib3.connection import HTTPConnection

    class PromptAdapter(BiggerBlockSizeHTTPAdapter):
        """Has no connection wait for more to send."""

        def proxy_manager_for(self, proxy: str, **arguments: Any) -> Any:
            """Make the way through a proxy, with the options that connections have without one."""
            options = HTTPConnection.default_socket_options
            return super().proxy_manager_for(proxy, **{"socket_options": options, **arguments})

    session = Session()
    # As azure.core's own session has it: the SDKs' policies try again, nothing below them does.
    session.mount("https://", PromptAdapter(max_retries=Retry(total=False, redirect=False, raise_on_status=False)))
    return session
