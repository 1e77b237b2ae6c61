"""Who is calling."""

from typing import Final, Literal

from domain.model import Model

REQUEST_ROLE: Final = "Hsm.Request"
READ_ROLE: Final = "Hsm.Read"


class Owner(Model):
    """The principal that an HSM and its operations belong to, by its Entra object id."""

    tenant_id: str
    object_id: str


class Caller(Model):
    """A principal whose access token was validated: an application or a person, with our app roles."""

    tenant_id: str
    object_id: str
    kind: Literal["application", "person"]
    roles: frozenset[str]

    def may_read(self, owner: Owner) -> bool:
        """Whether what belongs to this owner may be shown: its own to everybody, all to readers."""
        return READ_ROLE in self.roles or owner == self.owner

    @property
    def owner(self) -> Owner:
        """The caller as the owner of what it asks for."""
        return Owner(tenant_id=self.tenant_id, object_id=self.object_id)
