"""The OpenAPI document says what the code does: every route, its parameters, its examples, its schemas."""

import re
from typing import Any, Final

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, TypeAdapter, ValidationError

from domain.addresses import AddressRange
from domain.error_catalogue import CATALOGUE
from domain.fields import Guid, Location
from domain.names import hsm_of_operation, normalise_hsm_name
from domain.requests import CertificateIdText, HsmRequest
from triggers.door.problems import show
from triggers.openapi.document import make_document
from triggers.openapi.examples import ANSWERS, ANSWERS_OF_CALLS, REQUESTS
from triggers.route_codes import codes_by_status
from triggers.routes import ROUTES, Route, load, model_name

DOCUMENT: Final = make_document("5e0d2a8f-3f1b-4a3c-9d55-7c6f0f3c2b10", "api://hsm-provisioner")
PROTECTED: Final = [route for route in ROUTES if route.roles]


def operation(route: Route) -> dict[str, Any]:
    described: dict[str, Any] = DOCUMENT["paths"][f"/{route.path}"][route.method.lower()]
    return described


def references(part: object) -> set[str]:
    if isinstance(part, list):
        return {name for item in part for name in references(item)}
    if not isinstance(part, dict):
        return set()
    own = {part["$ref"]} if isinstance(part.get("$ref"), str) else set()
    return own | {name for value in part.values() for name in references(value)}


def resolved(reference: str) -> object:
    part: Any = DOCUMENT
    for name in reference.removeprefix("#/").split("/"):
        part = part[name]
    return part


def test_every_call_is_described_once() -> None:
    described = [item["operationId"] for methods in DOCUMENT["paths"].values() for item in methods.values()]
    assert sorted(described) == sorted(route.name for route in ROUTES)


def test_every_schema_and_call_has_one_plain_name() -> None:
    assert all(re.fullmatch(r"[A-Z][A-Za-z]+", name) for name in DOCUMENT["components"]["schemas"])
    assert {"NetworkRequest", "NetworkView"} <= set(DOCUMENT["components"]["schemas"])
    verbs = {"get", "list", "put", "patch", "adopt", "preflight", "verify", "approve", "reject", "cancel"}
    verbs |= {"restore", "delete", "announce", "rewrap", "ask", "answer", "recover"}
    assert {route.name.partition("_")[0] for route in ROUTES} == verbs


def test_everything_that_is_referred_to_exists_and_all_of_it_is_used() -> None:
    used = references(DOCUMENT)
    for reference in used:
        assert resolved(reference)
    for kind in ("schemas", "headers", "parameters", "examples"):
        unused = {name for name in DOCUMENT["components"][kind] if f"#/components/{kind}/{name}" not in used}
        # Those of POST calls.
        assert unused <= {"Idempotency-Key", "Idempotency-Replayed"}, kind


@pytest.mark.parametrize("route", ROUTES, ids=lambda route: route.name)
def test_the_statuses_are_those_of_the_answers_and_the_codes(route: Route) -> None:
    statuses = {str(status) for status in (*route.answers, *codes_by_status(route))}
    assert set(operation(route)["responses"]) == statuses


@pytest.mark.parametrize("route", PROTECTED, ids=lambda route: route.name)
def test_who_needs_a_token_can_read_so(route: Route) -> None:
    described = operation(route)
    assert [next(iter(way)) for way in described["security"]] == ["entra", "entra", "token"]
    assert described["x-app-roles"] == list(route.roles)
    assert {"401", "403"} <= set(described["responses"])
    assert {"$ref": "#/components/parameters/api-version"} in described["parameters"]


@pytest.mark.parametrize("route", ROUTES, ids=lambda route: route.name)
def test_links_lead_to_calls_with_all_that_their_paths_need(route: Route) -> None:
    targets = {target.name: target for target in ROUTES}
    for response in operation(route)["responses"].values():
        for link in response.get("links", {}).values():
            assert set(link["parameters"]) == set(targets[link["operationId"]].parameters)


def test_an_operation_leads_to_itself_and_to_its_hsm() -> None:
    links = DOCUMENT["paths"]["/hsms/{name}"]["put"]["responses"]["202"]["links"]
    assert {"get_operation", "get_hsm"} <= set(links)


@pytest.mark.parametrize("code", DOCUMENT["components"]["examples"])
def test_a_problem_example_is_as_the_catalogue_has_it(code: str) -> None:
    example = DOCUMENT["components"]["examples"][code]["value"]
    load("triggers.representations:Problem").model_validate(example)
    assert example["retryable"] is CATALOGUE[code].retryable


@pytest.mark.parametrize("name", REQUESTS)
def test_an_example_of_a_request_is_one(name: str) -> None:
    (route,) = (route for route in ROUTES if route.name == name)
    assert route.body is not None
    load(route.body).model_validate(REQUESTS[name])


@pytest.mark.parametrize("name", ANSWERS)
def test_an_example_of_an_answer_is_one(name: str) -> None:
    models = {model for route in ROUTES for status, model in route.answers.items() if model_name(route, status) == name}
    (model,) = models
    kind: type[BaseModel] = load(str(model))
    assert show(kind.model_validate(ANSWERS[name])) == ANSWERS[name]


