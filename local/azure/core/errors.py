"""Typed errors: the service's code first, as Azure writes them."""

from starlette.responses import JSONResponse, Response


class ServiceFault(Exception):  # noqa: N818 - Azure calls it a fault
    """An answer other than success: status, Azure's code, and a message."""

    def __init__(self, status: int, code: str, message: str, headers: dict[str, str] | None = None) -> None:
        super().__init__(code)
        self.status = status
        self.code = code
        self.message = message
        self.headers = headers or {}

    def respond(self) -> Response:
        """Write it as ARM and the data planes do."""
        body = {"error": {"code": self.code, "message": self.message}}
        return JSONResponse(body, status_code=self.status, headers=self.headers)
