"""What schemathesis generates, made to fit this deployment: known names, certificates and a subscription."""

import hashlib
import json
from random import Random
from typing import Any, Final, NamedTuple

from schemathesis import Case

# So few that the fleet stays small; often another request for a name that is taken.
NAMES: Final = tuple(f"api-hsm-{number}" for number in range(5))
FITTED: Final = 0.9

AnyCase = Case[Any]


class Fitting(NamedTuple):
    """A request that is accepted, and the tokens of a caller that may do everything."""

    request: dict[str, Any]
    tokens: list[str]

    def fit(self, case: AnyCase, *, linked: bool = False) -> None:
        """Give a case a token, a name of the pool, and mostly what is accepted of a request; the same case the same.

        What has its name from the answer of another call (`linked`) keeps it, but for a PUT.
        """
        random = Random(_fingerprint(case))
        case.headers["Authorization"] = f"Bearer {random.choice(self.tokens)}"
        if case.method == "PUT" or (not linked and random.random() < FITTED):
            self._fit_name(case, random)
        if random.random() < FITTED:
            for condition in ("If-Match", "If-None-Match"):
                case.headers.pop(condition, None)
        if isinstance(case.body, dict) and random.random() < FITTED:
            self._fit_body(case.body, random)

    def _fit_name(self, case: AnyCase, random: Random) -> None:
        if isinstance(case.path_parameters.get("name"), str):
            case.path_parameters["name"] = random.choice(NAMES)

    def _fit_body(self, body: dict[str, Any], random: Random) -> None:
        """Put what is accepted in place of most members that are there: what is left is the generated part."""
        for member in sorted(self.request.keys() & body.keys()):
            if random.random() < FITTED:
                body[member] = self.request[member]
        for member in ("team", "requestedBy", "sku", "expiresAt"):
            if random.random() < FITTED:
                body.pop(member, None)


def _fingerprint(case: AnyCase) -> int:
    text = json.dumps([case.method, case.path, case.path_parameters, case.body], sort_keys=True, default=str)
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8])
