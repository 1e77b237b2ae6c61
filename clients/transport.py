"""How requests leave for Azure: with the ids of the request that they serve, whichever SDK makes them."""

from typing import TYPE_CHECKING, Any, Final

from domain.trace import current_trace

if TYPE_CHECKING:
    from azure.core.pipeline.transport import RequestsTransport

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
            request.headers.update(current_trace().headers())
            return super().send(request, **arguments)

    return TracedTransport(connection_timeout=_CONNECTION_SECONDS, read_timeout=read_seconds)
