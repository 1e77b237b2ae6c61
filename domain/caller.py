"""Who is calling."""

from typing import Final, Literal

from domain.model import Model

READ_ROLE: Final = "Hsm.Read"
REQUEST_ROLE: Final = "Hsm.Request"
APPROVE_ROLE: Final = "Hsm.Approve"
OPERATE_ROLE: Final = "Hsm.Operate"
AUDIT_ROLE: Final = "Hsm.Audit"
# The API's one scope: that a client calls it on behalf of a person.
SCOPE: Final = "access_as_user"
ROLES: Final = (READ_ROLE, REQUEST_ROLE, APPROVE_ROLE, OPERATE_ROLE, AUDIT_ROLE)


class Principal(Model):
    """An application or a person of a tenant, by its Entra object id."""

    tenant_id: str
    """The id of the Entra tenant."""
    object_id: str
    """The object id in that tenant."""
    kind: Literal["application", "person"]
    """Whether it is an application or a person."""


class Caller(Model):
    """A principal whose access token was validated, with our app roles and the groups that it is in."""

    tenant_id: str
    object_id: str
    kind: Literal["application", "person"]
    roles: frozenset[str]
    groups: frozenset[str] = frozenset()

    @property
    def principal(self) -> Principal:
        """Who it is, without what it may do."""
        return Principal(tenant_id=self.tenant_id, object_id=self.object_id, kind=self.kind)

    @property
    def operates(self) -> bool:
        """Whether it may see and change what belongs to any team."""
        return OPERATE_ROLE in self.roles

    @property
    def ids(self) -> frozenset[str]:
        """The object ids by which the deployment's policy may name it."""
        return self.groups | {self.object_id}
