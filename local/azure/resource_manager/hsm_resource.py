"""An HSM as ARM has it: what the data plane knows, and what only ARM does."""

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

from local.azure.core.transitions import Transition
from local.azure.managed_hsm.models import ManagedHsm
from local.azure.resource_manager.bodies import ConnectionState
from local.azure.resource_manager.callers import Caller
from local.clock import Clock


class Signature(NamedTuple):
    """Who did something to a resource, and when."""

    by: str
    by_type: str
    at: datetime


def sign(caller: Caller, clock: Clock) -> Signature:
    """Say that a caller does something now."""
    return Signature(*caller.signature, datetime.fromtimestamp(clock.now(), UTC))


@dataclass
class ExtendedRegion:
    """A region beside the first one: coming (it ends Succeeded), or going (it ends Gone)."""

    name: str
    progress: Transition


@dataclass
class PrivateEndpointConnection:
    """A connection of a private endpoint, and whether the HSM's owner lets it in."""

    name: str
    private_endpoint_id: str
    state: ConnectionState
    etag: str


@dataclass
class HsmResource(ManagedHsm):
    """A Managed HSM with what only ARM knows of it."""

    created_by_type: str = "Application"
    modified: Signature | None = None
    # As ARM writes it; empty where it has none.
    identity: dict[str, Any] = field(default_factory=dict)
    regions: list[ExtendedRegion] = field(default_factory=list)
    connections: dict[str, PrivateEndpointConnection] = field(default_factory=dict)
    update: Transition | None = None
    deletion: Transition | None = None

    @property
    def resource_id(self) -> str:
        """Its id in ARM."""
        group = f"/subscriptions/{self.subscription_id}/resourceGroups/{self.resource_group}"
        return f"{group}/providers/Microsoft.KeyVault/managedHSMs/{self.name}"

    @property
    def state(self) -> str:
        """The provisioning state; it stays Succeeded after activation."""
        if self.deletion is not None:
            return self.deletion.state
        if self.update is not None and not self.update.ended:
            return self.update.state
        return self.provisioning.state

    @property
    def extended_regions(self) -> list[ExtendedRegion]:
        """The regions beside the first one that are there, are coming or are going."""
        return [region for region in self.regions if region.progress.state != "Gone"]

    def is_in(self, subscription_id: str, group: str) -> bool:
        """Say whether it is in a resource group."""
        return (self.subscription_id.lower(), self.resource_group.lower()) == (subscription_id.lower(), group.lower())


@dataclass
class DeletedHsm:
    """A soft-deleted HSM, which keeps its name and is billed until it is purged."""

    hsm: HsmResource
    deleted_at: datetime
    purge: Transition | None = None

    @property
    def purge_at(self) -> datetime:
        """When Azure purges it by itself."""
        return self.deleted_at + timedelta(days=int(self.hsm.properties["softDeleteRetentionInDays"]))


@dataclass
class Operation:
    """A long-running operation: its polls end when what it began has come to its end."""

    id: str
    subscription_id: str
    location: str
    progress: Transition
    # What the last poll gives; None where there is nothing left to give.
    hsm: HsmResource | None = None
    # How the last poll is answered that has nothing to give.
    end_status: int = 200
