"""The OpenAPI document against the local host: no 5xx, no answer that is not in the document, with a token and without.

`make test-api` runs it; API_EXAMPLES is how many cases there are of each call and kind. Each run has the same cases;
another API_SEED makes others.
"""

import os
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

import pytest
import requests
import schemathesis
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis.errors import FlakyStrategyDefinition
from schemathesis import GenerationMode, Response
from schemathesis.checks import CheckContext, not_a_server_error
from schemathesis.schemas import APIOperation
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)
from schemathesis.specs.openapi.schemas import OpenApiSchema

from local.azure.control.models import NewToken
from local.policy import TEAM_A, policy
from local.stack import API_AUDIENCE, Stack, running_stack
from tests.api.cases import NAMES, AnyCase, Fitting
from tests.custodians import Custodian, request_for
from triggers.routes import ROUTES

pytestmark = pytest.mark.api

EXAMPLES: Final = int(os.environ.get("API_EXAMPLES") or 25)
SEED: Final = int(os.environ.get("API_SEED") or 1)
ALL_ROLES: Final = ["Hsm.Read", "Hsm.Request", "Hsm.Approve", "Hsm.Operate", "Hsm.Audit"]
SETTINGS: Final = settings(
    deadline=None,
    database=None,
    suppress_health_check=list(HealthCheck),
    phases=[Phase.explicit, Phase.generate, Phase.shrink],
    print_blob=False,
)
PROTECTED: Final = [route.name for route in ROUTES if route.roles]


def documented_code(_context: CheckContext, response: Response, case: AnyCase) -> bool | None:
    """A problem's code is one of those that the document names for this call and status."""
    if not response.headers.get("content-type", [""])[0].startswith("application/problem+json"):
        return None
    described = case.operation.definition.raw["responses"][str(response.status_code)]
    examples = described["content"]["application/problem+json"]["examples"]
    problem = response.json()
    assert problem["code"] in examples, f"{response.status_code} {problem['code']} is not in the document"
    return None


CHECKS: Final[list[Callable[..., bool | None]]] = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
    response_headers_conformance,
    documented_code,
]


class Api:
    """The API as its document describes it, and what its cases were answered."""

    def __init__(self, schema: OpenApiSchema, fitting: Fitting, session: requests.Session) -> None:
        self.schema = schema
        self.fitting = fitting
        self.session = session
        self.answers: Counter[tuple[str, int]] = Counter()

    def operation(self, name: str) -> APIOperation[Any, Any, Any, Any]:
        return self.schema.find_operation_by_id(name)

    def call(self, case: AnyCase) -> Response:
        response = case.call(session=self.session, timeout=60)
        self.answers[case.operation.definition.raw["operationId"], response.status_code] += 1
        if response.status_code in (200, 201, 202):
            self.fitting.remember(response.json())
        return response

    def send(self, case: AnyCase) -> Response:
        response = self.call(case)
        case.validate_response(response, checks=CHECKS)
        return response


@pytest.fixture(scope="module")
def api_stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    directory: Path = tmp_path_factory.mktemp("api") / "run"
    environments: dict[str, dict[str, Any]] = {"development": {}, "staging": {"approval": ["provision"]}}
    deployed = {"HSM_PROVISIONER_POLICY": policy(environments=environments)}
    with running_stack(directory, provisioning_seconds=0.2, activation_seconds=0.2, settings=deployed) as running:
        running.control.change_resource_manager(quota=1000)
        yield running


@pytest.fixture(scope="module")
def api(api_stack: Stack, custodians: list[Custodian]) -> Iterator[Api]:
    sys.stdout.write(f"\nAPI_SEED={SEED} API_EXAMPLES={EXAMPLES}\n")
    tokens = [
        api_stack.control.create_token(
            NewToken(
                audience=API_AUDIENCE,
                roles=ALL_ROLES,
                groups=[TEAM_A],
                object_id=f"00000000-0000-4000-8000-00000000000{number}",
                person=number > 0,
                expires_in_seconds=36_000,
            )
        )
        for number in range(3)
    ]
    fitting = Fitting(request_for(api_stack, custodians), tokens, custodians[0].thumbprint)
    with requests.Session() as session:
        session.trust_env = False
        document = session.get(f"{api_stack.host.functions_url}/api/openapi.json", timeout=60).json()
        schema = schemathesis.openapi.from_dict(document)
        schema.config.update(base_url=f"{api_stack.host.functions_url}/api")
        api = Api(schema, fitting, session)
        yield api
    for (name, status), count in sorted(api.answers.items()):
        sys.stdout.write(f"{name:>24} {status} {count:>6}\n")


@pytest.mark.parametrize("mode", [GenerationMode.POSITIVE, GenerationMode.NEGATIVE], ids=["valid", "wrong"])
@pytest.mark.parametrize("name", [route.name for route in ROUTES])
def test_every_answer_is_as_documented(name: str, mode: GenerationMode, api: Api) -> None:
    operation = api.operation(name)

    @seed(SEED)
    @settings(SETTINGS, max_examples=EXAMPLES)
    @given(case=operation.as_strategy(generation_mode=mode))
    def check(case: AnyCase) -> None:
        api.fitting.fit(case)
        api.send(case)

    check()


@pytest.mark.parametrize("name", PROTECTED)
def test_without_a_token_it_is_401(name: str, api: Api) -> None:
    @seed(SEED)
    @settings(SETTINGS, max_examples=max(5, EXAMPLES // 10))
    @given(case=api.operation(name).as_strategy())
    def check(case: AnyCase) -> None:
        assert api.send(case).status_code == 401

    check()


def test_calls_in_sequence(api: Api) -> None:
    """Calls follow each other as the document's links say, from the answer of one to the path of the next.

    The API remembers what earlier sequences did: one that is drawn again may be answered otherwise, and then other
    links can be followed. Hypothesis calls that a flaky definition and ends its run; what is left is drawn in another.
    """
    sequences = 0
    wrong_answers: list[BaseException] = []

    class Sequence(api.schema.as_state_machine()):  # type: ignore[misc]
        def setup(self) -> None:
            nonlocal sequences
            sequences += 1

        def call(self, case: AnyCase, **_arguments: Any) -> Response:
            api.fitting.fit(case, linked=True)
            return api.call(case)

        def validate_response(self, response: Response, case: AnyCase, **_arguments: Any) -> None:
            try:
                case.validate_response(response, checks=CHECKS)
            except BaseException as error:
                wrong_answers.append(error)
                raise

    while sequences < EXAMPLES:
        run = seed(SEED + sequences)(Sequence)
        with suppress(FlakyStrategyDefinition):
            run.run(settings=settings(SETTINGS, max_examples=EXAMPLES - sequences, stateful_step_count=8))
    assert not wrong_answers
    assert api.answers["get_operation", 200] > 0
    assert api.answers["get_hsm", 200] > 0


def test_the_fleet_stayed_small(api: Api, api_stack: Stack) -> None:
    assert {hsm["name"] for hsm in api_stack.control.hsms()} <= set(NAMES)
    assert sum(count for (_, status), count in api.answers.items() if status == 202) > 0
