"""Whether the service stays an administrator of an HSM that it made."""

from pydantic import AwareDatetime, Field, StrictBool

from domain.model import Model


class Administration(Model):
    """What the service keeps of its rights on the HSM when it hands it over.

    It was an initial administrator, because nobody else can download the security domain.
    """

    give_up: StrictBool | None = None
    """Whether it gives its role Managed HSM Administrator up. Absent: it does."""
    keep_backup: StrictBool = False
    """Whether it keeps Managed HSM Backup User, which backups by schedule need."""
    keep_audit: StrictBool = False
    """Whether it keeps Managed HSM Crypto Auditor, with which it sees who is an administrator."""


class GivenUp(Model):
    """That the service gave its administration of an HSM up, or was about to."""

    operation_id: str
    """The operation that did."""
    began_at: AwareDatetime
    """When it was about to: from here on it may be no administrator any more."""
    done_at: AwareDatetime | None = None
    """When it was seen to be none any more. Absent: it may be one still."""
    administrators: list[str]
    """The Entra object ids of the others who administered it then; none where the service saw none."""
    kept: list[str] = Field(default_factory=list)
    """The GUIDs of the roles that the service kept."""