@pytest.mark.parametrize("call", ANSWERS_OF_CALLS, ids=str)
def test_an_example_of_a_calls_answer_is_one(call: tuple[str, int]) -> None:
    (model,) = (route.answers[call[1]] for route in ROUTES if route.name == call[0])
    kind: type[BaseModel] = load(str(model))
    assert show(kind.model_validate(ANSWERS_OF_CALLS[call])) == ANSWERS_OF_CALLS[call]


def test_every_answer_with_a_body_has_an_example() -> None:
    shown = {model_name(route, status) for route in ROUTES for status in route.answers}
    assert shown == {*ANSWERS, "ApiDescription", ""}


def schema_of(kind: Any) -> dict[str, Any]:
    return TypeAdapter(kind).json_schema()


@pytest.mark.parametrize(
    "kind", [Guid, Location, AddressRange, CertificateIdText], ids=["Guid", "Location", "AddressRange", "CertificateId"]
)
def test_what_fits_the_pattern_is_accepted(kind: Any) -> None:
    adapter, schema = TypeAdapter[str](kind), schema_of(kind)

    @given(st.from_regex(schema["pattern"], fullmatch=True).filter(lambda text: not text.endswith("\n")))
    def check(text: str) -> None:
        if len(text) <= schema.get("maxLength", len(text)):
            adapter.validate_python(text)

    check()


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        (Guid, "00000000-0000-0000-0000-00000000000"),
        (Guid, "g0000000-0000-0000-0000-000000000000"),
        (Location, "no"),
        (Location, "norway_east"),
        (AddressRange, "256.0.0.0"),
        (AddressRange, "1.2.3.4/33"),
        (AddressRange, "01.2.3.4"),
        (AddressRange, "::1"),
        (CertificateIdText, "http://vault.vault.azure.net/certificates/c"),
        (CertificateIdText, "https://vault.vault.azure.net:443/certificates/c"),
        (CertificateIdText, "https://vault.vault.azure.net.example/certificates/c"),
        (CertificateIdText, "https://vaultxvault.azure.net/certificates/c"),
    ],
)
def test_what_is_refused_does_not_fit_the_pattern(kind: Any, text: str) -> None:
    with pytest.raises(ValidationError):
        TypeAdapter[str](kind).validate_python(text)
    assert not re.search(schema_of(kind)["pattern"], text)


def path_schema(path: str, name: str) -> dict[str, Any]:
    parameters = DOCUMENT["paths"][path]["get"]["parameters"]
    (schema,) = (item["schema"] for item in parameters if item.get("name") == name)
    return dict(schema)


@given(st.text(st.sampled_from("aZ09-_."), max_size=26))
def test_the_pattern_of_names_is_that_of_the_code(text: str) -> None:
    schema = path_schema("/hsms/{name}", "name")
    fits = bool(re.fullmatch(schema["pattern"], text)) and schema["minLength"] <= len(text) <= schema["maxLength"]
    try:
        normalise_hsm_name(text)
    except ValueError:
        assert not fits
    else:
        assert fits


@given(st.from_regex(path_schema("/operations/{id}", "id")["pattern"], fullmatch=True))
def test_the_pattern_of_operations_is_that_of_the_code(text: str) -> None:
    if len(text) <= path_schema("/operations/{id}", "id")["maxLength"]:
        assert hsm_of_operation(text.rstrip("\n"))


def test_bounds_are_in_the_schema() -> None:
    schemas = DOCUMENT["components"]["schemas"]
    request, domain = schemas["HsmRequest"]["properties"], schemas["SecurityDomainRequest"]["properties"]
    retention = {"default": 90, "minimum": 7, "maximum": 90, "type": "integer"}
    assert request["softDeleteRetentionDays"].items() >= retention.items()
    assert (domain["wrappingKeys"]["minItems"], domain["wrappingKeys"]["maxItems"]) == (3, 10)
    assert schemas["WrappingKeyRequest"]["oneOf"] == [{"required": ["certificateId"]}, {"required": ["pem"]}]
    assert set(schemas["HsmRequest"]["required"]) == {
        field.alias for field in HsmRequest.model_fields.values() if field.is_required()
    }


def test_a_time_of_a_query_has_no_keywords_that_json_schema_does_not_know() -> None:
    parameters = operation(next(route for route in ROUTES if route.name == "list_operations"))["parameters"]
    (schema,) = (item["schema"] for item in parameters if item.get("name") == "createdAfter")
    assert schema == {"type": "string", "format": "date-time"}


def test_answers_leave_out_what_has_no_value() -> None:
    view = DOCUMENT["components"]["schemas"]["OperationView"]
    assert view["properties"]["finishedAt"].items() >= {"format": "date-time", "type": "string"}.items()
    assert "finishedAt" not in view["required"]
    assert {"steps", "warnings", "downloads"} <= set(view["required"])
