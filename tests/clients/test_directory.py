"""By whom an HSM is administered that has an administrator: enabled accounts, and groups that have one."""

from collections.abc import Iterator

import pytest

from clients.directory import Actors, find_actors, find_principals
from domain.errors import ServiceError
from local.azure.core.faults import Answer, Fault, Match
from local.azure.entra.models import Application, Directory, Group, Person
from local.policy import policy
from tests.in_process import CACHES
from tests.local.azure.in_process import InProcess, running_in_process

NOBODY = "00000000-0000-4000-8000-00000000dead"


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[InProcess]:
    with running_in_process(tmp_path_factory.mktemp("in-process")) as running:
        yield running


@pytest.fixture
def here(served: InProcess, monkeypatch: pytest.MonkeyPatch) -> Iterator[InProcess]:
    settings = {
        "HSM_PROVISIONER_TENANT_ID": served.world.tenant_id,
        "HSM_PROVISIONER_API_AUDIENCE": "api://hsm-provisioner",
        "HSM_PROVISIONER_STORAGE_ACCOUNT_URL": "https://account.blob.core.windows.net",
        "HSM_PROVISIONER_POLICY": policy(),
    }
    for name, value in {**served.environment, **settings}.items():
        monkeypatch.setenv(name, value)
    for cache in CACHES:
        cache.cache_clear()
    yield served
    served.world.interference.faults.clear()
    for cache in CACHES:
        cache.cache_clear()


@pytest.fixture
def directory(here: InProcess) -> Directory:
    return here.world.directory


def shown(found: Actors) -> tuple[set[str], set[str], set[str]]:
    return set(found.existing), set(found.acting), set(found.unseen)


def person(directory: Directory, *groups: Group, enabled: bool = True) -> str:
    ids = [group.object_id for group in groups]
    return directory.add_person(Person("Ada", "ada@contoso.example", ids, account_enabled=enabled)).object_id


def group(directory: Directory, *groups: Group) -> Group:
    return directory.add_group(Group("administrators", [parent.object_id for parent in groups]))


def close(here: InProcess, path: str, status: int = 403) -> None:
    effect = Answer(status=status, code="Authorization_RequestDenied")
    here.world.interference.faults.append(Fault(Match("entra", path=path), effect, 100))


def test_enabled_accounts_act_and_others_only_exist(here: InProcess, directory: Directory) -> None:
    enabled, disabled = person(directory), person(directory, enabled=False)
    application = directory.add(Application("administrator")).object_id
    off = directory.add(Application("administrator", account_enabled=False)).object_id
    own = here.world.identity.object_id
    found = find_actors([enabled.upper(), disabled, application, off, own, NOBODY])
    assert shown(found) == ({enabled, disabled, application, off, own}, {enabled, application}, set())
    assert find_principals([enabled, disabled, NOBODY]) == {enabled, disabled}


def test_a_group_acts_by_somebody_in_it_however_deep(here: InProcess, directory: Directory) -> None:
    empty, nested, disabled, ours = (group(directory) for _ in range(4))
    group(directory, nested)
    person(directory, disabled, enabled=False)
    here.world.identity.groups.append(ours.object_id)
    outer = group(directory)
    inner = group(directory, outer)
    # A circle ends.
    outer.groups.append(inner.object_id)
    person(directory, inner)
    groups = {one.object_id for one in (empty, nested, disabled, ours, outer)}
    assert shown(find_actors(groups)) == (groups, {outer.object_id}, set())


def test_who_acts_may_be_on_a_later_page(directory: Directory) -> None:
    large = group(directory)
    for _ in range(999):
        person(directory, large, enabled=False)
    assert find_actors([large.object_id]).acting == frozenset()
    person(directory, large)
    assert find_actors([large.object_id]).acting == {large.object_id}


def test_what_the_service_may_not_see_nobody_knows(here: InProcess, directory: Directory) -> None:
    hidden, ada = group(directory).object_id, person(directory)
    close(here, "transitiveMembers")
    assert shown(find_actors([hidden, ada, NOBODY])) == ({hidden, ada}, {ada}, {hidden})
    close(here, "getByIds")
    assert shown(find_actors([hidden, ada.upper()])) == (set(), set(), {hidden, ada})
    assert find_principals([ada]) is None


def test_a_group_that_is_deleted_meanwhile_has_nobody(here: InProcess, directory: Directory) -> None:
    gone = group(directory).object_id
    close(here, "transitiveMembers", 404)
    assert shown(find_actors([gone])) == ({gone}, set(), set())


def test_a_directory_that_does_not_answer_says_nothing(here: InProcess, directory: Directory) -> None:
    close(here, "transitiveMembers", 503)
    with pytest.raises(ServiceError) as raised:
        find_actors([group(directory).object_id])
    assert raised.value.detail.code == "azure_unavailable"
