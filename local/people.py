"""Who may sign in to the console of a local deployment: somebody for each role, and somebody with none."""

from typing import Final, NamedTuple

from local.azure.control.client import ControlClient
from local.policy import TEAM_A, TEAM_B


class Person(NamedTuple):
    """Somebody of the directory, with their app roles and the groups that the policy names."""

    name: str
    username: str
    roles: list[str]
    groups: list[str]


OPERATOR: Final = Person("Olga Operator", "olga@contoso.example", ["Hsm.Operate"], [])
READER: Final = Person("Rasmus Reader", "rasmus@contoso.example", ["Hsm.Read"], [TEAM_A])
READER_OF_OTHERS: Final = Person("Berit Reader", "berit@contoso.example", ["Hsm.Read"], [TEAM_B])
APPROVER: Final = Person("Amina Approver", "amina@contoso.example", ["Hsm.Approve"], [TEAM_A])
AUDITOR: Final = Person("Aksel Auditor", "aksel@contoso.example", ["Hsm.Audit"], [])
NOBODY: Final = Person("Nils Newcomer", "nils@contoso.example", [], [TEAM_A])
PEOPLE: Final = (OPERATOR, READER, READER_OF_OTHERS, APPROVER, AUDITOR, NOBODY)


def create_people(control: ControlClient, audience: str) -> None:
    """Put all of them into the directory, with their roles of the API of this audience."""
    for person in PEOPLE:
        roles = {audience: person.roles} if person.roles else {}
        control.create_person(person.name, person.username, app_roles=roles, groups=person.groups)
