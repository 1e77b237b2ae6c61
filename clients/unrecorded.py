"""HSMs in the subscriptions that are ours to know, of which we have no record."""

from collections.abc import Iterable
from typing import Final, NamedTuple

from clients import archive, resource_graph, summaries
from clients.azure_errors import UNREADABLE
from clients.many_subscriptions import list_hsms_of
from domain.errors import ServiceError
from domain.policy import EVERYTHING
from domain.records import utc_text
from domain.settings import deployment_policy

_EVERYWHERE: Final = (
    "resources | where type =~ 'microsoft.keyvault/managedhsms' | project id, name, subscriptionId | order by id asc"
)


class UnrecordedHsm(NamedTuple):
    """An HSM that nobody recorded, and what Azure says of its beginning, where that is known."""

    name: str
    resource_id: str
    made: str | None = None


def list_subscriptions() -> list[str]:
    """List the subscriptions that are looked at one by one: those that the policy names, and those of our HSMs."""
    named = {listed.lower() for listed in deployment_policy().subscriptions if listed != EVERYTHING}
    ours = {record.subscription_id.lower() for record in summaries.list_hsm_records().values() if record.billed}
    return sorted(named | ours)


def find_in(subscription_ids: list[str]) -> dict[str, list[UnrecordedHsm]]:
    """Find those of each subscription; one whose HSMs could not be listed is missing."""
    listed = list_hsms_of(subscription_ids)
    # After the lists: whatever we have made since then is recorded.
    known = _list_recorded()
    return {
        subscription_id: _keep_unclaimed(
            UnrecordedHsm(
                hsm.name, hsm.resource_id, f"made at {utc_text(hsm.made_at)} by {hsm.made_by}" if hsm.made_at else None
            )
            for hsm in hsms
            if hsm.resource_id.lower() not in known and hsm.provisioning_state != "Deleting"
        )
        for subscription_id, hsms in listed.items()
    }


def find_elsewhere(subscription_ids: Iterable[str]) -> list[UnrecordedHsm]:
    """Find those of all other subscriptions that the service may read; Resource Graph tells of them a while later."""
    looked_at = set(subscription_ids)
    rows = list(resource_graph.query(_EVERYWHERE, "list the HSMs of all subscriptions"))
    known = _list_recorded()
    return _keep_unclaimed(
        UnrecordedHsm(str(row["name"]).lower(), str(row["id"]))
        for row in rows
        if str(row["subscriptionId"]).lower() not in looked_at and str(row["id"]).lower() not in known
    )


def is_everywhere_allowed() -> bool:
    """Say whether the policy names no subscriptions, but allows all."""
    return EVERYTHING in deployment_policy().subscriptions


def _list_recorded() -> set[str]:
    # What has the place of one that was purged is another one.
    return {record.resource_id.lower() for record in summaries.list_hsm_records().values() if record.billed}


def _keep_unclaimed(hsms: Iterable[UnrecordedHsm]) -> list[UnrecordedHsm]:
    """Leave out what an operation is taking over, or making."""
    return [hsm for hsm in hsms if not _is_claimed(hsm)]


def _is_claimed(hsm: UnrecordedHsm) -> bool:
    try:
        held = archive.find_claim(hsm.name)
    except ServiceError as error:
        if error.detail.code != UNREADABLE:
            raise
        # One damaged claim must not hide all others.
        return False
    return held is not None and held.claim.running
