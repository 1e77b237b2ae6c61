"""The policy of the stack that the tests share: two teams that may do anything, and callers who may not."""

from typing import Final

from local.policy import TEAM_A, TEAM_B, caller, policy
from tests.custodians import ADMINISTRATOR

STRICT: Final = "00000000-0000-4000-8000-0000000000c0"
ELSEWHERE: Final = "00000000-0000-4000-8000-0000000000d0"
IMPATIENT: Final = "00000000-0000-4000-8000-0000000000e0"
BOTH_TEAMS: Final = "00000000-0000-4000-8000-0000000000f0"
REQUESTS_PER_MINUTE: Final = 5
# That of the API's examples.
BACKUP_CONTAINER: Final = "https://contosobackups.blob.core.windows.net/hsm"
BACKUP_IDENTITY: Final = (
    "/subscriptions/00000000-0000-4000-8000-000000000b00/resourceGroups/rg-backup"
    "/providers/Microsoft.ManagedIdentity/userAssignedIdentities/hsm-backup"
)

SHARED_POLICY: Final = policy(
    callers=[
        caller("team a", TEAM_A, ["team-a"]),
        caller("team b", TEAM_B, ["team-b"]),
        caller(
            "a strict team",
            STRICT,
            ["team-strict"],
            administrators=[ADMINISTRATOR],
            wrappingVaults=["custodians"],
            wrappingThumbprints=[],
        ),
        caller("elsewhere", ELSEWHERE, ["team-elsewhere"], subscriptions=["99999999-9999-4999-8999-999999999999"]),
        caller("impatient", IMPATIENT, ["team-a"], requestsPerMinute=REQUESTS_PER_MINUTE),
        caller("both", BOTH_TEAMS, ["team-a", "team-b"]),
    ],
    environments={"production": {}, "ephemeral": {"purgeAllowed": True}, "development": {}},
    backupPlaces=[{"container": BACKUP_CONTAINER, "identity": BACKUP_IDENTITY}],
)
