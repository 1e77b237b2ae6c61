"""Policy documents for tests: one that is small and right, and any that is right."""

import json
from typing import Any, Final, get_args

from hypothesis import strategies as st

from domain.fields import OperationKind, Sku

APPLICATION: Final = "aaaaaaaa-0000-4000-8000-000000000001"
GROUP: Final = "bbbbbbbb-0000-4000-8000-000000000002"
SUBSCRIPTION: Final = "11111111-1111-4111-8111-111111111111"
OTHER_SUBSCRIPTION: Final = "22222222-2222-4222-8222-222222222222"
ADMINISTRATOR: Final = "cccccccc-0000-4000-8000-000000000003"
THUMBPRINT: Final = "a4ayc_80_OGda4BO_1o_V0etpOqiLx1JwB5S3beHW0s"

BACKUP_PLACE: Final = {
    "container": "https://backups.blob.core.windows.net/hsm",
    "identity": f"/subscriptions/{SUBSCRIPTION}/resourceGroups/rg-backup/providers/Microsoft.ManagedIdentity"
    "/userAssignedIdentities/hsm-backup",
}

type Document = dict[str, Any]


def document(**members: Any) -> Document:
    """A policy that lets one application ask for one team; members are replaced, or added."""
    return {
        "subscriptions": [SUBSCRIPTION],
        "locations": ["norwayeast"],
        "skus": ["Standard_B1"],
        "callers": [caller()],
    } | members


def caller(**members: Any) -> Document:
    """An entry that allows what `document` has; members are replaced, or added."""
    entry = {
        "name": "portal",
        "application": APPLICATION,
        "teams": ["team-a"],
        "subscriptions": [SUBSCRIPTION],
        "administrators": [ADMINISTRATOR],
        "wrappingVaults": ["vault-a"],
        "wrappingThumbprints": [],
    } | members
    return {name: value for name, value in entry.items() if value is not None}


def text_of(policy: Document) -> str:
    return json.dumps(policy)


def listed[Item](items: st.SearchStrategy[Item], *, least: int = 0) -> st.SearchStrategy[list[Item]]:
    return st.lists(items, min_size=least, max_size=3)


GUIDS: Final = st.sampled_from([SUBSCRIPTION, OTHER_SUBSCRIPTION, ADMINISTRATOR, GROUP]) | st.uuids().map(str)
VAULTS: Final = st.from_regex(r"[a-z0-9-]{3,5}", fullmatch=True)
THUMBPRINTS: Final = st.binary(min_size=32, max_size=32).map(bytes.hex)
KINDS: Final = listed(st.sampled_from(get_args(OperationKind)))
SKUS: Final = st.sampled_from(get_args(Sku))
COSTS: Final = st.integers(0, 10**6) | st.floats(0, 1e9)
PATTERNS: Final = st.sampled_from(["[a-z]+", "[0-9]{4}", "(?:a|b)-[^-]{1,9}", ".*", r"\d+\.\d+"])


def or_all(items: st.SearchStrategy[str], *, least: int = 0) -> st.SearchStrategy[list[str]]:
    return listed(items, least=least) | st.just(["*"])


ENTRIES: Final[st.SearchStrategy[Document]] = st.fixed_dictionaries(
    {"name": st.text(st.characters(codec="utf-8"), max_size=20)},
    optional={
        "teams": listed(st.from_regex(r"[a-z0-9-]{1,6}", fullmatch=True)),
        "subscriptions": or_all(GUIDS),
        "administrators": or_all(GUIDS),
        "wrappingVaults": or_all(VAULTS),
        "wrappingThumbprints": or_all(THUMBPRINTS),
        "requestsPerMinute": st.integers(1, 1000),
    },
)
ENVIRONMENTS: Final = st.dictionaries(
    st.sampled_from(["production", "ephemeral", "development", "test-2"]),
    st.fixed_dictionaries(
        {},
        optional={
            "purgeProtection": st.just(value=True),
            "denyByDefaultNetwork": st.just(value=True),
            "expiryRequired": st.just(value=True),
            "maximumLifetimeDays": st.integers(1, 3650),
            "approval": KINDS,
        },
    ),
)


@st.composite
def documents(draw: st.DrawFn) -> Document:
    """Any policy without a mistake."""
    entries = draw(st.lists(ENTRIES, max_size=3))
    ids = draw(st.lists(st.uuids().map(str), min_size=len(entries), max_size=len(entries), unique=True))
    for entry, one in zip(entries, ids, strict=True):
        entry[draw(st.sampled_from(["application", "group"]))] = one
    rest: Document = draw(
        st.fixed_dictionaries(
            {
                "subscriptions": or_all(GUIDS, least=1),
                "locations": listed(st.sampled_from(["norwayeast", "Norway East", "westeurope"]), least=1),
                "skus": listed(SKUS, least=1),
            },
            optional={
                "namePattern": PATTERNS,
                "requiredTags": st.dictionaries(st.sampled_from(["costCenter", "cost center", "ö"]), PATTERNS),
                "minimumRetentionDays": st.integers(7, 90),
                "purgeProtectionRequired": st.booleans(),
                "maximumHsms": st.integers(1, 10**9),
                "monthlyCostUsd": st.dictionaries(SKUS, COSTS),
                "approval": st.fixed_dictionaries(
                    {},
                    optional={"aboveMonthlyCostUsd": COSTS, "kinds": KINDS, "expiresAfterHours": st.integers(1, 720)},
                ),
                "environments": ENVIRONMENTS,
                "backupPlaces": st.just([BACKUP_PLACE]),
                "identities": or_all(st.just(BACKUP_PLACE["identity"])),
                "requestsPerMinute": st.integers(1, 1000),
            },
        )
    )
    return {**rest, "callers": entries}
