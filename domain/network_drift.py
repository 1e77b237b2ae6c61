"""How the reach of an HSM differs from what was asked for, and what healing it may do: close, and never open.

Whoever shut others out may have had a reason that our record does not know.
"""

import ipaddress
from collections.abc import Iterable
from typing import Final, Literal, NamedTuple

from domain.hsm import reach
from domain.policy_rules import OPEN_TAGS
from domain.requests import NetworkRequest

# What lets in more than this lets in everybody, as the policy has it.
_WIDEST: Final = ipaddress.IPv4Network("0.0.0.0/8").num_addresses
# Earlier versions neither asked for these nor read them: records of theirs do not have them.
_LATER: Final = ("virtual_network_rules", "service_tags", "bypass")


class Reach(NamedTuple):
    """Whether, and from where, an HSM is reached from the internet."""

    access: Literal["Enabled", "Disabled"]
    network: NetworkRequest

    def equals(self, other: "Reach") -> bool:
        """Say whether Azure does not tell the two apart."""
        return self.access == other.access and reach(self.network) == reach(other.network)

    @property
    def open(self) -> bool:
        """Whether anybody, or nearly, reaches the HSM from the internet."""
        if self.access == "Disabled":
            return False
        tagged = any(tag.lower().partition(".")[0] in OPEN_TAGS for tag in self.network.service_tags)
        return self.network.default_action == "Allow" or tagged or _count(self.network.ip_rules) > _WIDEST


def complete(asked: NetworkRequest, has: NetworkRequest) -> NetworkRequest:
    """Give what was asked for; what a record of an earlier version does not name is wanted as it is."""
    unknown = {name: getattr(has, name) for name in _LATER if name not in asked.model_fields_set}
    return asked.model_copy(update=unknown)


def close(asked: Reach, has: Reach) -> Reach:
    """Give what an HSM is to be so that it lets in nobody who was not asked for, and nobody whom it does not now."""
    disabled = "Disabled" in (asked.access, has.access)
    return Reach("Disabled" if disabled else "Enabled", _close(asked.network, has.network))


def _close(asked: NetworkRequest, has: NetworkRequest) -> NetworkRequest:
    bypass: Literal["AzureServices", "None"] = "None" if "None" in (asked.bypass, has.bypass) else "AzureServices"
    if asked.default_action != has.default_action:
        # The one that allows by default lets in whomever the other one does.
        return (asked if asked.default_action == "Deny" else has).model_copy(update={"bypass": bypass})
    return NetworkRequest(
        default_action=asked.default_action,
        ip_rules=_common_ranges(asked.ip_rules, has.ip_rules),
        virtual_network_rules=_common(asked.virtual_network_rules, has.virtual_network_rules),
        service_tags=_common(asked.service_tags, has.service_tags),
        bypass=bypass,
    )


def _common(asked: list[str], has: list[str]) -> list[str]:
    there = {item.lower() for item in has}
    return [item for item in asked if item.lower() in there]


def _common_ranges(asked: list[str], has: list[str]) -> list[str]:
    kept = [text for text in asked if _is_within(text, has)]
    return kept + [text for text in has if _is_within(text, asked) and not _is_within(text, kept)]


def _is_within(text: str, ranges: Iterable[str]) -> bool:
    # Ranges that were joined hold a range whole, in one of them, or not at all.
    return any(ipaddress.IPv4Network(text, strict=False).subnet_of(network) for network in _join(ranges))


def _count(ranges: Iterable[str]) -> int:
    return sum(network.num_addresses for network in _join(ranges))


def _join(ranges: Iterable[str]) -> list[ipaddress.IPv4Network]:
    return list(ipaddress.collapse_addresses(ipaddress.IPv4Network(text, strict=False) for text in ranges))


def name_reach(one: Reach, besides: Reach) -> str:
    """Say in a few words from where it is reached; subnets and bypass only where the other one has other ones."""
    if one.access == "Disabled" and besides.access != "Disabled":
        return "no public access"
    words = [_name_addresses(one)]
    if {item.lower() for item in one.network.virtual_network_rules} != {
        item.lower() for item in besides.network.virtual_network_rules
    }:
        subnets = (subnet.split("/virtualNetworks/")[-1] for subnet in one.network.virtual_network_rules)
        words.append(f"subnets: {', '.join(sorted(subnets)) or 'none'}")
    if one.network.bypass != besides.network.bypass:
        words.append(f"bypass: {one.network.bypass}")
    return "; ".join(words)


def _name_addresses(one: Reach) -> str:
    ranges = ", ".join([*sorted(set(one.network.service_tags)), *sorted(set(one.network.ip_rules))]) or "no address"
    whom = "everybody" if one.network.default_action == "Allow" else ranges
    return f"no public access, and rules for {whom}" if one.access == "Disabled" else f"public access for {whom}"
