"""The first keys of an HSM, and who may use each."""

from typing import Annotated, Any, Final, Literal, Self

from pydantic import Field, StrictBool, StrictInt, model_validator
from pydantic_core import PydanticCustomError

from domain.fields import Guid
from domain.handover.local_roles import RoleName
from domain.model import Model

KeyOperation = Literal["encrypt", "decrypt", "sign", "verify", "wrapKey", "unwrapKey", "import"]
KeyType = Literal["RSA-HSM", "EC-HSM", "oct-HSM"]

# Source: Microsoft's "About keys", of keys in Managed HSMs.
_SIZES: Final[dict[str, tuple[int, ...]]] = {"RSA-HSM": (2048, 3072, 4096), "oct-HSM": (128, 192, 256)}
_USUAL_SIZES: Final = {"RSA-HSM": 3072, "oct-HSM": 256}
_OPERATIONS: Final[dict[str, frozenset[str]]] = {
    "RSA-HSM": frozenset({"encrypt", "decrypt", "sign", "verify", "wrapKey", "unwrapKey", "import"}),
    "EC-HSM": frozenset({"sign", "verify"}),
    "oct-HSM": frozenset({"encrypt", "decrypt", "wrapKey", "unwrapKey"}),
}


class KeyConsumer(Model):
    """Who may use a key."""

    principal_id: Guid
    """The Entra object id: of a service with a customer-managed key that of its identity."""
    role: RoleName = "Managed HSM Crypto Service Encryption User"
    """The role that it is given on this key alone: its name, or its GUID."""


class FirstKey(Model):
    """A key that is made once the HSM is active; one of its name that is there is left as it is."""

    name: Annotated[str, Field(pattern=r"^[0-9A-Za-z-]{1,127}$")]
    """What it is called."""
    type: KeyType = "RSA-HSM"
    """Its type."""
    size: StrictInt | None = None
    """How many bits it has: of RSA 2048, 3072 or 4096, of oct 128, 192 or 256. Absent: 3072, and 256."""
    curve: Literal["P-256", "P-384", "P-521", "P-256K"] | None = None
    """The curve of an EC key, and of no other. Absent: P-256."""
    operations: Annotated[list[KeyOperation], Field(min_length=1, max_length=7)] | None = None
    """What it may be used for; `import` stands alone. Absent: all that its type can."""
    rotate_after_days: Annotated[StrictInt, Field(ge=28, le=3650)] | None = None
    """After how many days it is rotated by itself. Absent: never."""
    exportable: StrictBool = False
    """Whether it can be released to what its release policy names, which it then must have."""
    release_policy: dict[str, Any] | None = None
    """The policy under which an exportable key is released, as Azure has it; only with `exportable`."""
    consumers: Annotated[list[KeyConsumer], Field(max_length=10)] = Field(default_factory=list)
    """Who may use it."""

    @property
    def whole_size(self) -> int | None:
        """How many bits it has; None where its curve says so."""
        return self.size or _USUAL_SIZES.get(self.type)

    @property
    def whole_curve(self) -> str | None:
        """Its curve; None where it has none."""
        return (self.curve or "P-256") if self.type == "EC-HSM" else None

    @model_validator(mode="after")
    def _check(self) -> Self:
        mistake = self._find_mistake()
        if mistake:
            code, message = "invalid_field", "{mistake}"
            raise PydanticCustomError(code, message, {"mistake": mistake})
        return self

    def _find_mistake(self) -> str | None:
        sizes, asked = _SIZES.get(self.type, ()), set(self.operations or ())
        if self.size is not None and self.size not in sizes:
            return f"A key of type {self.type} has {_join(sizes)} bits." if sizes else "An EC key has a curve, no size."
        if self.curve is not None and self.type != "EC-HSM":
            return "Only an EC key has a curve."
        if asked - _OPERATIONS[self.type]:
            return f"A key of type {self.type} cannot be used for: {_join(sorted(asked - _OPERATIONS[self.type]))}."
        if "import" in asked and len(asked) > 1:
            return "A key for the import of others is used for nothing else."
        if self.exportable != (self.release_policy is not None):
            return "An exportable key has a release policy, and no other has one."
        if self.release_policy is not None and not _is_release_policy(self.release_policy):
            return "A release policy has a version, and anyOf or allOf with the conditions."
        return None


def _is_release_policy(policy: dict[str, Any]) -> bool:
    """Say whether it has the outer form of one (source: Microsoft's "Secure key release policy grammar")."""
    conditions = policy.get("anyOf", policy.get("allOf"))
    return isinstance(policy.get("version"), str) and isinstance(conditions, list) and bool(conditions)


def _join(values: tuple[int, ...] | list[str]) -> str:
    return ", ".join(str(value) for value in values)


def check_keys(keys: list[FirstKey]) -> list[FirstKey]:
    """Give keys that do not meet each other; raises PydanticCustomError."""
    if len({key.name.lower() for key in keys}) < len(keys):
        code, message = "invalid_field", "Two of these keys have one name, which is told apart without regard to case."
        raise PydanticCustomError(code, message)
    return keys
