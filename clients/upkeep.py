"""Resources around an HSM, each under a name of ours: made where they are missing, changed where they differ."""

from typing import Any

from clients.api_versions import version_of
from clients.arm import delete_resource, find_resource, put_resource
from clients.likeness import is_like
from domain.model import Model


def keep(resource_id: str, body: Model) -> None:
    """Have a resource be as its body says: one that is there and like it is left, any other is written as a whole."""
    version = version_of(resource_id)
    wanted = body.model_dump(mode="json", by_alias=True)
    found = find_resource(resource_id, version)
    # Where it is cannot be changed, and Azure spells regions in more than one way.
    if found is None or not is_like(found.get("properties"), wanted["properties"]):
        put_resource(resource_id, version, body.model_dump(mode="json", by_alias=True, exclude_none=True))


def find(resource_id: str) -> dict[str, Any] | None:
    """Read a resource by its id; None where there is none."""
    return find_resource(resource_id, version_of(resource_id))


def remove(resource_id: str) -> None:
    """Delete a resource by its id; one that is gone is deleted."""
    delete_resource(resource_id, version_of(resource_id))
