"""The `Date` of answers: the time by the local Azure's clock, not by the machine's."""

from email.utils import formatdate

from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from local.clock import Clock


def with_date(app: ASGIApp, clock: Clock) -> ASGIApp:
    """Have an app say when it answers; what it says by itself stays."""

    async def answer(scope: Scope, receive: Receive, send: Send) -> None:
        async def dated(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message).setdefault("Date", formatdate(clock.now(), usegmt=True))
            await send(message)

        await app(scope, receive, dated)

    return answer
