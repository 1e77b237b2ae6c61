"""The paths of the keys and secrets that belong to certificates."""

from typing import Final

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from local.azure.key_vault.access import Door
from local.azure.key_vault.bodies import KeyUpdate, Operation, Verification, read_body
from local.azure.key_vault.bundles import describe_key, describe_key_item, describe_secret, encode
from local.azure.key_vault.faults import disabled
from local.azure.key_vault.key_operations import KeyOperation, check_usable, operate, verify
from local.azure.key_vault.paging import respond_page
from local.azure.key_vault.secrets import write_secret

# What is named in the path, what the key's own list of operations calls it, and the data action.
_OPERATIONS: Final[dict[str, tuple[KeyOperation, str]]] = {
    "encrypt": ("encrypt", "keys/encrypt/action"),
    "decrypt": ("decrypt", "keys/decrypt/action"),
    "wrapkey": ("wrapKey", "keys/wrap/action"),
    "unwrapkey": ("unwrapKey", "keys/unwrap/action"),
    "sign": ("sign", "keys/sign/action"),
    "verify": ("verify", "keys/verify/action"),
}


def make_key_routes(door: Door) -> list[Route]:
    """Make the routes."""

    async def get_key(request: Request) -> Response:
        """Give the public key of a version of a certificate, the newest where none is named.

        Leaves out: keys without a certificate.

        Assumes: 403 `KeyDisabled` where the version is disabled.
        """
        vault, name = door.enter(request, "keys/read"), request.path_params["name"]
        version = vault.find_version(name, request.path_params.get("version", ""), "key")
        if not version.usable_key:
            raise disabled("key", "get")
        return JSONResponse(describe_key(vault, vault.find(name), version))

    async def update_key(request: Request) -> Response:
        """Enable or disable the key of a version of a certificate, and leave the certificate as it is.

        Leaves out: tags, dates and operations of a key.

        Assumes: that it is allowed of a key which belongs to a certificate.
        """
        vault, name = door.enter(request, "keys/update/action"), request.path_params["name"]
        version = vault.find_version(name, request.path_params.get("version", ""), "key")
        version.change_key(read_body(KeyUpdate, await request.body()))
        return JSONResponse(describe_key(vault, vault.find(name), version))

    async def list_keys(request: Request) -> Response:
        """List the certificates' keys, in pages.

        Leaves out: keys without a certificate.
        """
        vault = door.enter(request, "keys/read")
        found = [describe_key_item(vault, item, item.versions[-1], with_version=False) for item in vault.certificates()]
        return respond_page(request, found)

    async def list_key_versions(request: Request) -> Response:
        """List the versions of a certificate's key, in pages."""
        vault = door.enter(request, "keys/read")
        certificate = vault.find(request.path_params["name"], "key")
        found = [describe_key_item(vault, certificate, item, with_version=True) for item in certificate.versions]
        return respond_page(request, found)

    async def use_key(request: Request) -> Response:
        """Encrypt, decrypt, wrap, unwrap, sign or verify with a version of a certificate's key, by default its newest.

        Leaves out: a key's validity dates.
        """
        operation, action = _OPERATIONS[request.url.path.rpartition("/")[2]]
        vault, name = door.enter(request, action), request.path_params["name"]
        version = vault.find_version(name, request.path_params.get("version", ""), "key")
        check_usable(version, operation)
        if operation == "verify":
            return JSONResponse({"value": verify(version, read_body(Verification, await request.body()))})
        body = read_body(Operation, await request.body())
        result = await run_in_threadpool(operate, version, operation, body)
        key = f"{vault.url}/keys/{vault.find(name).name}/{version.id}"
        return JSONResponse({"kid": key, "value": encode(result)})

    async def get_secret(request: Request) -> Response:
        """Give a version of a certificate with its private key, if that is exportable, as the secret that it is.

        Leaves out: secrets without a certificate.
        """
        vault, name = door.enter(request, "secrets/getSecret/action"), request.path_params["name"]
        version = vault.find_version(name, request.path_params.get("version", ""), "secret")
        if not version.enabled:
            raise disabled("secret", "get")
        return JSONResponse(describe_secret(vault, vault.find(name), version, write_secret(version)))

    return [
        Route("/keys", list_keys),
        Route("/keys/{name}/versions", list_key_versions),
        *[Route(f"/keys/{{name}}{suffix}", get_key) for suffix in ("", "/", "/{version}")],
        *[Route(f"/keys/{{name}}{suffix}", update_key, methods=["PATCH"]) for suffix in ("", "/", "/{version}")],
        *[Route(f"/keys/{{name}}/{{version}}/{word}", use_key, methods=["POST"]) for word in _OPERATIONS],
        # Where a client names no version, its place in the path stays empty.
        *[Route(f"/keys/{{name}}//{word}", use_key, methods=["POST"]) for word in _OPERATIONS],
        *[Route(f"/secrets/{{name}}{suffix}", get_secret) for suffix in ("", "/", "/{version}")],
    ]
