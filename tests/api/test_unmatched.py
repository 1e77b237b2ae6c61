"""Paths and methods that the API does not have: answered with problem details, to anybody."""

from typing import Final

import pytest

from local.stack import Stack
from tests.api.test_tokens import handled, send
from triggers.representations import Problem

METHODS: Final = ("GET", "PUT", "POST", "PATCH", "DELETE", "OPTIONS")


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("path", ["", "hsm", "hsms/a/b/c", "operations/x/approve/now", "%2e%2e/hsms"])
def test_an_unknown_path(method: str, path: str, stack: Stack) -> None:
    response = send(stack, method, path, {"Authorization": "Bearer nonsense", "x-ms-client-request-id": "mine"})
    problem = Problem.model_validate_json(response.content)
    assert (response.status_code, problem.status, problem.code) == (404, 404, "path_not_found")
    assert "/api/openapi.json" in problem.advice
    assert response.headers["Content-Type"] == "application/problem+json"
    assert response.headers["X-Content-Type-Options"] == "nosniff"
    assert response.headers["Cache-Control"] == "no-store"
    assert response.headers["x-ms-request-id"]
    assert response.headers["x-ms-client-request-id"] == "mine"
    assert handled(stack, response) == 0


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("POST", "hsms/anything", "DELETE, GET, PATCH, PUT"),
        ("POST", "HSMS/anything", "DELETE, GET, PATCH, PUT"),
        ("OPTIONS", "hsms", "GET"),
        ("GET", "operations/x/approve", "POST"),
        ("POST", "openapi.json", "GET"),
        ("PUT", "console/main.js", "GET"),
    ],
)
def test_another_method(method: str, path: str, allowed: str, stack: Stack) -> None:
    response = send(stack, method, path, {})
    problem = Problem.model_validate_json(response.content)
    assert (response.status_code, problem.code) == (405, "method_not_allowed")
    assert response.headers["Allow"] == allowed
    assert handled(stack, response) == 0


def test_a_slash_that_is_encoded_makes_no_path(stack: Stack) -> None:
    response = send(stack, "GET", "hsms%2fx", {})
    assert (response.status_code, response.json()["code"]) == (404, "path_not_found")


def test_head_has_the_headers_alone(stack: Stack) -> None:
    response = send(stack, "HEAD", "hsms", {})
    assert (response.status_code, response.headers["Allow"], response.content) == (405, "GET", b"")
