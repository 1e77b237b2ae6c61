"""The directory: applications, managed identities, persons and groups, and the tokens that they are given."""

import secrets
import uuid
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Final

from local.azure.core.claims import AccessToken, Names, Version
from local.azure.core.errors import ServiceFault
from local.azure.core.tokens import TokenAuthority
from local.azure.entra.assertions import AssertionCredential, check_assertion

AZURE_AUDIENCES: Final = frozenset(
    {
        "https://management.azure.com",
        "https://management.core.windows.net",
        "https://vault.azure.net",
        "https://managedhsm.azure.net",
        "https://storage.azure.com",
        "https://eventgrid.azure.net",
        "https://monitor.azure.com",
        "https://graph.microsoft.com",
    }
)


# The scope that an API is given which its registration's wizard sets up.
DEFAULT_SCOPE: Final = "access_as_user"


def _new_id() -> str:
    return str(uuid.uuid4())


@dataclass
class Application:
    """An application (or managed identity) with its service principal's object id."""

    display_name: str
    app_roles: dict[str, list[str]] = field(default_factory=dict)
    client_id: str = field(default_factory=_new_id)
    object_id: str = field(default_factory=_new_id)
    # No character of it means something to a shell or to a command line.
    client_secret: str = field(default_factory=lambda: secrets.token_hex(20))
    # Federated credentials and certificates: what it can sign in with instead of its secret.
    assertion_credentials: list[AssertionCredential] = field(default_factory=list)
    groups: list[str] = field(default_factory=list)
    account_enabled: bool = True
    # Where a single-page application, which keeps no secret, may be answered.
    spa_redirect_uris: list[str] = field(default_factory=list)


@dataclass
class ManagedIdentity(Application):
    """A user-assigned identity, which is a resource of ARM's, too."""

    resource_id: str = ""
    location: str = ""


@dataclass
class Person:
    """A user, the object ids of the groups that they are in, and their roles by the audience of the API."""

    display_name: str
    user_principal_name: str
    groups: list[str] = field(default_factory=list)
    app_roles: dict[str, list[str]] = field(default_factory=dict)
    account_enabled: bool = True
    object_id: str = field(default_factory=_new_id)

    @property
    def names(self) -> Names:
        """What tokens call them."""
        return Names(self.display_name, self.user_principal_name)


@dataclass(frozen=True)
class Api:
    """An application that others ask tokens for: by its audience, or by its client id, which version 2 tokens name.

    Any scope may be asked of an API of Azure's own, which has none here.
    """

    audience: str
    client_id: str
    scopes: frozenset[str] = frozenset({DEFAULT_SCOPE})
    version: Version = 1


@dataclass
class Group:
    """A security group, and the object ids of the groups that it is in."""

    display_name: str
    groups: list[str] = field(default_factory=list)
    object_id: str = field(default_factory=_new_id)


Principal = Application | Person | Group


