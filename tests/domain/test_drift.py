"""How HSMs differ from their records: each kind of drift, and whatever is as it was recorded has none."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any, Final, Literal, get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.backup_history import BackupHistory, KeptBackup
from domain.changes import HsmChange, InPlaceChange, NetworkChange, merge
from domain.cleanup import DeletedAt
from domain.decommissioning import Decommissioned
from domain.drift import RANK, Facts, find_drift, find_healing, may_heal
from domain.drift_findings import SEVERITIES, Drift, DriftFinding, Healing
from domain.fields import Healable
from domain.handover.administration import GivenUp
from domain.handover.full_backups import BackupRequest
from domain.hsm import ExtendedRegion, Hsm
from domain.network_drift import Reach, close
from domain.policy import ReconciliationRules
from domain.reconciliation import (
    FORGETS_HEALS_AFTER,
    GIVES_UP_AFTER,
    HEAL_AGAIN_AFTER,
    HEALABLE,
    MOST_FINDINGS,
    MOST_HEALS,
    CheckedHsm,
    Obstacles,
    ReconciliationRun,
    goes_on,
    judge_healing,
    make_report,
    mark,
    note_heals,
)
from domain.records import HsmRecord, RestoredFrom
from domain.requests import HsmSpecification, NetworkRequest
from domain.verifications import CertificateState, ShareState, Verification
from tests.domain.test_cleanup import MADE, NOW, OTHERS, OURS, RECEIPT, SPECIFICATION, a_live_hsm, a_record

RULES: Final = ReconciliationRules()


def denying(*ranges: str, **changes: Any) -> NetworkRequest:
    """Give rules as records of today have them: every member is named."""
    rules = NetworkRequest(default_action="Deny", ip_rules=list(ranges), **changes)
    return NetworkRequest.model_validate_json(rules.to_json())


CLOSED: Final = denying("203.0.113.0/24")
ASKED: Final = SPECIFICATION.model_copy(
    update={"purge_protection": True, "network": CLOSED, "tags": {"owner": "team-a", "Cost": "12"}}
)
LATER: Final = MADE + timedelta(days=3)


def a_verification(**changes: Any) -> Verification:
    usual: dict[str, Any] = {"faults": [], "quorum_health": "Healthy", "shares": [], "verified_at": NOW}
    return Verification(hsm="contoso-hsm", sha256=RECEIPT.sha256, **{**usual, **changes})


def built(record: HsmRecord, **changes: Any) -> Hsm:
    """Build an HSM as its record says that it is."""
    request = record.request
    as_recorded = {
        "location": request.location,
        "sku": request.sku,
        "administrators": [*request.administrators, OURS],
        "soft_delete_retention_days": request.soft_delete_retention_days,
        "purge_protection": request.purge_protection,
        "public_network_access": request.public_network_access,
        "network": request.network,
        "tags": dict(request.tags),
    }
    return a_live_hsm(**{**as_recorded, **changes})


def facts(record: HsmRecord | None = None, live: dict[str, Any] | None = None, **others: Any) -> Facts:
    record = record or a_record(request=ASKED, security_domain=RECEIPT)
    usual = {"live": built(record, **(live or {})), "verification": a_verification()}
    return Facts(record, frozenset({OURS}), **{**usual, **others})


def codes(facts: Facts, rules: ReconciliationRules = RULES, now: datetime = NOW) -> list[Drift]:
    return [difference.code for difference in find_drift(facts, rules, now)]


def ended(deleted_at: datetime | None = NOW, purged_at: datetime | None = None) -> Decommissioned:
    return Decommissioned(operation_id="o", asked_at=MADE, was_active=True, deleted_at=deleted_at, purged_at=purged_at)


def a_share(certificate: CertificateState) -> ShareState:
    return ShareState(thumbprint="t", custodian="Ada", certificate=certificate)


CONTAINER: Final = "https://backups.blob.core.windows.net/hsms"
HISTORY: Final = BackupHistory(
    hsm="hsm-1",
    good=[KeptBackup(container=CONTAINER, folder="mhsm-hsm-1-2026112112000000", ended_at=NOW - timedelta(days=3))],
)
RECORD: Final = a_record(request=ASKED, security_domain=RECEIPT)
WATCHED: Final = RECORD.model_copy(
    update={
        "diagnostics": "/hsm/diagnosticSettings/ours",
        "lock": "/hsm/locks/ours",
        "alerts": ["/rules/purge", "/rules/latency", "/rules/availability"],
        "private_endpoints": ["/privateEndpoints/pe-1", "/privateEndpoints/pe-2"],
    }
)
NEVER_ACTIVE: Final = a_record(request=ASKED)
DRIFTED: Final[dict[Drift, Facts]] = {
    "hsm_gone": facts()._replace(live=None),
    "replaced_by_others": facts(live={"made_at": LATER, "made_by": OTHERS}),
    "lives_again": facts(RECORD.model_copy(update={"decommissioned": ended()})),
    "deletion_unfinished": facts(RECORD.model_copy(update={"decommissioned": ended(None)})),
    "not_activated": facts(NEVER_ACTIVE, {"activation": "NotActivated"}),
    "activation_failed": facts(NEVER_ACTIVE, {"activation": "Failed"}),
    "public_access_opened": facts(live={"network": NetworkRequest()}),
    "network_differs": facts(live={"network": NetworkRequest(default_action="Deny", ip_rules=["198.51.100.7/32"])}),
    "network_tighter": facts(live={"network": NetworkRequest(default_action="Deny")}),
    "purge_protection_off": facts(live={"purge_protection": False}),
    "regions_differ": facts(live={"regions": [ExtendedRegion(name="westeurope", state="Succeeded")]}),
    "identities_missing": facts(
        a_record(request=ASKED.model_copy(update={"identities": ["/identities/backup"]}), security_domain=RECEIPT)
    ),
    "administrators_changed": facts(live={"administrators": [OTHERS, OURS, OURS.replace("a", "c")]}),
    "service_still_administrator": facts(gives_up=True),
    "tags_differ": facts(live={"tags": {"OWNER": "team-b", "cost": "12", "of": "others"}}),
    "domain_not_verified_lately": facts(verification=a_verification(verified_at=NOW - timedelta(days=4))),
    "quorum_critical": facts(verification=a_verification(quorum_health="Critical", faults=["It is damaged."])),
    "quorum_warning": facts(
        verification=a_verification(quorum_health="Warning", shares=[a_share("Missing"), a_share("Usable")])
    ),
    "backup_too_old": facts(backups=HISTORY, backup_request=BackupRequest(container=CONTAINER, every_hours=24)),
    "record_disagrees": facts(live={"sku": "Standard_B10v2"}),
    "diagnostics_gone": facts(WATCHED, gone=frozenset({"/hsm/diagnosticSettings/ours"})),
    "lock_gone": facts(WATCHED, gone=frozenset({"/hsm/locks/ours"})),
    "alerts_gone": facts(WATCHED, gone=frozenset({"/rules/purge", "/rules/latency", "/rules/of-others"})),
    "private_endpoints_gone": facts(WATCHED, gone=frozenset({"/privateEndpoints/pe-2"})),
}


@pytest.mark.parametrize("code", DRIFTED)
def test_each_kind_of_drift_is_found_alone(code: Drift) -> None:
    assert codes(DRIFTED[code]) == [code]


def test_every_kind_is_one_that_a_look_finds_but_for_what_nobody_recorded() -> None:
    assert set(DRIFTED) | {"unrecorded"} == set(get_args(Drift)) == set(SEVERITIES)
    assert {*RANK} == set(SEVERITIES.values())
    assert set(DRIFTED) > HEALABLE


def test_what_is_recorded_and_what_is_there_is_said_in_a_few_words() -> None:
    assert {code: find_drift(drifted, RULES, NOW)[0][1:] for code, drifted in DRIFTED.items()} == {
        "hsm_gone": ("made at 2026-10-25T12:00:00Z", None),
        "replaced_by_others": ("made at 2026-10-25T12:00:00Z", f"made at 2026-10-28T12:00:00Z by {OTHERS}"),
        "lives_again": ("deleted at 2026-11-24T12:00:00Z", f"made at 2026-10-25T12:00:00Z by {OURS}"),
        "deletion_unfinished": ("asked for at 2026-10-25T12:00:00Z", "Active"),
        "not_activated": ("Active", "NotActivated"),
        "activation_failed": ("Active", "Failed"),
        "public_access_opened": ("public access for 203.0.113.0/24", "public access for everybody"),
        "network_differs": ("public access for 203.0.113.0/24", "public access for 198.51.100.7/32"),
        "network_tighter": ("public access for 203.0.113.0/24", "public access for no address"),
        "purge_protection_off": ("on", "off"),
        "regions_differ": ("none", "westeurope"),
        "identities_missing": ("backup", "none"),
        "administrators_changed": (OTHERS, f"{OTHERS}, {OURS.replace('a', 'c')}"),
        "service_still_administrator": ("given up", "the service is Managed HSM Administrator"),
        "tags_differ": ("owner=team-a", "owner=team-b"),
        "domain_not_verified_lately": ("verified within 3 days", "2026-11-20T12:00:00Z"),
        "quorum_critical": ("Healthy", "the stored bytes are damaged; 0 of 0 wrapping keys lost"),
        "quorum_warning": ("Healthy", "1 of 2 wrapping keys lost"),
        "backup_too_old": ("a full backup within 48 hours", "the last one at 2026-11-21T12:00:00Z"),
        "record_disagrees": ("standard_b1", "standard_b10v2"),
        "diagnostics_gone": ("ours", None),
        "lock_gone": ("ours", None),
        "alerts_gone": ("latency, purge", None),
        "private_endpoints_gone": ("pe-2", None),
    }


MORE: Final[dict[str, tuple[Facts, list[Drift]]]] = {
    "deleted by others": (DRIFTED["hsm_gone"]._replace(deleted=DeletedAt(NOW, purge_protected=False)), ["hsm_gone"]),
    "being deleted by others": (facts(live={"provisioning_state": "Deleting"}), ["hsm_gone"]),
    "made by others where ours was to be": (
        facts(a_record(made_at=None), {"made_by": OTHERS, "activation": "NotActivated"}),
        ["replaced_by_others"],
    ),
    "there before ours was to be": (
        facts(a_record(made_at=None), {"made_at": MADE - timedelta(hours=1)}),
        ["replaced_by_others"],
    ),
    "elsewhere": (facts(live={"resource_id": "/subscriptions/a/b/c/d"}), ["replaced_by_others"]),
    "not provisioned": (
        facts(NEVER_ACTIVE, {"activation": "NotActivated", "provisioning_state": "Failed"}),
        ["activation_failed"],
    ),
    "opened to the internet": (
        facts(
            a_record(request=ASKED.model_copy(update={"public_network_access": "Disabled"}), adopted=True),
            {"public_network_access": "Enabled"},
        ),
        ["public_access_opened"],
    ),
    "opened range by range": (
        facts(live={"network": NetworkRequest(default_action="Deny", ip_rules=["0.0.0.0/1", "128.0.0.0/1"])}),
        ["public_access_opened"],
    ),
    "one address more": (
        facts(live={"network": CLOSED.model_copy(update={"ip_rules": [*CLOSED.ip_rules, "198.51.100.7/32"]})}),
        ["network_differs"],
    ),
    "closed": (facts(live={"public_network_access": "Disabled"}), ["network_tighter"]),
    "closed by a part of a range": (facts(live={"network": denying("203.0.113.128/25")}), ["network_tighter"]),
    "opened by a tag": (
        facts(live={"network": CLOSED.model_copy(update={"service_tags": ["Internet"]})}),
        ["public_access_opened"],
    ),
    "opened by a tag of a region": (
        facts(live={"network": CLOSED.model_copy(update={"service_tags": ["AzureCloud.norwayeast"]})}),
        ["public_access_opened"],
    ),
    "a tag more": (
        facts(live={"network": CLOSED.model_copy(update={"service_tags": ["AzureDevOps"]})}),
        ["network_differs"],
    ),
    "a tag removed": (facts(live={"tags": {"owner": "team-a"}}), ["tags_differ"]),
    "never verified": (facts(verification=None), ["domain_not_verified_lately"]),
    "another security domain verified": (
        facts(verification=a_verification(quorum_health="Critical").model_copy(update={"sha256": "1"})),
        ["domain_not_verified_lately"],
    ),
    "damaged, long ago": (
        facts(verification=a_verification(quorum_health="Critical", verified_at=NOW - timedelta(days=9))),
        ["quorum_critical", "domain_not_verified_lately"],
    ),
    "active past this service": (facts(NEVER_ACTIVE), ["record_disagrees"]),
    "active by its custodians": (facts(a_record(request=ASKED, made_for_restore=True)), ["record_disagrees"]),
    "never active, and a security domain stored": (facts(live={"activation": "NotActivated"}), ["record_disagrees"]),
    "moved": (facts(live={"location": "westeurope", "soft_delete_retention_days": 9}), ["record_disagrees"]),
    "everything at once, the worst first": (
        facts(live={"tags": {}, "network": denying("198.51.100.7/32"), "purge_protection": False}),
        ["purge_protection_off", "network_differs", "tags_differ"],
    ),
}


@pytest.mark.parametrize("name", MORE)
def test_what_else_differs_is_found(name: str) -> None:
    drifted, expected = MORE[name]
    assert codes(drifted) == expected


TOMBSTONE: Final = a_record(decommissioned=ended())
ADOPTED: Final = a_record(request=ASKED, adopted=True)
RESTORED: Final = a_record(
    request=ASKED,
    made_for_restore=True,
    security_domain=RECEIPT,
    restored_from=RestoredFrom(hsm="other-hsm", operation_id="o", sha256="0"),
)
IDENTITY: Final = (
    "/subscriptions/00000000-0000-4000-8000-000000000000/resourceGroups/rg"
    "/providers/Microsoft.ManagedIdentity/userAssignedIdentities/backup"
)


def region(name: str, state: str = "Succeeded") -> ExtendedRegion:
    return ExtendedRegion(name=name, state=state)


EXTENDED: Final = a_record(
    request=ASKED.model_copy(update={"additional_regions": ["swedencentral"], "identities": [IDENTITY]}),
    security_domain=RECEIPT,
)
WHOLE: Final[dict[str, Any]] = {"regions": [region("swedencentral")], "identities": [IDENTITY.upper()]}
QUIET: Final[dict[str, Facts]] = {
    "as recorded": facts(),
    "a tombstone": facts(TOMBSTONE)._replace(live=None, verification=None),
    "a tombstone that is still kept": facts(TOMBSTONE)._replace(live=None, deleted=DeletedAt(NOW, False)),
    "a tombstone that is being deleted": facts(TOMBSTONE, {"provisioning_state": "Deleting"}),
    "purged": facts(a_record(decommissioned=ended(purged_at=NOW)))._replace(live=None),
    "another one where a purged one was": facts(a_record(decommissioned=ended(purged_at=NOW)), {"made_at": LATER}),
    "a decommission that deleted nothing, while it runs": facts(
        RECORD.model_copy(update={"decommissioned": ended(None)}), operation_running=True
    ),
    "a region, and an identity, asked for and there": facts(EXTENDED, WHOLE),
    "a region that goes": facts(live={"regions": [region("swedencentral", "Deleting")]}),
    "an identity more": facts(live={"identities": [IDENTITY]}),
    "an extension before it is active": facts(
        a_record(request=EXTENDED.request, created_at=NOW, made_at=NOW),
        {**WHOLE, "regions": [], "made_at": NOW, "activation": "NotActivated"},
    ),
    "one that was never made": facts(a_record(made_at=None))._replace(live=None),
    "one that was never seen ready": facts(a_record(made_at=None, security_domain=RECEIPT)),
    "taken over": facts(ADOPTED, {"administrators": SPECIFICATION.administrators, "made_by": OTHERS}),
    "restored": facts(RESTORED),
    "in use by the old identity's name": facts(live={"administrators": ASKED.administrators}),
    "an operation runs": DRIFTED["public_access_opened"]._replace(operation_running=True),
    "just made": facts(
        a_record(created_at=NOW, made_at=NOW), {"made_at": NOW, "activation": "NotActivated"}, verification=None
    ),
    "just stored": facts(
        RECORD.model_copy(update={"security_domain": RECEIPT.model_copy(update={"stored_at": NOW})}), verification=None
    ),
    "more purge protection than asked for": facts(a_record(security_domain=RECEIPT), {"purge_protection": True}),
    "tags in another case, and of others": facts(live={"tags": {"OWNER": "team-a", "cost": "12", "of": "others"}}),
    "ranges in another order, twice": facts(
        live={"network": CLOSED.model_copy(update={"ip_rules": CLOSED.ip_rules * 2})}
    ),
    "Azure does not say when it was made": facts(live={"made_at": None}),
    "Azure does not say whether it is active": facts(NEVER_ACTIVE, {"activation": "Unknown"}),
    "nobody can say how a key is": facts(verification=a_verification(quorum_health="Unknown")),
}


REGIONS: Final = [
    ({**WHOLE, "regions": []}, ("regions_differ", "swedencentral", "none")),
    (
        {**WHOLE, "regions": [region("swedencentral", "Failed")]},
        ("regions_differ", "swedencentral", "swedencentral (Failed)"),
    ),
    ({**WHOLE, "regions": [region("westeurope")]}, ("regions_differ", "swedencentral", "westeurope")),
    ({**WHOLE, "identities": []}, ("identities_missing", "backup", "none")),
]


@pytest.mark.parametrize(("live", "difference"), REGIONS)
def test_what_was_asked_for_and_is_not_there_is_found(live: dict[str, Any], difference: tuple[str | None, ...]) -> None:
    assert find_drift(facts(EXTENDED, live), RULES, NOW) == [difference]


@pytest.mark.parametrize("state", ["Succeeded", "Provisioning", "Failed"])
def test_a_region_of_others_is_found(state: str) -> None:
    found = find_drift(facts(live={"regions": [region("westeurope", state)]}), RULES, NOW)
    assert found == [("regions_differ", "none", "westeurope")]


@pytest.mark.parametrize("name", QUIET)
def test_what_is_as_it_is_to_be_is_no_drift(name: str) -> None:
    assert codes(QUIET[name]) == []


ranges: Final = st.lists(st.sampled_from(["203.0.113.0/24", "198.51.100.7/32", "10.0.0.0/8"]), max_size=3)
networks: Final = st.builds(
    NetworkRequest,
    defaultAction=st.sampled_from(["Allow", "Deny"]),
    ipRules=ranges,
    serviceTags=st.sampled_from([[], ["Internet"], ["AzureDevOps"]]),
    bypass=st.sampled_from(["AzureServices", "None"]),
)
accesses: Final = st.sampled_from(["Enabled", "Disabled"])
tags: Final = st.dictionaries(st.sampled_from(["owner", "Cost", "team"]), st.text(max_size=9))


@st.composite
def specifications(draw: st.DrawFn) -> HsmSpecification:
    changes = {
        "network": draw(networks),
        "tags": draw(tags),
        "purge_protection": draw(st.booleans()),
        "public_network_access": draw(st.sampled_from(["Enabled", "Disabled"])),
        "sku": draw(st.sampled_from(["Standard_B1", "Custom_B32"])),
        "soft_delete_retention_days": draw(st.integers(7, 90)),
        "administrators": draw(st.lists(st.sampled_from([OURS, OTHERS]), min_size=1, max_size=3)),
    }
    return SPECIFICATION.model_copy(update=changes)


adopted_or_stored: Final = st.sampled_from([{"adopted": True}, {"security_domain": RECEIPT}])
changes_in_place: Final = st.builds(
    HsmChange,
    tags=tags.filter(bool),
    network=st.builds(NetworkChange, defaultAction=st.sampled_from(["Allow", "Deny"]), ipRules=ranges),
)


@given(specifications(), adopted_or_stored, changes_in_place)
def test_an_hsm_that_is_built_from_its_own_record_has_no_drift(
    request: HsmSpecification, how: dict[str, Any], change: HsmChange
) -> None:
    for asked in (request, merge(change, request)):
        assert codes(facts(a_record(request=asked, **how))) == []


@given(specifications(), networks, accesses, tags, st.booleans())
def test_what_is_healed_has_no_such_drift_any_more(
    request: HsmSpecification,
    network: NetworkRequest,
    access: Literal["Enabled", "Disabled"],
    others: dict[str, str],
    protected: bool,
) -> None:
    record = a_record(request=request, security_domain=RECEIPT)
    live = {"network": network, "public_network_access": access, "tags": others, "purge_protection": protected}
    drifted = facts(record, live)
    found = [code for code in codes(drifted) if code in HEALABLE]
    assert drifted.live is not None
    change = find_healing(found, request, drifted.live)
    assert change.empty == (not found)
    assert may_heal(change, drifted, ReconciliationRules(heal=[*get_args(Healable)]), NOW) == bool(found)
    healed = drifted.live.model_copy(
        update={
            "tags": {**{name.lower(): value for name, value in others.items()}, **lowered(change.tags)},
            "network": change.network or network,
            "public_network_access": change.public_network_access or drifted.live.public_network_access,
            "purge_protection": change.purge_protection or protected,
        }
    )
    left = drifted._replace(live=healed)
    assert set(codes(left)) <= {"network_tighter"}
    before, after = (Reach(one.public_network_access, one.network) for one in (drifted.live, healed))
    assert close(before, after).equals(after)


def lowered(tags: dict[str, str]) -> dict[str, str]:
    return {name.lower(): value for name, value in tags.items()}


def test_only_what_is_named_is_healed() -> None:
    live = built(RECORD, tags={}, network=NetworkRequest(), purge_protection=False)
    assert find_healing(["tags_differ"], ASKED, live) == InPlaceChange(tags=ASKED.tags)
    assert find_healing(["purge_protection_off"], ASKED, live) == InPlaceChange(purge_protection=True)
    closed = find_healing(["public_access_opened"], ASKED, live)
    assert closed.network is not None
    assert closed == InPlaceChange(network=closed.network)
    assert closed.network.canonical() == CLOSED.canonical()


def may_still(change: InPlaceChange, live: dict[str, Any], *heal: Healable) -> bool:
    return may_heal(change, facts(live=live), ReconciliationRules(heal=list(heal)), NOW)


def test_what_was_pinned_is_done_only_where_it_would_be_healed_now() -> None:
    opened = {"tags": {}, "network": NetworkRequest(), "purge_protection": False}
    change = find_healing(
        ["tags_differ", "purge_protection_off", "public_access_opened"], ASKED, built(RECORD, **opened)
    )
    assert may_still(change, opened, "tags_differ", "purge_protection_off", "public_access_opened")
    assert not may_still(change, opened, "tags_differ", "purge_protection_off", "network_differs")
    assert not may_still(change, opened, "tags_differ", "public_access_opened")
    assert not may_still(change, opened, "purge_protection_off", "public_access_opened")
    everything: list[Healable] = ["tags_differ", "purge_protection_off", "public_access_opened", "network_differs"]
    assert not may_still(change, {}, *everything)


TIGHTENED: Final[list[dict[str, Any]]] = [
    {"network": denying()},
    {"network": denying("203.0.113.7/32")},
    {"network": CLOSED, "public_network_access": "Disabled"},
]


@pytest.mark.parametrize("live", TIGHTENED)
def test_what_was_closed_since_then_is_not_opened_again(live: dict[str, Any]) -> None:
    pinned = InPlaceChange(network=CLOSED, public_network_access="Enabled")
    assert not may_still(pinned, live, "public_access_opened", "network_differs")
    assert find_healing(["network_differs"], ASKED, built(RECORD, **live)).empty


def test_healing_shuts_out_and_lets_nobody_in() -> None:
    live = built(RECORD, network=denying("203.0.113.7/32", "198.51.100.7/32", service_tags=["Internet"], bypass="None"))
    change = find_healing(["public_access_opened"], ASKED, live)
    assert change == InPlaceChange(network=denying("203.0.113.7/32", bypass="None"))


SUBNET: Final = (
    "/subscriptions/00000000-0000-4000-8000-000000000000/resourceGroups/rg"
    "/providers/Microsoft.Network/virtualNetworks/hub/subnets/apps"
)


def test_what_a_record_of_an_earlier_version_does_not_name_is_no_drift_and_stays() -> None:
    earlier = NetworkRequest.model_validate_json('{"defaultAction": "Deny", "ipRules": ["203.0.113.0/24"]}')
    record = a_record(request=ASKED.model_copy(update={"network": earlier}), adopted=True)
    others: dict[str, Any] = {"virtual_network_rules": [SUBNET], "service_tags": ["AzureDevOps"], "bypass": "None"}
    assert codes(facts(record, {"network": denying("203.0.113.0/24", **others)})) == []
    opened = built(record, network=denying("203.0.113.0/24", "0.0.0.0/1", **others))
    assert codes(facts(record)._replace(live=opened)) == ["public_access_opened"]
    change = find_healing(["public_access_opened"], record.request, opened)
    assert change.network is not None
    assert change.network.canonical() == denying("203.0.113.0/24", **others).canonical()


def test_subnets_and_trusted_services_are_told_where_they_differ() -> None:
    whole = denying("203.0.113.0/24", virtual_network_rules=[], service_tags=["AzureDevOps"], bypass="None")
    record = a_record(request=ASKED.model_copy(update={"network": whole}), security_domain=RECEIPT)
    live = whole.model_copy(update={"virtual_network_rules": [SUBNET], "bypass": "AzureServices"})
    (found,) = find_drift(facts(record, {"network": live}), RULES, NOW)
    assert found == (
        "network_differs",
        "public access for AzureDevOps, 203.0.113.0/24; subnets: none; bypass: None",
        "public access for AzureDevOps, 203.0.113.0/24; subnets: hub/subnets/apps; bypass: AzureServices",
    )


EVERYTHING: Final = ReconciliationRules(heal=["public_access_opened", "tags_differ"])
HEALINGS: Final[list[tuple[Healing, Drift, Obstacles, dict[Drift, datetime]]]] = [
    ("none", "hsm_gone", Obstacles(), {}),
    ("not_allowed", "network_differs", Obstacles(first=True, held=True), {}),
    ("running", "network_differs", Obstacles(own_operation="o", held=True), {}),
    ("report_only", "tags_differ", Obstacles(first=True), {}),
    ("on_hold", "tags_differ", Obstacles(held=True, failed_lately=True), {}),
    ("operation_running", "tags_differ", Obstacles(abandoned=True, failed_lately=True), {}),
    ("tried_lately", "tags_differ", Obstacles(failed_lately=True), {}),
    ("tried_lately", "tags_differ", Obstacles(), {"tags_differ": NOW - timedelta(hours=23)}),
    ("over_limit", "tags_differ", Obstacles(), {"tags_differ": NOW - timedelta(days=1)}),
    ("over_limit", "tags_differ", Obstacles(), {"public_access_opened": NOW}),
]


@pytest.mark.parametrize(("healing", "code", "obstacles", "tried"), HEALINGS)
def test_what_is_done_about_it_is_what_policy_and_people_let(
    healing: Healing, code: Drift, obstacles: Obstacles, tried: dict[Drift, datetime]
) -> None:
    assert judge_healing(code, EVERYTHING, obstacles, checked("a", tried=tried), NOW) == healing


def test_what_comes_back_each_time_is_given_up_and_after_a_month_tried_again() -> None:
    again, moment, healings = checked("a", chosen=["tags_differ"]), NOW, []
    for _ in range(MOST_HEALS + 1):
        healings.append(judge_healing("tags_differ", EVERYTHING, Obstacles(), again, moment))
        again = note_heals(again, moment)
        moment += HEAL_AGAIN_AFTER
    assert healings == ["over_limit"] * MOST_HEALS + ["gave_up"]
    assert judge_healing("public_access_opened", EVERYTHING, Obstacles(), again, moment) == "over_limit"
    moment += FORGETS_HEALS_AFTER
    assert judge_healing("tags_differ", EVERYTHING, Obstacles(), again, moment) == "over_limit"
    assert note_heals(again, moment).heals == {"tags_differ": 1}


def test_a_run_that_does_not_come_to_its_end_is_given_up() -> None:
    assert goes_on(RUN, NOW + GIVES_UP_AFTER - timedelta(seconds=1))
    assert not goes_on(RUN, NOW + GIVES_UP_AFTER)
    assert not goes_on(RUN.model_copy(update={"finished": True}), NOW)


def a_finding(hsm: str, code: Drift) -> DriftFinding:
    return DriftFinding(hsm=hsm, resource_id="r", code=code, severity=SEVERITIES[code], since=NOW, healing="over_limit")


def checked(hsm: str, *codes: Drift, run: str = "1", **changes: Any) -> CheckedHsm:
    return CheckedHsm(hsm=hsm, run=run, findings=[a_finding(hsm, code) for code in codes], **changes)


RUN: Final = ReconciliationRun(id="1", started_at=NOW, first=False, unlisted=["b", "a"])


def test_a_report_has_the_worst_first_and_says_what_was_not_looked_at() -> None:
    found = [checked("b", "tags_differ"), checked("a", "network_differs", "hsm_gone"), checked("c", error="e")]
    found += [checked("d", busy=True)]
    found += [checked("of-an-earlier-run", "hsm_gone", run="0"), checked("stranger", "unrecorded"), checked("fine")]
    report = make_report(RUN, ["a", "b", "c", "d", "fine", "of-an-earlier-run"], found, LATER)
    assert [(finding.hsm, finding.code) for finding in report.drift] == [
        ("a", "hsm_gone"),
        ("a", "network_differs"),
        ("stranger", "unrecorded"),
        ("b", "tags_differ"),
    ]
    assert (report.checked, report.unchecked, report.busy) == (3, ["c", "of-an-earlier-run"], ["d"])
    assert (report.first, report.unlisted_subscriptions, report.drift_left_out) == (False, ["a", "b"], 0)


def test_a_report_has_an_end() -> None:
    report = make_report(RUN, [], [checked(f"hsm-{number}", "hsm_gone") for number in range(MOST_FINDINGS + 3)], LATER)
    assert (len(report.drift), report.drift_left_out) == (MOST_FINDINGS, 3)


def test_what_was_chosen_is_marked_and_nothing_besides() -> None:
    marked = mark(checked("a", "hsm_gone", "tags_differ", chosen=["tags_differ"]), "started", "o")
    assert [(finding.healing, finding.operation_id) for finding in marked.findings] == [
        ("over_limit", None),
        ("started", "o"),
    ]
    assert marked.operation_id == "o"


def test_a_summary_is_short_whatever_was_found() -> None:
    everything: Callable[..., CheckedHsm] = checked
    summary = everything("a", *SEVERITIES).summarise()
    assert len(summary.to_metadata()["summary"]) < 1000


GIVEN_UP: Final = a_record(
    request=ASKED,
    security_domain=RECEIPT,
    given_up=GivenUp(operation_id="o", began_at=MADE, done_at=MADE, administrators=[OTHERS]),
)


@pytest.mark.parametrize(
    ("administrators", "expected"),
    [
        (None, []),
        ([OTHERS], []),
        ([OTHERS, "somebody"], ["administrators_changed"]),
        ([], ["administrators_changed"]),
        ([OTHERS, OURS], ["service_still_administrator"]),
    ],
)
def test_who_administers_an_hsm_is_held_against_whom_it_was_left_to(
    administrators: list[str] | None, expected: list[Drift]
) -> None:
    named = None if administrators is None else frozenset(administrators)
    assert codes(facts(GIVEN_UP, gives_up=True, administrators=named)) == expected


def test_a_service_that_is_to_stay_or_only_began_to_leave_is_told_apart() -> None:
    begun = GIVEN_UP.given_up
    assert begun is not None
    interrupted = GIVEN_UP.model_copy(update={"given_up": begun.model_copy(update={"done_at": None})})
    assert codes(facts(interrupted, gives_up=True)) == ["service_still_administrator"]
    assert codes(facts(gives_up=False)) == []
