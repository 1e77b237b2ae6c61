"""The keys of one HSM: versions, soft deletion, and how the service writes them."""

import re
import uuid
from typing import Annotated, Any, Final, Literal, NamedTuple

from pydantic import BaseModel, ConfigDict, Field

from local.azure.managed_hsm.faults import bad_parameter, conflict, refusal
from local.azure.managed_hsm.key_material import describe_public, make_another, make_material
from local.azure.managed_hsm.key_policies import ReleasePolicy, RotationPolicy

# Source: MicrosoftDocs, key-vault-limits.md.
KEYS: Final = 5000
VERSIONS: Final = 100
DAY: Final = 86400
FULL_RETENTION: Final = 90
_NAME: Final = re.compile(r"[0-9a-zA-Z-]{1,127}")
_OPERATIONS: Final = {
    "RSA-HSM": ("encrypt", "decrypt", "sign", "verify", "wrapKey", "unwrapKey"),
    "EC-HSM": ("sign", "verify"),
    "oct-HSM": ("encrypt", "decrypt", "wrapKey", "unwrapKey"),
}

Operation = Literal["encrypt", "decrypt", "sign", "verify", "wrapKey", "unwrapKey", "import", "export"]
Kind = Literal["RSA", "RSA-HSM", "EC", "EC-HSM", "oct", "oct-HSM"]


class KeyAttributes(BaseModel):
    """What a client may say of a version; times are seconds since the epoch."""

    model_config = ConfigDict(validate_by_name=True, validate_by_alias=True)

    enabled: bool | None = None
    not_before: int | None = Field(default=None, alias="nbf")
    expires: int | None = Field(default=None, alias="exp")
    exportable: bool | None = None


class KeyCreation(BaseModel):
    """The body of a creation; its members are not in camelCase."""

    kty: Kind
    key_size: int | None = None
    crv: str | None = None
    key_ops: list[Operation] | None = None
    attributes: KeyAttributes = Field(default_factory=KeyAttributes)
    tags: dict[str, str] = Field(default_factory=dict)
    release_policy: ReleasePolicy | None = None

    def check(self) -> None:
        """Refuse what Azure refuses of an exportable key; raises ServiceFault 400."""
        if bool(self.attributes.exportable) != (self.release_policy is not None):
            raise bad_parameter("An exportable key has a release policy, and no other has one.")
        if self.release_policy is not None:
            self.release_policy.check()


class KeyUpdate(BaseModel):
    """The body of an update; what is not named stays."""

    key_ops: list[Operation] | None = None
    attributes: KeyAttributes = Field(default_factory=KeyAttributes)
    tags: dict[str, str] | None = None
    release_policy: ReleasePolicy | None = None


class KeyVersion(BaseModel):
    """One version with its material: PKCS #8 in DER, or the bytes of a symmetric key."""

    model_config = ConfigDict(ser_json_bytes="base64", val_json_bytes="base64")

    id: str
    kind: str
    material: bytes = Field(repr=False)
    operations: list[str]
    attributes: KeyAttributes
    tags: dict[str, str]
    created: int
    updated: int
    release_policy: ReleasePolicy | None = None


class StoredKey(BaseModel):
    """A key with all its versions, the oldest first; what a backup holds."""

    name: str
    versions: Annotated[list[KeyVersion], Field(min_length=1)]
    rotation: RotationPolicy = Field(default_factory=RotationPolicy)


class DeletedKey(BaseModel):
    """A soft-deleted key."""

    key: StoredKey
    deleted_at: int
    purge_at: int


class Recovery(NamedTuple):
    """How long an HSM keeps deleted keys, and whether they can be purged before."""

    days: int
    purge_protection: bool

    @property
    def level(self) -> str:
        """The level as Azure writes it."""
        level = "Recoverable" if self.days == FULL_RETENTION else "CustomizedRecoverable"
        return level if self.purge_protection else f"{level}+Purgeable"


