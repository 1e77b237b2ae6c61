"""What is recorded of a firewall that is opened for a while, and what opens and closes it."""

from pydantic import AwareDatetime

from domain.changes import InPlaceChange, find_pending
from domain.hsm import Hsm, reach
from domain.model import Model
from domain.requests import HsmSpecification, NetworkRequest, PublicNetworkAccess


class Opening(Model):
    """An opening, recorded before there is one, and kept until the HSM was seen closed."""

    hsm: str
    """The HSM's name."""
    resource_id: str
    """Its Azure resource id."""
    operation_id: str
    """The operation that opens it."""
    number: int = 0
    """Which of the openings of that operation it is: a restore has one, and from 1 on one for each restore blob."""
    ip_rule: str
    """The addresses that are let in."""
    closes_at: AwareDatetime
    """When it is closed at the latest."""
    public_network_access: PublicNetworkAccess
    """Whether it is to be reached from the internet afterwards."""
    network: NetworkRequest
    """Its network rules afterwards."""

    @property
    def opened(self) -> NetworkRequest:
        """The network rules while it is open: those that meant nothing without public access mean nothing still."""
        closed = NetworkRequest(bypass=self.network.bypass)
        rules = self.network if self.public_network_access == "Enabled" else closed
        let_in = sorted({*rules.ip_rules, self.ip_rule})
        return rules.model_copy(update={"default_action": "Deny", "ip_rules": let_in})


def revise(opening: Opening, wanted: HsmSpecification) -> Opening:
    """Give an opening that is closed to what a later operation wants."""
    return opening.model_copy(update={"network": wanted.network, "public_network_access": wanted.public_network_access})


def closing_too(change: InPlaceChange, wanted: HsmSpecification) -> InPlaceChange:
    """Give a change of rules or public access with both as they are wanted, for an HSM that may be open still.

    Rules that are to mean nothing without public access would let in whomever they name until that is put off.
    """
    if change.network is None and change.public_network_access is None:
        return change
    both = {"network": wanted.network, "public_network_access": wanted.public_network_access}
    return change.model_copy(update=both)


def opening_change(opening: Opening, hsm: Hsm) -> InPlaceChange:
    """Give what opens an HSM; empty where it is open."""
    return find_pending(InPlaceChange(network=opening.opened, public_network_access="Enabled"), hsm)


def closing_change(opening: Opening, hsm: Hsm) -> InPlaceChange:
    """Give what closes an HSM again; empty where it is closed.

    Rules that somebody changed meanwhile stay as they are, but for the addresses that were let in; public access that
    was put on for the opening is put off, and what somebody else put off stays off.
    """
    access = "Disabled" if opening.public_network_access == "Disabled" else None
    network = None
    if reach(hsm.network) == reach(opening.opened):
        network = opening.network
    elif opening.ip_rule in hsm.network.ip_rules and opening.ip_rule not in opening.network.ip_rules:
        others = [rule for rule in hsm.network.ip_rules if rule != opening.ip_rule]
        network = hsm.network.model_copy(update={"ip_rules": others})
    return find_pending(InPlaceChange(network=network, public_network_access=access), hsm)
