"""Management locks: what they keep from being deleted or changed."""

from collections.abc import Collection
from dataclasses import dataclass
from typing import Literal

from local.azure.core.errors import ServiceFault

LockLevel = Literal["CanNotDelete", "ReadOnly"]


@dataclass
class Lock:
    """A lock on a subscription, a resource group or an HSM, and on all that is in it."""

    scope: str
    name: str
    level: LockLevel
    notes: str | None = None

    def covers(self, scope: str) -> bool:
        """Say whether a scope is the lock's own, or in it."""
        return is_inside(scope, self.scope)


class Locks:
    """The locks of a subscription, by their scopes and names, whatever the case of these."""

    def __init__(self) -> None:
        self._locks: dict[tuple[str, str], Lock] = {}

    def put(self, lock: Lock) -> bool:
        """Make a lock, or change it; says whether it is new."""
        key = (lock.scope.lower(), lock.name.lower())
        new = key not in self._locks
        self._locks[key] = lock
        return new

    def find(self, scope: str, name: str) -> Lock | None:
        """Find a lock at its own scope."""
        return self._locks.get((scope.lower(), name.lower()))

    def remove(self, scope: str, name: str) -> Lock | None:
        """Take a lock away; None where there is none."""
        return self._locks.pop((scope.lower(), name.lower()), None)

    def list_above(self, scope: str) -> list[Lock]:
        """List the locks at a scope and above."""
        return [lock for lock in self._locks.values() if lock.covers(scope)]

    def list_around(self, scope: str) -> list[Lock]:
        """List the locks at a scope, above and below."""
        return [lock for lock in self._locks.values() if lock.covers(scope) or is_inside(lock.scope, scope)]

    def forget_inside(self, scopes: Collection[str]) -> None:
        """Take the locks away that are on these resources or in them."""
        gone = [key for key, lock in self._locks.items() if any(is_inside(lock.scope, scope) for scope in scopes)]
        for key in gone:
            del self._locks[key]

    def require_deletable(self, scope: str) -> None:
        """Refuse to delete what is locked, or has something in it that is; raises ServiceFault 409."""
        _refuse(scope, "delete", self.list_around(scope))

    def require_writable(self, scope: str) -> None:
        """Refuse to change what is only to be read; raises ServiceFault 409."""
        _refuse(scope, "write", [lock for lock in self.list_above(scope) if lock.level == "ReadOnly"])


def is_inside(scope: str, outer: str) -> bool:
    """Say whether a scope is another one, or in it."""
    return f"{scope}/".lower().startswith(f"{outer}/".lower())


def _refuse(scope: str, operation: str, locks: list[Lock]) -> None:
    """Refuse as Azure does (source: Azure/azure-cli issue 20232, Azure/azure-sdk-for-java issue 2560)."""
    if not locks:
        return
    locked = ", ".join(dict.fromkeys(f"'{lock.scope}'" for lock in locks))
    message = (
        f"The scope '{scope}' cannot perform {operation} operation because following scope(s) are locked: {locked}. "
        "Please remove the lock and try again."
    )
    raise ServiceFault(409, "ScopeLocked", message)
