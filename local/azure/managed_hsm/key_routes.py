"""The keys' routes: their life, their use, and the backup of one."""

import secrets
from collections.abc import Callable
from typing import Annotated, Any, Final

from pydantic import BaseModel, Field, ValidationError
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from local.azure.managed_hsm.bodies import UrlBytes, encode, read_body
from local.azure.managed_hsm.door import Door
from local.azure.managed_hsm.faults import bad_parameter
from local.azure.managed_hsm.key_policies import RotationPolicy
from local.azure.managed_hsm.key_use import (
    Parameters,
    Result,
    SignParameters,
    VerifyParameters,
    check_usable,
    decrypt,
    describe_result,
    encrypt,
    sign,
    verify,
)
from local.azure.managed_hsm.keys import (
    KeyCreation,
    KeyUpdate,
    KeyVersion,
    StoredKey,
    describe_deletion,
    describe_item,
    describe_key,
)
from local.azure.managed_hsm.models import ManagedHsm
from local.azure.managed_hsm.sealing import NotOfThisDomainError, seal, unseal
from local.clock import Clock

# Source: azure-keyvault-keys 4.11.3, get_random_bytes.
RANDOM_BYTES: Final = 128
_PURPOSE: Final = "key backup"
_CIPHER_WORDS: Final = """Encrypt, decrypt, wrap or unwrap with a version of a key, the newest where none is named.

Assumes: 403 `Forbidden` where the key's state or its operations forbid it.
"""


class KeyBackup(BaseModel):
    """The body of a restore of one key."""

    value: UrlBytes


class RandomBytes(BaseModel):
    """The body of a request for random bytes."""

    count: Annotated[int, Field(ge=1, le=RANDOM_BYTES)]


def make_key_routes(door: Door, clock: Clock) -> list[Route]:
    """Make the routes."""
    makers = (_rotation_routes, _life_routes, _deleted_routes, _use_routes)
    return [route for make in makers for route in make(door, clock)]


def _rotation_routes(door: Door, clock: Clock) -> list[Route]:
    async def get_rotation(request: Request) -> Response:
        """Give when a key is rotated.

        Assumes: the role that reads keys; a policy without actions where none was set; 404 `KeyNotFound`.
        """
        hsm = door.enter(request, "keys/read/action", _scope(request))
        key = hsm.keys.find(_name(request))
        return JSONResponse(key.rotation.describe(_base(hsm), key.name))

    async def put_rotation(request: Request) -> Response:
        """Change when a key is rotated.

        Leaves out: that a key is rotated by itself once its time has come.

        Assumes: 400 `BadParameter` for less than 28 days; 404 `KeyNotFound`.
        """
        hsm = door.enter(request, "keys/write/action", _scope(request))
        asked = read_body(RotationPolicy, await request.body())
        policy = hsm.keys.change_rotation(_name(request), asked, int(clock.now()))
        return JSONResponse(policy.describe(_base(hsm), hsm.keys.find(_name(request)).name))

    async def rotate(request: Request) -> Response:
        """Make a new version of a key that has a rotation policy.

        Assumes: 400 `BadParameter` without one; 404 `KeyNotFound`.
        """
        hsm = door.enter(request, "keys/rotate/action", _scope(request))
        version = await run_in_threadpool(hsm.keys.rotate, _name(request), int(clock.now()))
        return _bundle(hsm, hsm.keys.find(_name(request)), version)

    return [
        Route("/keys/{name}/rotationpolicy", get_rotation),
        Route("/keys/{name}/rotationpolicy", put_rotation, methods=["PUT"]),
        Route("/keys/{name}/rotate", rotate, methods=["POST"]),
    ]


