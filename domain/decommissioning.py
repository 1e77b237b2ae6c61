"""The end of an HSM: what is asked, what is shown to whoever approves it, and what stays in our record."""

from datetime import datetime, timedelta
from typing import Final

from pydantic import AwareDatetime, Field

from domain.backups import BackupTarget, FullBackup
from domain.model import Model

EVIDENCE: Final = timedelta(days=30)
"""How far back an approver is shown whether anybody used the HSM."""
PURGES_USED: Final = "The HSM was active. What it encrypted is lost with it, unless it is restored elsewhere first."
"""Why a purge needs approval, whatever the policy says."""
_CLOCKS_DIFFER: Final = timedelta(minutes=5)
# So many requests are no use: Azure counts late, and whoever looks at an HSM makes some.
_LOOKS: Final = 20
# What goes on as it was shown is nothing new; no use is so even that it doubles for no reason.
_GROWTH: Final = 2
_FIRST_PATIENCE: Final = timedelta(minutes=1)
_LONGEST_PATIENCE: Final = timedelta(minutes=15)


class UsageEvidence(Model):
    """Whether anybody used an HSM lately, by Azure's metric `ServiceApiHit`: evidence, and no proof.

    Who needs an HSM once a year leaves no trace in a month; and whoever looks at it makes a hit.
    """

    since: AwareDatetime
    """From when on requests were counted."""
    until: AwareDatetime
    """Until when requests were counted."""
    requests: int | None = None
    """How many requests the HSM answered. Absent where Azure did not say."""
    last_used_on: AwareDatetime | None = None
    """The last day on which it answered any. Absent where there was none, or Azure did not say."""


class PlannedDeletion(Model):
    """What a decommission does to an HSM."""

    deletes: bool
    """Whether it is deleted; one that is deleted already is not."""
    purges: bool
    """Whether it is purged: what it holds is gone for good then, and so is its cost."""
    was_active: bool
    """Whether it may hold keys that somebody needs: it was active, or taken over, or given a security domain."""
    kept_until: AwareDatetime | None = None
    """When Azure purges it by itself, where it is deleted already. Absent where it is not, and nobody knows yet."""
    removes_regions: list[str] = Field(default_factory=list)
    """The additional regions that it is taken out of before: Azure deletes none that is in another region."""
    usage: UsageEvidence | None = None
    """Whether anybody used it lately. Absent where it is deleted already: then nobody can."""
    backup: BackupTarget | None = None
    """Where it is backed up to before it is deleted. Absent where it is not."""
    lock: str | None = None
    """The Azure resource id of the service's own lock on it, which is removed right before. Absent without one."""
    private_endpoints: list[str] = Field(default_factory=list)
    """The Azure resource ids of the private endpoints that the service made, which are deleted once the HSM is."""
    backed_up: FullBackup | None = None
    """The full backup that was made before it was deleted. Absent where it is not deleted yet, and where none was."""


class PlannedRecovery(Model):
    """Which deleted HSM a recovery brings back, with all that it holds."""

    deleted_at: AwareDatetime
    """When Azure says that it was deleted, which tells it from another deleted one of its name."""
    kept_until: AwareDatetime | None = None
    """When Azure purges it by itself unless it is recovered before. Absent where nobody knows."""


class Decommissioned(Model):
    """That an HSM was deleted at somebody's request: such a record is never taken for one that has yet to be made."""

    operation_id: str
    """The operation that deleted it, or purged what was deleted."""
    asked_at: AwareDatetime
    """When Azure was about to be asked to delete it."""
    was_active: bool
    """Whether it may have held keys that somebody needs."""
    backup: FullBackup | None = None
    """The full backup that was made before, as a restore names it. Absent where none was asked for."""
    deleted_at: AwareDatetime | None = None
    """When Azure says that it was deleted, which tells it from another deleted one of its name. Absent before."""
    kept_until: AwareDatetime | None = None
    """When Azure purges it by itself: until then it can be recovered, and is billed. Absent before it was deleted."""
    purge_asked_at: AwareDatetime | None = None
    """When Azure was last asked to purge it. Absent before."""
    purge_requests: int = 0
    """How often Azure was asked to purge it: an answer of Azure to that may never lead to anything."""
    recovery_asked_at: AwareDatetime | None = None
    """When Azure was last asked to bring it back. Absent before; once it is back, all of this is gone."""
    missing_since: AwareDatetime | None = None
    """Since when it is neither there nor among the deleted ones, as far as Azure shows. Absent while it is seen."""
    purged_at: AwareDatetime | None = None
    """When it was found to be purged: nothing is billed from then on. Absent before."""


def find_unseen_requests(shown: UsageEvidence, now: UsageEvidence) -> int:
    """Give how many requests an HSM answered that whoever approved its deletion was not shown; 0 where nobody knows.

    `now` counts from when `shown` does, or where that says nothing from when it ends.
    """
    return max(0, (now.requests or 0) - (shown.requests or 0))


def is_new_use(shown: UsageEvidence, now: UsageEvidence, own_requests: float = 0) -> bool:
    """Say whether an HSM was used clearly more than whoever approved its deletion was shown.

    What was shown may go on as it was. `own_requests` of them are this service's own.
    """
    expected = (shown.requests or 0) * (now.until - shown.until) / (shown.until - shown.since)
    return find_unseen_requests(shown, now) > own_requests + max(_LOOKS, _GROWTH * expected)


def state_without_hsm(ended: Decommissioned | None) -> str:
    """Say in one word what became of an HSM of ours that is not there any more."""
    if ended is not None and ended.purged_at is not None:
        return "Purged"
    return "SoftDeleted" if ended is not None and ended.deleted_at is not None else "NotFound"


def is_being_purged(ended: Decommissioned, now: datetime) -> bool:
    """Say whether Azure was asked for a purge so lately that it may be under way."""
    asked_at = ended.purge_asked_at
    return asked_at is not None and now - asked_at < patience(ended.purge_requests)


def was_deleted_then(ended: Decommissioned, deleted_at: datetime, longest: timedelta) -> bool:
    """Say whether a deletion at that time is the one that was asked for, and not a later one by somebody else."""
    return ended.asked_at - _CLOCKS_DIFFER <= deleted_at <= ended.asked_at + longest


def is_same_moment(one: datetime, other: datetime) -> bool:
    """Say whether two times are the same to the second: Azure does not always tell more."""
    return abs(one - other) < timedelta(seconds=1)


def patience(purge_requests: int) -> timedelta:
    """Give how long a purge is waited for before Azure is asked for it again: longer each time.

    Azure's own answer to a purge may never end, and a purge may get lost (source: Azure/azure-rest-api-specs issue
    27138, hashicorp/terraform-provider-azurerm PR 24301).
    """
    return min(_FIRST_PATIENCE * (1 << min(max(0, purge_requests - 1), 8)), _LONGEST_PATIENCE)
