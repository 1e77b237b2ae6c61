"""ACCOUNT.blob.core.windows.net: what Azurite does not do is done here, then it answers."""

from typing import Final

from aiohttp import ClientResponse
from starlette.requests import ClientDisconnect, Request
from starlette.types import ASGIApp, Receive, Scope, Send

from local.azure.blob_storage import faults
from local.azure.blob_storage.azurite import ACCOUNT_HOST
from local.azure.blob_storage.forwarding import Forwarder, pass_back
from local.azure.blob_storage.models import StorageRules
from local.azure.blob_storage.operations import WRITE, BlobOperation, Change, read_operation
from local.azure.core.errors import ServiceFault
from local.azure.core.journal import note_action
from local.azure.core.tokens import TokenAuthority

AUDIENCES: Final = ["https://storage.azure.com", "https://storage.azure.com/"]


def make_blob_app(forwarder: Forwarder, authority: TokenAuthority, rules: StorageRules) -> ASGIApp:
    """Make the web app in front of Azurite."""
    return BlobStorage(forwarder, authority, rules)


class BlobStorage:
    """Checks the token's signature, access by data actions, and immutability; the rest is Azurite's.

    Leaves out: batches; shared keys and SAS, which are refused; retention periods of immutable containers.

    Assumes: deleting an immutable container, even an empty one, is 409 `ContainerProtectedFromDeletion`; a PUT with
    `If-None-Match: *` on an immutable blob is 409 `BlobAlreadyExists`, as conditions come first.
    """

    def __init__(self, forwarder: Forwarder, authority: TokenAuthority, rules: StorageRules) -> None:
        self._forwarder = forwarder
        self._authority = authority
        self._rules = rules

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""
        request = Request(scope, receive)
        try:
            answer = await self._answer(request)
        except ClientDisconnect:
            return
        except ServiceFault as fault:
            # A client that is still sending would take an early answer for a broken connection.
            async for _ in request.stream():
                pass
            await faults.write_fault(fault)(scope, receive, send)
            return
        await pass_back(answer, send)

    async def _answer(self, request: Request) -> ClientResponse:
        if request.headers["host"].partition(":")[0].lower() != ACCOUNT_HOST:
            raise faults.no_account()
        operation = read_operation(request)
        note_action(request, operation.actions[0])
        caller = self._authenticate(request)
        if request.query_params.get("comp", "").lower() == "batch":
            raise faults.no_batches()
        allowed = [action for action in operation.actions if self._rules.access.allows(caller, action)]
        if not allowed:
            raise faults.not_permitted()
        immutable = operation.container in self._rules.immutable_containers
        if immutable and operation.change is Change.DELETE_CONTAINER:
            raise faults.container_immutable()
        only_adds = operation.change is Change.PUT and WRITE not in allowed
        if not only_adds and not (immutable and operation.change in (Change.PUT, Change.ALTER)):
            return await self._forwarder.ask(request)
        # Nobody else puts a blob there between the look and the change.
        async with self._rules.lock(f"{operation.container}/{operation.blob}"):
            if await self._forwarder.has_blob(request):
                raise _refuse_change(operation, immutable=immutable)
            return await self._forwarder.ask(request)

    def _authenticate(self, request: Request) -> str:
        try:
            return str(self._authority.validate(request, AUDIENCES)["oid"])
        except ServiceFault:
            with_token = "authorization" in request.headers
            raise faults.unauthenticated(self._authority.tenant_id, with_token=with_token) from None


def _refuse_change(operation: BlobOperation, *, immutable: bool) -> ServiceFault:
    """Refuse to touch a blob that there is; that conditions are looked at before policies is an assumption."""
    if operation.only_creates:
        return faults.blob_exists()
    return faults.blob_immutable() if immutable else faults.overwrite_not_permitted()