def _life_routes(door: Door, clock: Clock) -> list[Route]:
    async def create(request: Request) -> Response:
        """Create a key, RSA, EC or symmetric, or a new version of it; an exportable one with its release policy.

        Leaves out: the conditions of a release policy, which are kept as they come.

        Assumes: 400 `BadParameter` for an exportable key without a release policy, and for the policy of another;
        409 `Conflict` for the name of a deleted key; 409 `QuotaExceeded` for one key or version too many.
        """
        hsm = door.enter(request, "keys/create", _scope(request))
        asked = read_body(KeyCreation, await request.body())
        version = await run_in_threadpool(hsm.keys.create, _name(request), asked, int(clock.now()))
        return _bundle(hsm, hsm.keys.find(_name(request)), version)

    async def get_key(request: Request) -> Response:
        """Give a version of a key, the newest where none is named.

        Assumes: 404 `KeyNotFound`.
        """
        hsm = door.enter(request, "keys/read/action", _scope(request))
        version = hsm.keys.version(_name(request), request.path_params.get("version", ""))
        return _bundle(hsm, hsm.keys.find(_name(request)), version)

    async def patch_key(request: Request) -> Response:
        """Change a version's attributes, operations, tags and release policy; what the body does not name stays.

        Assumes: 404 `KeyNotFound`.
        """
        hsm = door.enter(request, "keys/write/action", _scope(request))
        version = hsm.keys.version(_name(request), request.path_params.get("version", ""))
        hsm.keys.update(version, read_body(KeyUpdate, await request.body()), int(clock.now()))
        return _bundle(hsm, hsm.keys.find(_name(request)), version)

    async def list_keys(request: Request) -> Response:
        """List the keys.

        Leaves out: a next page.
        """
        hsm = door.enter(request, "keys/read/action", "/keys")
        keys = hsm.keys.live.values()
        items = [describe_item(_base(hsm), key, key.versions[-1], hsm.recovery, named=False) for key in keys]
        return JSONResponse({"value": items})

    async def list_versions(request: Request) -> Response:
        """List the versions of a key.

        Leaves out: a next page.

        Assumes: 404 `KeyNotFound`.
        """
        hsm = door.enter(request, "keys/read/action", _scope(request))
        key = hsm.keys.find(_name(request))
        items = [describe_item(_base(hsm), key, item, hsm.recovery, named=True) for item in key.versions]
        return JSONResponse({"value": items})

    async def back_up(request: Request) -> Response:
        """Give a backup of a key with all its versions, which only HSMs with this security domain can read.

        Assumes: 404 `KeyNotFound`.
        """
        hsm = door.enter(request, "keys/backup/action", _scope(request))
        key = hsm.keys.find(_name(request))
        return JSONResponse({"value": encode(seal(hsm.domain, _PURPOSE, key.model_dump_json().encode()))})

    async def restore(request: Request) -> Response:
        """Restore a key from its backup.

        Assumes: 409 `Conflict` for a name that is taken, also by a deleted key; 400 `BadParameter` for a backup of
        another security domain.
        """
        hsm = door.enter(request, "keys/restore/action", "/keys")
        asked = read_body(KeyBackup, await request.body())
        key = hsm.keys.restore(_open_backup(hsm, asked.value), int(clock.now()))
        return _bundle(hsm, key, key.versions[-1])

    return [
        Route("/keys", list_keys),
        Route("/keys/restore", restore, methods=["POST"]),
        Route("/keys/{name}/create", create, methods=["POST"]),
        Route("/keys/{name}/versions", list_versions),
        Route("/keys/{name}/backup", back_up, methods=["POST"]),
        *(
            route
            for path in ("/keys/{name}", "/keys/{name}/{version}")
            for route in (Route(path, get_key), Route(path, patch_key, methods=["PATCH"]))
        ),
    ]


def _deleted_routes(door: Door, clock: Clock) -> list[Route]:
    async def delete(request: Request) -> Response:
        """Soft-delete a key.

        Assumes: 404 `KeyNotFound`.
        """
        hsm = door.enter(request, "keys/delete", _scope(request))
        deleted = hsm.keys.delete(_name(request), int(clock.now()), hsm.recovery.days)
        return _bundle(hsm, deleted.key, deleted.key.versions[-1], describe_deletion(_base(hsm), deleted))

    async def list_deleted(request: Request) -> Response:
        """List the deleted keys.

        Leaves out: a next page.
        """
        hsm = door.enter(request, "keys/deletedKeys/read/action", "/keys")
        items = [
            {
                **describe_item(_base(hsm), item.key, item.key.versions[-1], hsm.recovery, named=False),
                **describe_deletion(_base(hsm), item),
            }
            for item in hsm.keys.deleted(int(clock.now())).values()
        ]
        return JSONResponse({"value": items})

    async def get_deleted(request: Request) -> Response:
        """Give a deleted key.

        Assumes: 404 `KeyNotFound`.
        """
        hsm = door.enter(request, "keys/deletedKeys/read/action", _scope(request))
        deleted = hsm.keys.find_deleted(_name(request), int(clock.now()))
        return _bundle(hsm, deleted.key, deleted.key.versions[-1], describe_deletion(_base(hsm), deleted))

    async def recover(request: Request) -> Response:
        """Bring a deleted key back.

        Assumes: 404 `KeyNotFound`.
        """
        hsm = door.enter(request, "keys/deletedKeys/recover/action", _scope(request))
        key = hsm.keys.recover(_name(request), int(clock.now()))
        return _bundle(hsm, key, key.versions[-1])

    async def purge(request: Request) -> Response:
        """Destroy a deleted key.

        Assumes: 403 `Forbidden` against purge protection; 404 `KeyNotFound`.
        """
        hsm = door.enter(request, "keys/deletedKeys/delete", _scope(request))
        hsm.keys.purge(_name(request), int(clock.now()), protected=hsm.recovery.purge_protection)
        return Response(status_code=204)

    return [
        Route("/keys/{name}", delete, methods=["DELETE"]),
        Route("/deletedkeys", list_deleted),
        Route("/deletedkeys/{name}", get_deleted),
        Route("/deletedkeys/{name}", purge, methods=["DELETE"]),
        Route("/deletedkeys/{name}/recover", recover, methods=["POST"]),
    ]


