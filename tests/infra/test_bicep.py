import json
import re
import tomllib
from pathlib import Path

import pytest

from clients.telemetry import CONNECTION_STRING
from domain.caller import APPROVE_ROLE, AUDIT_ROLE, OPERATE_ROLE, READ_ROLE, REQUEST_ROLE
from domain.settings import Settings
from tests.infra.bicep import find_mistakes, parse
from tests.infra.roles import permissions

INFRA = Path("infra")
TEMPLATES = sorted(INFRA.rglob("*.bicep"))
# The platform and the extensions of the Functions host read these; no line of ours does.
PLATFORM = {
    "APPLICATIONINSIGHTS_AUTHENTICATION_STRING",
    "AzureWebJobsStorage__accountName",
    "AzureWebJobsStorage__clientId",
    "AzureWebJobsStorage__credential",
}
FORBIDDEN = re.compile(r"\*|roleassignments/write|getsecret|decrypt|unwrap|/sign|immutabilitypolicies", re.IGNORECASE)


@pytest.mark.parametrize("path", TEMPLATES, ids=str)
def test_a_template_fits_together(path: Path) -> None:
    assert list(find_mistakes(path)) == []


@pytest.mark.parametrize(
    ("main", "module", "mistake"),
    [
        ("module m 'm.bicep' = {\n  name: 'm'\n  params: {\n    b: 1\n  }\n}\n", "", "m has no parameter b"),
        (
            "module m 'm.bicep' = {\n  name: 'm'\n}\n",
            "@description('A.')\nparam a int\nvar b = a\n",
            "m is not given a",
        ),
        ("module m 'm.bicep' = {\n  name: 'm'\n}\nvar a = m.outputs.x\n", "var b = 1\n", "m has no output x"),
        ("module m 'n.bicep' = {\n  name: 'm'\n}\n", "", "m: there is no n.bicep"),
        ("@description('A.')\nparam a int\n", "", "the parameter a is not used"),
        ("param a int\nvar b = a\n", "", "the parameter a has no description"),
    ],
)
def test_a_planted_mistake_is_found(tmp_path: Path, main: str, module: str, mistake: str) -> None:
    (tmp_path / "m.bicep").write_text(module or "var unused = 1\n")
    (tmp_path / "main.bicep").write_text(main)
    assert mistake in list(find_mistakes(tmp_path / "main.bicep"))


def test_types_and_versions_are_the_listed_ones() -> None:
    text = "".join(path.read_text() for path in TEMPLATES)
    listed = tomllib.loads((INFRA / "api-versions.toml").read_text())
    assert set(re.findall(r"'(Microsoft\.[\w/.]+)@([\w.-]+)'", text)) == {
        (kind, entry["version"]) for kind, entry in listed.items()
    }
    assert all(entry["source"].startswith("https://learn.microsoft.com/") for entry in listed.values())


def _set_settings() -> set[str]:
    service = parse((INFRA / "main.bicep").read_text())["modules"]["app"]["config"]["params"]["serviceSettings"]
    platform = parse((INFRA / "modules/app.bicep").read_text())["variables"]["platformSettings"]["value"]
    return {*service, *platform}


def test_what_is_read_is_set_and_what_is_set_is_read() -> None:
    host = Path("host.json").read_text()
    of_host = {*re.findall(r"%(\w+)%", host), *re.findall(r'"connectionStringName": "(\w+)"', host)}
    of_code = {f"HSM_PROVISIONER_{name.upper()}" for name in Settings.model_fields}
    assert _set_settings() == of_host | of_code | PLATFORM | {CONNECTION_STRING}


def test_no_role_gives_what_the_service_never_needs() -> None:
    roles = permissions()
    assert set(roles) == {"provisioner", "destroyer", "wrappingKeyReader", "archivist", "recordKeeper"}
    given = [action for role in roles.values() for action in [*role["actions"], *role["dataActions"]]]
    assert [action for action in given if FORBIDDEN.search(action)] == []


def test_the_archive_is_only_added_to() -> None:
    assert {action.rpartition("blobs/")[2] for action in permissions()["archivist"]["dataActions"]} == {
        "add/action",
        "read",
    }


def test_deletion_and_purge_are_in_the_second_role_alone() -> None:
    destroys = ("managedHSMs/delete", "purge/action", "resourceGroups/delete")
    for name, role in permissions().items():
        assert any(action.endswith(destroys) for action in role["actions"]) == (name == "destroyer")


def test_the_registration_has_the_roles_of_the_code() -> None:
    roles = parse((INFRA / "modules/registration.bicep").read_text())["variables"]["roles"]["value"]
    assert {role["value"] for role in roles} == {READ_ROLE, REQUEST_ROLE, APPROVE_ROLE, OPERATE_ROLE, AUDIT_ROLE}


def test_parameters_for_azd_exist() -> None:
    given = json.loads((INFRA / "main.parameters.json").read_text())["parameters"]
    declared = parse((INFRA / "main.bicep").read_text())["parameters"]
    assert set(given) <= set(declared)
    assert {name for name, parameter in declared.items() if parameter.get("default") is None} <= set(given)


def test_each_parameter_is_in_the_guide() -> None:
    guide = Path("docs/deploy.md").read_text()
    for name, parameter in parse((INFRA / "main.bicep").read_text())["parameters"].items():
        said = next(each["argument"] for each in parameter["decorators"] if each["type"] == "description")
        assert f"| `{name}` | {said} |" in guide


def test_each_suppressed_rule_has_its_reason() -> None:
    skips = [line for path in TEMPLATES for line in path.read_text().splitlines() if "checkov:skip" in line]
    assert skips
    assert all(re.search(r"checkov:skip=CKV\w+: \w.{15,}\.$", line) for line in skips)


def test_alerts_look_for_what_the_code_logs() -> None:
    rules = parse((INFRA / "modules/alerts.bicep").read_text())["variables"]["rules"]["value"]
    queries = [rule["query"] for rule in rules if "AppTraces" in rule["query"]]
    code = "".join(
        file.read_text()
        for part in ("activities", "clients", "domain", "triggers")
        for file in Path(part).rglob("*.py")
    )
    sought = {text for query in queries for text in re.findall(r'"([^"]+)"', query)}
    assert len(sought) > 5
    assert {text for text in sought if text not in code} == set()


def test_nothing_is_open_by_default() -> None:
    """What checkov cannot see through a parameter."""
    for module in ("storage", "host-storage", "wrapping-keys", "events"):
        parameters = parse((INFRA / f"modules/{module}.bicep").read_text())["parameters"]
        assert parameters["publicNetworkAccess"]["default"] == "Disabled", module
        if module != "events":
            assert parameters["defaultNetworkAction"]["default"] == "Deny", module
    main = parse((INFRA / "main.bicep").read_text())["parameters"]
    assert main["privateNetwork"]["default"] is True
    assert main["allowDeletion"]["default"] is False
