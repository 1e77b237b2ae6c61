"""Finds an HSM that is to be taken over."""

from typing import NamedTuple

from activities.context import hsm_gone
from clients import archive, resource_manager
from clients.azure_errors import unreadable
from clients.ownership import find_usable_provider, hsm_exists
from domain.adoption import FoundHsm
from domain.hsm import Hsm
from domain.requests import HsmSpecification


class ForeignHsm(NamedTuple):
    """An HSM, and what tells it from another of its name."""

    hsm: Hsm
    found: FoundHsm


def find_foreign_hsm(place: HsmSpecification, name: str, team: str) -> ForeignHsm:
    """Find it in its subscription and resource group.

    Raises ServiceError `hsm_gone`, `hsm_exists` where our record says that the name is another team's, and
    `azure_unreadable` where ARM does not say when it was made.
    """
    find_usable_provider(place.subscription_id)
    hsm = resource_manager.find_hsm(place.subscription_id, place.resource_group, name)
    if hsm is None or hsm.provisioning_state == "Deleting":
        raise hsm_gone()
    record = archive.find_hsm_record(name)
    if record is not None and record.team != team:
        raise hsm_exists()
    if hsm.made_at is None:
        raise unreadable("read when the HSM was made")
    return ForeignHsm(hsm, FoundHsm(made_at=hsm.made_at, state=hsm.state))
