"""What schemathesis generates, made to fit this deployment: known names, certificates and a subscription."""

import hashlib
import json
from random import Random
from typing import Any, Final

from schemathesis import Case

# So few that the fleet stays small; often another request for a name that is taken.
NAMES: Final = tuple(f"api-hsm-{number}" for number in range(5))
# What is made in the second needs approval.
ENVIRONMENTS: Final = ("development", "staging")
FITTED: Final = 0.9

AnyCase = Case[Any]


class Fitting:
    """Fits cases to a deployment: by a request that is accepted, tokens of callers that may do everything, and answers.

    Of the answers it remembers which operations there are, what is to be approved of each, and the share checks.
    """

    def __init__(self, request: dict[str, Any], tokens: list[str], thumbprint: str) -> None:
        self._request = request
        self._thumbprint = thumbprint
        self._tokens = tokens
        self._plans: dict[str, str] = {}
        self._checks: dict[str, str] = {}

    def remember(self, answer: object) -> None:
        """Learn from an answer which operation there is, or which share check."""
        if isinstance(answer, dict) and "steps" in answer and "id" in answer:
            self._plans[answer["id"]] = answer.get("approval", {}).get("planSha256", "")
        if isinstance(answer, dict) and "encryptedNonce" in answer:
            self._checks[answer["hsm"]] = answer["id"]

    def fit(self, case: AnyCase, *, linked: bool = False) -> None:
        """Give a case a token, names and ids that there are, and mostly what is accepted of a request.

        What has its name from the answer of another call (`linked`) keeps it, but for a PUT.
        """
        random = Random(_fingerprint(case))
        case.headers["Authorization"] = f"Bearer {random.choice(self._tokens)}"
        if case.method == "PUT" or (not linked and random.random() < FITTED):
            self._fit_path(case.path_parameters, random)
        if random.random() < FITTED:
            for condition in ("If-Match", "If-None-Match"):
                case.headers.pop(condition, None)
        if isinstance(case.body, dict) and random.random() < FITTED:
            self._fit_body(case.body, random)
            plan = self._plans.get(str(case.path_parameters.get("id")))
            if plan and "planSha256" in case.body:
                case.body["planSha256"] = plan

    def _fit_path(self, parameters: dict[str, Any], random: Random) -> None:
        if isinstance(parameters.get("name"), str):
            parameters["name"] = random.choice(NAMES)
        if isinstance(parameters.get("id"), str) and self._plans:
            parameters["id"] = random.choice(list(self._plans))
        if isinstance(parameters.get("check"), str) and self._checks:
            parameters["name"], parameters["check"] = random.choice(list(self._checks.items()))

    def _fit_body(self, body: dict[str, Any], random: Random) -> None:
        """Put what is accepted in place of most members that are there: what is left is the generated part."""
        accepted = {**self._request, "environment": random.choice(ENVIRONMENTS), "thumbprint": self._thumbprint}
        for member in sorted(accepted.keys() & body.keys()):
            if random.random() < FITTED:
                body[member] = accepted[member]
        for member in ("team", "requestedBy", "sku", "expiresAt"):
            if random.random() < FITTED:
                body.pop(member, None)


def _fingerprint(case: AnyCase) -> int:
    text = json.dumps([case.method, case.path, case.path_parameters, case.body], sort_keys=True, default=str)
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8])
