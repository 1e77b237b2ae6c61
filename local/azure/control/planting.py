"""HSMs that are there at once, in whatever state, as if they had been made and used long ago."""

import hashlib
import secrets
from datetime import UTC, datetime

from local.azure.control.models import PlantedHits, PlantedHsm
from local.azure.core.errors import ServiceFault
from local.azure.managed_hsm.models import Export
from local.azure.resource_manager.hsm_resource import HsmResource, Signature
from local.azure.resource_manager.locations import plain_location
from local.azure.resource_manager.subscriptions import ResourceGroup, Subscription
from local.azure.world import World


def plant(world: World, new: PlantedHsm) -> None:
    """Plant an HSM, and its resource group if need be; no quota counts; raises ServiceFault 404 or 409."""
    subscription = world.find_subscription(new.subscription_id or world.subscription.id)
    available, _, message = world.manager.is_available(new.name)
    if not available:
        raise ServiceFault(409, "NameUnavailable", message)
    group = ResourceGroup(new.resource_group, plain_location(new.location), {})
    group = subscription.groups.setdefault(new.resource_group.lower(), group)
    world.manager.plant(_make(world, subscription, group, new), new.deleted_at)


def add_hits(hsm: HsmResource, hits: PlantedHits) -> None:
    """Let an HSM have answered requests."""
    hsm.hits.add(hits.at.timestamp(), hits.count)


def _make(world: World, subscription: Subscription, group: ResourceGroup, new: PlantedHsm) -> HsmResource:
    begin = world.timing.begin
    created_at = new.created_at or datetime.fromtimestamp(world.timing.clock.now(), UTC)
    hsm = HsmResource(
        name=new.name.lower(),
        subscription_id=subscription.id,
        resource_group=group.name,
        location=plain_location(new.location),
        sku={"family": "B", "name": "Standard_B1"},
        tags=new.tags,
        properties={
            "initialAdminObjectIds": new.initial_admin_object_ids,
            "softDeleteRetentionInDays": new.soft_delete_retention_in_days,
            **({"enablePurgeProtection": True} if new.enable_purge_protection else {}),
        },
        provisioning=begin([], "Failed" if new.state == "Failed" else "Succeeded"),
        created_by=new.created_by,
        created_by_type=new.created_by_type,
        created_at=created_at,
        modified=Signature(new.created_by, new.created_by_type, created_at),
    )
    if new.state == "Active":
        # Nobody has this security domain: what was exported is unknown.
        digest = hashlib.sha256(secrets.token_bytes(32)).hexdigest()
        hsm.exports.append(Export(1, digest, required=2, thumbprints=[], confirmation=begin([], "Success")))
    for hits in new.hits:
        add_hits(hsm, hits)
    return hsm