class Directory:
    """One tenant's principals; `token_seconds` is how long a token lives that is given from now on."""

    def __init__(self, authority: TokenAuthority) -> None:
        self.authority = authority
        self.token_seconds = 3600
        self.applications: dict[str, Application] = {}
        self.people: dict[str, Person] = {}
        self.groups: dict[str, Group] = {}
        self.apis: dict[str, Api] = {name: Api(name, name, frozenset()) for name in AZURE_AUDIENCES}

    def add(self, application: Application) -> Application:
        """Register an application; the APIs that its roles are of are known from then on."""
        self.applications[application.client_id] = application
        self._know(application.app_roles)
        return application

    def add_api(self, api: Api) -> Api:
        """Register an API, or change it."""
        self.apis[api.audience] = api
        return api

    def add_identity(self, identity: ManagedIdentity) -> ManagedIdentity:
        """Register a user-assigned identity."""
        self.applications[identity.client_id] = identity
        return identity

    def add_person(self, person: Person) -> Person:
        """Register a person; the APIs that their roles are of are known from then on."""
        self._know(person.app_roles)
        self.people[person.object_id] = person
        return person

    def add_group(self, group: Group) -> Group:
        """Register a group."""
        self.groups[group.object_id] = group
        return group

    def principals(self) -> Iterator[Principal]:
        """Go through all applications, persons and groups."""
        yield from self.applications.values()
        yield from self.people.values()
        yield from self.groups.values()

    def list_transitive_members(self, group: Group) -> list[Principal]:
        """List who is in a group, by itself or through groups that are in it; each once."""
        found: dict[str, Principal] = {}
        waiting = [group.object_id]
        while waiting:
            parent = waiting.pop()
            for member in self.principals():
                if parent in member.groups and member.object_id not in found:
                    found[member.object_id] = member
                    waiting.append(member.object_id)
        return list(found.values())

    def find_identity(self, resource_id: str) -> ManagedIdentity | None:
        """Find a user-assigned identity by its resource id, whatever its case."""
        return next((item for item in self.identities() if item.resource_id.lower() == resource_id.lower()), None)

    def identities(self) -> Iterator[ManagedIdentity]:
        """Go through the user-assigned identities."""
        return (item for item in self.applications.values() if isinstance(item, ManagedIdentity))

    def sign_in(self, client_id: str, client_secret: str, scope: str) -> str:
        """Give a token for a client's secret; raises ServiceFault with Entra's codes."""
        application = self.find(client_id)
        if not secrets.compare_digest(application.client_secret.encode(), client_secret.encode()):
            raise ServiceFault(401, "invalid_client", "AADSTS7000215: Invalid client secret provided.")
        return self.issue(application, scope.removesuffix("/.default"))

    def sign_in_by_assertion(self, client_id: str, assertion: str, scope: str) -> str:
        """Give a token for a client's assertion; raises ServiceFault with Entra's codes."""
        application = self.find(client_id)
        check_assertion(assertion, application.assertion_credentials)
        return self.issue(application, scope.removesuffix("/.default"))

    def issue(self, application: Application, resource: str) -> str:
        """Give an application a token for a resource that is known here."""
        api = self.find_api(resource)
        token = AccessToken(
            tenant_id=self.authority.tenant_id,
            audience=_name_audience(api, resource),
            object_id=application.object_id,
            client_id=application.client_id,
            roles=application.app_roles.get(api.audience, []),
            groups=application.groups,
            version=api.version,
            seconds=self.token_seconds,
        )
        return self.authority.sign(token.claims())

    def issue_to_person(self, person: Person, client_id: str, resource: str, scopes: str) -> str:
        """Give a client a token for a resource on behalf of a person."""
        api = self.find_api(resource)
        token = AccessToken(
            tenant_id=self.authority.tenant_id,
            audience=_name_audience(api, resource),
            object_id=person.object_id,
            client_id=client_id,
            roles=person.app_roles.get(api.audience, []),
            groups=person.groups,
            scopes=scopes,
            names=person.names,
            version=api.version,
            seconds=self.token_seconds,
        )
        return self.authority.sign(token.claims())

    def find(self, client_id: str) -> Application:
        """Find an application by its client id; raises ServiceFault 400 with Entra's code."""
        application = self.applications.get(client_id)
        if application is None:
            message = f"AADSTS700016: Application with identifier '{client_id}' was not found in the directory."
            raise ServiceFault(400, "unauthorized_client", message)
        return application

    def find_api(self, resource: str) -> Api:
        """Find an API by its audience, with a slash at its end or without, or by its client id.

        Raises ServiceFault 400 with Entra's code.
        """
        named = [api for api in self.apis.values() if resource.removesuffix("/") in (api.audience, api.client_id)]
        if not named:
            message = f"AADSTS500011: The resource principal named {resource} was not found in the tenant."
            raise ServiceFault(400, "invalid_resource", message)
        return named[0]

    def _know(self, audiences: Iterable[str]) -> None:
        for audience in audiences:
            self.apis.setdefault(audience, Api(audience, audience.removeprefix("api://")))


def _name_audience(api: Api, resource: str) -> str:
    """Give what a token names as its audience: in version 1 what was asked for, in version 2 the API's client id."""
    return api.client_id if api.version == 2 else resource.removesuffix("/")
