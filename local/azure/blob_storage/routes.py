"""ACCOUNT.blob.core.windows.net: checks the token, then lets Azurite answer."""

import ssl

import httpx
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from local.azure.blob_storage.azurite import ACCOUNT_HOST, Azurite
from local.azure.core.certificates import TlsFiles
from local.azure.core.errors import ServiceFault
from local.azure.core.tokens import TokenAuthority

AUDIENCES = ["https://storage.azure.com", "https://storage.azure.com/"]
_HOP_BY_HOP = frozenset({"connection", "keep-alive", "transfer-encoding", "content-length", "host", "accept-encoding"})


def make_blob_app(azurite: Azurite, files: TlsFiles, authority: TokenAuthority) -> Starlette:
    """Make the web app in front of Azurite, which does not check a token's signature: we do."""
    context = ssl.create_default_context(cafile=str(files.authority))
    client = httpx.AsyncClient(
        verify=context, timeout=60, trust_env=False, base_url=f"https://127.0.0.1:{azurite.port}"
    )

    async def forward(request: Request) -> Response:
        authority.validate(request, AUDIENCES)
        headers = [(name, value) for name, value in request.headers.items() if name not in _HOP_BY_HOP]
        target = request.url.path + (f"?{request.url.query}" if request.url.query else "")
        # Azurite reads the account from the host name; its certificate is checked against that name, too.
        outgoing = client.build_request(
            request.method,
            target,
            headers=[*headers, ("host", ACCOUNT_HOST), ("accept-encoding", "identity")],
            content=await request.body(),
            extensions={"sni_hostname": ACCOUNT_HOST},
        )
        answer = await client.send(outgoing)
        response = Response(answer.content, status_code=answer.status_code)
        for name, value in answer.headers.multi_items():
            if name not in _HOP_BY_HOP:
                response.headers.append(name, value)
        if request.method == "HEAD" and "content-length" in answer.headers:
            response.headers["content-length"] = answer.headers["content-length"]
        return response

    methods = ["GET", "PUT", "POST", "DELETE", "HEAD", "PATCH"]
    return Starlette(
        routes=[Route("/{path:path}", forward, methods=methods)], exception_handlers={ServiceFault: _respond}
    )


async def _respond(request: Request, error: Exception) -> Response:  # noqa: ARG001 - the signature of a handler
    if not isinstance(error, ServiceFault):
        raise error
    return error.respond()