def _use_routes(door: Door, clock: Clock) -> list[Route]:
    def find(request: Request, action: str, operation: str) -> tuple[KeyVersion, str]:
        """Find the version that is to be used, and its id."""
        hsm = door.enter(request, f"keys/{action}/action", _scope(request))
        version = hsm.keys.version(_name(request), request.path_params.get("version", ""))
        check_usable(version, operation, int(clock.now()))
        return version, f"{_base(hsm)}/keys/{hsm.keys.find(_name(request)).name}/{version.id}"

    def cipher_routes(path: str, action: str, operation: str, use: Callable[[KeyVersion, Parameters], Result]) -> Route:
        async def handle(request: Request) -> Response:
            version, identifier = find(request, action, operation)
            result = use(version, read_body(Parameters, await request.body()))
            return JSONResponse(describe_result(identifier, result))

        handle.__doc__ = _CIPHER_WORDS
        return Route(path, handle, methods=["POST"])

    async def sign_digest(request: Request) -> Response:
        """Sign a digest with a version of a key, the newest where none is named.

        Assumes: 403 `Forbidden` where the key's state or its operations forbid it.
        """
        version, identifier = find(request, "sign", "sign")
        signature = sign(version, read_body(SignParameters, await request.body()))
        return JSONResponse({"kid": identifier, "value": encode(signature)})

    async def verify_signature(request: Request) -> Response:
        """Say whether a signature is of this digest by this version of a key.

        Assumes: 403 `Forbidden` where the key's state or its operations forbid it.
        """
        version, _ = find(request, "verify", "verify")
        return JSONResponse({"value": verify(version, read_body(VerifyParameters, await request.body()))})

    async def get_random(request: Request) -> Response:
        """Give up to 128 random bytes."""
        door.enter(request, "rng/action")
        asked = read_body(RandomBytes, await request.body())
        return JSONResponse({"value": encode(secrets.token_bytes(asked.count))})

    routes = [Route("/rng", get_random, methods=["POST"])]
    for key in ("/keys/{name}", "/keys/{name}/{version}"):
        routes += [
            cipher_routes(f"{key}/encrypt", "encrypt", "encrypt", encrypt),
            cipher_routes(f"{key}/decrypt", "decrypt", "decrypt", decrypt),
            cipher_routes(f"{key}/wrapkey", "wrap", "wrapKey", encrypt),
            cipher_routes(f"{key}/unwrapkey", "unwrap", "unwrapKey", decrypt),
            Route(f"{key}/sign", sign_digest, methods=["POST"]),
            Route(f"{key}/verify", verify_signature, methods=["POST"]),
        ]
    return routes


def _name(request: Request) -> str:
    return str(request.path_params["name"])


def _scope(request: Request) -> str:
    return f"/keys/{_name(request).lower()}"


def _base(hsm: ManagedHsm) -> str:
    return f"https://{hsm.name}.managedhsm.azure.net"


def _bundle(
    hsm: ManagedHsm, key: StoredKey, version: KeyVersion, besides: dict[str, Any] | None = None
) -> JSONResponse:
    return JSONResponse(describe_key(_base(hsm), key, version, hsm.recovery) | (besides or {}))


def _open_backup(hsm: ManagedHsm, sealed: bytes) -> StoredKey:
    try:
        return StoredKey.model_validate_json(unseal(hsm.domain, _PURPOSE, sealed))
    except (NotOfThisDomainError, ValidationError):
        raise bad_parameter("The backup is not of an HSM with this security domain.") from None
