"""The resources around the HSMs: networks, endpoints, zones, workspaces, alerts."""

import uuid
from dataclasses import dataclass, field
from typing import Any, ClassVar, Final

from local.azure.core.errors import ServiceFault
from local.azure.core.transitions import Transition
from local.azure.resource_manager.locks import is_inside

# In an id /subscriptions/S/resourceGroups/G/providers/P/KIND/NAME.
_SLASHES: Final = 8


def new_etag() -> str:
    """Make an etag as Microsoft.Network writes them."""
    return f'W/"{uuid.uuid4()}"'


@dataclass(kw_only=True)
class Neighbour:
    """A resource that is no HSM, with what all kinds of them have."""

    kind: ClassVar[str] = "resource"
    # Whether it stays when what it belongs to goes.
    outlives: ClassVar[bool] = False

    id: str
    location: str = ""
    tags: dict[str, str] = field(default_factory=dict)
    etag: str = field(default_factory=new_etag)
    progress: Transition | None = None
    deletion: Transition | None = None

    @property
    def name(self) -> str:
        """Its name: the last part of its id."""
        return self.id.rpartition("/")[2]

    @property
    def state(self) -> str:
        """The provisioning state."""
        going = self.deletion or self.progress
        return "Succeeded" if going is None else going.state

    @property
    def ready(self) -> bool:
        """Whether it has come to be; what is being changed or deleted is not."""
        return self.state == "Succeeded"

    @property
    def is_listed(self) -> bool:
        """Whether a list of all resources of a group has it: what is a part of another resource is on no such list."""
        return self.id.count("/") == _SLASHES

    def describe_head(self) -> dict[str, Any]:
        """Write what all resources have."""
        head: dict[str, Any] = {"name": self.name, "id": self.id, "type": self.kind}
        if self.location:
            head |= {"location": self.location, "tags": self.tags}
        return head


class Neighbours:
    """All of them, by their ids, whatever the case of these."""

    def __init__(self) -> None:
        self._all: dict[str, Neighbour] = {}

    def put(self, resource: Neighbour) -> None:
        """Have a resource; one of the same id goes."""
        self._all[resource.id.lower()] = resource

    def remove(self, resource: Neighbour) -> None:
        """Have a resource no more, nor what is a part of it."""
        self.forget_inside(resource.id)

    def take(self, resource: Neighbour) -> None:
        """Have a resource no more, one that nothing is a part of."""
        self._all.pop(resource.id.lower(), None)

    def list[Kind: Neighbour](self, kind: type[Kind], scope: str = "") -> list[Kind]:
        """List the resources of a kind, in a scope or all."""
        every = [item for item in self._all.values() if isinstance(item, kind)]
        return [item for item in every if not scope or is_inside(item.id, scope)]

    def find[Kind: Neighbour](self, kind: type[Kind], identifier: str) -> Kind | None:
        """Find a resource of a kind by its id."""
        found = self._all.get(identifier.lower())
        return found if isinstance(found, kind) else None

    def require[Kind: Neighbour](self, kind: type[Kind], identifier: str) -> Kind:
        """Find a resource of a kind by its id; raises ServiceFault 404."""
        found = self.find(kind, identifier)
        if found is None:
            raise not_found("/".join(identifier.split("/")[6:8]) if kind is Neighbour else kind.kind, identifier)
        return found

    def forget_inside(self, scope: str) -> None:
        """Have nothing more that is in a scope.

        Diagnostic settings stay: they outlive the resource whose they are (source: Azure Monitor documentation,
        diagnostic settings).
        """
        gone = [key for key, item in self._all.items() if is_inside(item.id, scope) and not item.outlives]
        for key in gone:
            del self._all[key]


def not_found(kind: str, identifier: str) -> ServiceFault:
    """Refuse what is not there, in ARM's words."""
    parts = identifier.split("/")
    group = parts[4] if len(parts) > 4 else ""
    message = (
        f"The Resource '{kind}/{identifier.rpartition('/')[2]}' under resource group '{group}' was not found. "
        "For more details please go to https://aka.ms/ARMResourceNotFoundFix"
    )
    return ServiceFault(404, "ResourceNotFound", message)
