"""What holds for the storage account beside what Azurite stores."""

import asyncio
from dataclasses import dataclass, field
from weakref import WeakValueDictionary

from local.azure.blob_storage.roles import ROLES
from local.azure.core.data_access import DataAccess


@dataclass
class StorageRules:
    """Which containers are immutable, and who may use the account's data: everybody of the tenant, at first."""

    immutable_containers: set[str] = field(default_factory=set)
    access: DataAccess = field(default_factory=lambda: DataAccess(ROLES))
    _locks: WeakValueDictionary[str, asyncio.Lock] = field(default_factory=WeakValueDictionary)

    def lock(self, place: str) -> asyncio.Lock:
        """Give the lock under which a blob is looked for and then changed."""
        return self._locks.setdefault(place, asyncio.Lock())