class KeyRing:
    """All keys of one HSM."""

    def __init__(self) -> None:
        self.live: dict[str, StoredKey] = {}
        self._deleted: dict[str, DeletedKey] = {}

    def create(self, name: str, asked: KeyCreation, now: int) -> KeyVersion:
        """Make a key, or a new version of it; raises ServiceFault 400 or 409."""
        self.check_name(name, now)
        asked.check()
        kind = asked.kty.removesuffix("-HSM") + "-HSM"
        version = KeyVersion(
            id=uuid.uuid4().hex,
            kind=kind,
            material=make_material(kind, asked.key_size, asked.crv),
            operations=[*(asked.key_ops if asked.key_ops is not None else _OPERATIONS[kind])],
            attributes=asked.attributes.model_copy(update={"enabled": asked.attributes.enabled is not False}),
            tags=asked.tags,
            created=now,
            updated=now,
            release_policy=asked.release_policy,
        )
        existing = self.live.get(name.lower())
        if existing is None:
            self.live[name.lower()] = StoredKey(name=name, versions=[version])
        else:
            _add(existing, version)
        return version

    def rotate(self, name: str, now: int) -> KeyVersion:
        """Make a new version as the newest is; raises ServiceFault 400, 404 or 409."""
        key = self.find(name)
        newest = key.versions[-1]
        if not key.rotation.lifetime_actions:
            raise bad_parameter("The key has no rotation policy.")
        material = make_another(newest.kind, newest.material)
        changes = {"id": uuid.uuid4().hex, "material": material, "created": now, "updated": now}
        version = newest.model_copy(update=changes)
        _add(key, version)
        return version

    def change_rotation(self, name: str, asked: RotationPolicy, now: int) -> RotationPolicy:
        """Change when a key is rotated; raises ServiceFault 400 or 404."""
        key = self.find(name)
        asked.check()
        times = {"created": key.rotation.attributes.created or now, "updated": now}
        key.rotation = asked.model_copy(update={"attributes": asked.attributes.model_copy(update=times)})
        return key.rotation

    def check_name(self, name: str, now: int) -> None:
        """Refuse a name that no key may have now; raises ServiceFault 400 or 409."""
        if not _NAME.fullmatch(name):
            raise bad_parameter("The key's name is not valid.")
        if name.lower() in self.deleted(now):
            raise conflict(
                f"Key {name} is currently in a deleted but recoverable state, and its name cannot be reused."
            )
        if name.lower() not in self.live and len(self.live) >= KEYS:
            raise refusal(409, "QuotaExceeded", f"An HSM has at most {KEYS} keys.")

    def find(self, name: str) -> StoredKey:
        """Find a key; raises ServiceFault 404."""
        if name.lower() not in self.live:
            raise _not_found(name)
        return self.live[name.lower()]

    def version(self, name: str, version: str) -> KeyVersion:
        """Find a version, the newest where none is named; raises ServiceFault 404."""
        found = [item for item in self.find(name).versions if version in ("", item.id)]
        if not found:
            raise _not_found(f"{name}/{version}")
        return found[-1]

    def update(self, version: KeyVersion, asked: KeyUpdate, now: int) -> None:
        """Change what is named."""
        version.attributes = version.attributes.model_copy(update=asked.attributes.model_dump(exclude_none=True))
        if asked.key_ops is not None:
            version.operations = [*asked.key_ops]
        if asked.tags is not None:
            version.tags = asked.tags
        if asked.release_policy is not None:
            _change_release(version, asked.release_policy)
        version.updated = now

    def delete(self, name: str, now: int, days: int) -> DeletedKey:
        """Soft-delete a key; raises ServiceFault 404."""
        key = self.find(name)
        deleted = DeletedKey(key=key, deleted_at=now, purge_at=now + days * DAY)
        del self.live[name.lower()]
        self._deleted[name.lower()] = deleted
        return deleted

    def deleted(self, now: int) -> dict[str, DeletedKey]:
        """Give what is deleted and not purged yet."""
        self._deleted = {name: item for name, item in self._deleted.items() if now < item.purge_at}
        return self._deleted

    def find_deleted(self, name: str, now: int) -> DeletedKey:
        """Find a deleted key; raises ServiceFault 404."""
        if name.lower() not in self.deleted(now):
            raise refusal(404, "KeyNotFound", f"Deleted key not found: {name}")
        return self._deleted[name.lower()]

    def recover(self, name: str, now: int) -> StoredKey:
        """Bring a deleted key back; raises ServiceFault 404."""
        key = self.find_deleted(name, now).key
        del self._deleted[name.lower()]
        self.live[name.lower()] = key
        return key

    def purge(self, name: str, now: int, *, protected: bool) -> None:
        """Destroy a deleted key; raises ServiceFault 403 or 404."""
        self.find_deleted(name, now)
        if protected:
            raise refusal(403, "Forbidden", "Purge protection is enabled.")
        del self._deleted[name.lower()]

    def check_absent(self, name: str, now: int) -> None:
        """Refuse a name that a key has, also a deleted one; raises ServiceFault 409."""
        self.check_name(name, now)
        if name.lower() in self.live:
            raise conflict(f"Key {name} exists already.")

    def restore(self, key: StoredKey, now: int) -> StoredKey:
        """Take a key out of a backup, its versions as they were; raises ServiceFault 409 where there is one."""
        self.check_absent(key.name, now)
        self.live[key.name.lower()] = key
        return key

    def replace(self, keys: list[StoredKey]) -> None:
        """Destroy all keys, the deleted ones too, and take these."""
        self.live = {key.name.lower(): key for key in keys}
        self._deleted = {}


