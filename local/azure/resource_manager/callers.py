"""Who calls ARM, by the claims of an access token."""

from typing import Any, NamedTuple


class Caller(NamedTuple):
    """A person or an application, with the groups that it is in."""

    tenant_id: str
    object_id: str
    application_id: str
    groups: tuple[str, ...] = ()
    person: bool = False
    username: str = ""

    @property
    def principals(self) -> tuple[str, ...]:
        """The object ids to which the caller's roles are assigned."""
        return (self.object_id, *self.groups)

    @property
    def signature(self) -> tuple[str, str]:
        """What `systemData` says of who made or changed something, and of which kind that is.

        For an application it is the application's id (source: azure-cli's recordings of its Managed HSM tests).
        """
        return (self.object_id, "User") if self.person else (self.application_id, "Application")


def read_caller(claims: dict[str, Any]) -> Caller:
    """Read a token's claims: an application's have `idtyp`, and version 2 says `azp` where version 1 says `appid`."""
    return Caller(
        tenant_id=str(claims["tid"]),
        object_id=str(claims["oid"]),
        application_id=str(claims.get("appid") or claims.get("azp") or ""),
        groups=tuple(str(group) for group in claims.get("groups", [])),
        person=claims.get("idtyp") != "app",
        username=str(claims.get("upn") or claims.get("preferred_username") or ""),
    )
