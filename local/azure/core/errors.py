"""Typed errors: the service's code first, as Azure writes them."""

from starlette.requests import Request
from starlette.responses import JSONResponse, Response


class ServiceFault(Exception):  # noqa: N818 - Azure calls it a fault
    """An answer other than success: status, Azure's code, and a message; `body` where it is not Azure's usual one."""

    def __init__(
        self,
        status: int,
        code: str,
        message: str,
        headers: dict[str, str] | None = None,
        body: bytes | None = None,
    ) -> None:
        super().__init__(code)
        self.status = status
        self.code = code
        self.message = message
        self.headers = headers or {}
        self._body = body

    def respond(self) -> Response:
        """Write it as ARM and the data planes do."""
        if self._body is not None:
            return Response(self._body, self.status, self.headers, "application/json")
        body = {"error": {"code": self.code, "message": self.message}}
        return JSONResponse(body, status_code=self.status, headers=self.headers)


async def respond_to_fault(request: Request, error: Exception) -> Response:  # noqa: ARG001 - a handler's signature
    """Write a fault that a handler raised; for an app's `exception_handlers`."""
    if not isinstance(error, ServiceFault):
        raise error
    return error.respond()


def no_such_endpoint(request: Request) -> Response:
    """Answer for what the local Azure does not have, so that nobody takes it for an answer of Azure's."""
    message = f"The local Azure has no {request.method} {request.url.path}."
    return ServiceFault(404, "NotInLocalAzure", message).respond()