def _add(key: StoredKey, version: KeyVersion) -> None:
    if len(key.versions) >= VERSIONS:
        raise refusal(409, "QuotaExceeded", f"A key has at most {VERSIONS} versions.")
    key.versions.append(version)


def _change_release(version: KeyVersion, asked: ReleasePolicy) -> None:
    if version.release_policy is None or version.release_policy.immutable:
        raise bad_parameter("The release policy of this key cannot be changed.")
    asked.check()
    version.release_policy = asked


def _not_found(name: str) -> Exception:
    return refusal(404, "KeyNotFound", f"Key not found: {name}")


def describe_key(base: str, key: StoredKey, version: KeyVersion, recovery: Recovery) -> dict[str, Any]:
    """Write a key bundle."""
    public = describe_public(version.kind, version.material)
    identifier = f"{base}/keys/{key.name}/{version.id}"
    jwk = {"kid": identifier, "kty": version.kind, "key_ops": version.operations, **public}
    described = {"key": jwk, "attributes": _describe_attributes(version, recovery), "tags": version.tags}
    policy = version.release_policy
    return described | ({"release_policy": policy.model_dump(mode="json", by_alias=True)} if policy else {})


def describe_item(base: str, key: StoredKey, version: KeyVersion, recovery: Recovery, *, named: bool) -> dict[str, Any]:
    """Write an entry of a list; `named` says whether the id names the version."""
    identifier = f"{base}/keys/{key.name}" + (f"/{version.id}" if named else "")
    return {"kid": identifier, "attributes": _describe_attributes(version, recovery), "tags": version.tags}


def describe_deletion(base: str, deleted: DeletedKey) -> dict[str, Any]:
    """Write what a deleted key has besides."""
    return {
        "recoveryId": f"{base}/deletedkeys/{deleted.key.name}",
        "deletedDate": deleted.deleted_at,
        "scheduledPurgeDate": deleted.purge_at,
    }


def _describe_attributes(version: KeyVersion, recovery: Recovery) -> dict[str, Any]:
    return {
        **version.attributes.model_dump(by_alias=True, exclude_none=True),
        "created": version.created,
        "updated": version.updated,
        "exportable": bool(version.attributes.exportable),
        "recoverableDays": recovery.days,
        "recoveryLevel": recovery.level,
    }
