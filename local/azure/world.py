"""One local Azure's state, made anew at each start."""

import uuid
from typing import Any, Final

from local.azure.blob_storage.models import StorageRules
from local.azure.core.errors import ServiceFault
from local.azure.core.interference import Interference
from local.azure.core.tokens import TokenAuthority
from local.azure.core.transitions import Timing
from local.azure.entra.models import Application, Directory
from local.azure.entra.sign_in import SignIns
from local.azure.event_grid.models import EventGrid
from local.azure.key_vault.models import Vaults
from local.azure.managed_hsm.models import ExportRules
from local.azure.resource_manager.models import ResourceManager
from local.azure.resource_manager.subscriptions import Subscription

DEFAULT_VAULT: Final = "custodians"


class World:
    """A tenant with one subscription, one managed identity and one vault; another tenant with a subscription."""

    def __init__(self, timing: Timing) -> None:
        self.timing = timing
        self.tenant_id = str(uuid.uuid4())
        self.other_tenant_id = str(uuid.uuid4())
        self.directory = Directory(TokenAuthority(self.tenant_id))
        self.sign_ins = SignIns(self.directory, timing.clock)
        self.identity = self.directory.add(Application("managed identity"))
        self.manager = ResourceManager(timing, self.directory)
        self.subscription = self.add_subscription(registered=True)
        self.developer = self.directory.add(Application("developer"))
        self.subscription.roles[self.developer.object_id] = "Contributor"
        self.other_subscription_id = str(uuid.uuid4())
        self.manager.subscriptions[self.other_subscription_id] = Subscription(
            self.other_subscription_id, self.other_tenant_id
        )
        self.vaults = Vaults(timing.clock)
        self.vaults.create(DEFAULT_VAULT, purge_protection=True)
        self.storage = StorageRules()
        self.event_grid = EventGrid(self.subscription.id)
        self.export_rules = ExportRules()
        self.telemetry: list[dict[str, Any]] = []
        self.interference = Interference()

    def add_subscription(self, *, registered: bool) -> Subscription:
        """Add a subscription of our tenant in which the managed identity is Contributor."""
        made = Subscription(str(uuid.uuid4()), self.tenant_id, registered=registered)
        made.roles[self.identity.object_id] = "Contributor"
        self.manager.subscriptions[made.id] = made
        return made

    def find_subscription(self, identifier: str) -> Subscription:
        """Find a subscription for the control API; raises ServiceFault 404."""
        subscription = self.manager.subscriptions.get(identifier.lower())
        if subscription is None:
            raise ServiceFault(404, "SubscriptionNotFound", "There is no such subscription.")
        return subscription
