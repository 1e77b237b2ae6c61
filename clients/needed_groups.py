"""Which resource groups somebody is about to use, though they may be empty still."""

from datetime import UTC, datetime, timedelta
from typing import Final, NamedTuple

from clients import summaries

YOUNG: Final = timedelta(days=1)
"""What was made or recorded so lately may still be going on."""


class Group(NamedTuple):
    """A resource group by its subscription and its name, both in lower case."""

    subscription_id: str
    name: str

    def __str__(self) -> str:
        return f"/subscriptions/{self.subscription_id}/resourceGroups/{self.name}"


def find_needed_groups(but_for: str | None = None) -> frozenset[Group]:
    """Find the groups of what is being made or changed, but for one HSM; what is there makes its group not empty."""
    running = {claim.hsm: claim.resource_id for claim in summaries.list_claims() if claim.running}
    now = datetime.now(UTC)
    records = summaries.list_hsm_records().values()
    young = {record.hsm: record.resource_id for record in records if now - record.created_at < YOUNG}
    places = [place for hsms in (running, young) for hsm, place in hsms.items() if hsm != but_for]
    return frozenset(group_of(place) for place in places)


def group_of(resource_id: str) -> Group:
    """Give the group that a resource is in."""
    parts = resource_id.lower().split("/")
    return Group(parts[2], parts[4])
