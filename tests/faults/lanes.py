"""Provisions side by side, each in a subscription of its own, by a client that asks again when it is told to."""

import itertools
import time
from typing import Any, NamedTuple

import requests

from local.portal import Portal
from local.stack import Stack
from tests import stored
from tests.custodians import Custodian, request_for


class Subject(NamedTuple):
    """What one provision is about; all calls that are its own have one of these in their address."""

    name: str
    group: str
    subscription: str


class Lane:
    """Provisions one after the other, in a subscription of its own."""

    def __init__(self, stack: Stack, custodians: list[Custodian], number: int) -> None:
        self.stack = stack
        self.portal = Portal(stack)
        self._custodians = custodians
        self._subscription = stack.control.create_subscription(registered=True)
        self._number = number
        self._counts = itertools.count()

    def subject(self) -> Subject:
        name = f"lane-{self._number}-{next(self._counts)}"
        return Subject(name, f"rg-{name}", self._subscription)

    def provision(self, subject: Subject) -> dict[str, Any]:
        """Ask, and ask again as a client does that is told to; then follow to the end."""
        certificate = self.stack.control.plant_certificate("custodians", subject.name, self._custodians[2].pem)
        body = request_for(
            self.stack, self._custodians, subscriptionId=subject.subscription, resourceGroup=subject.group
        )
        unversioned = certificate.rpartition("/")[0]
        body["securityDomain"]["wrappingKeys"][2] = {"custodian": "Three", "certificateId": unversioned}
        answer = self._send("PUT", f"hsms/{subject.name}", body)
        deadline = time.monotonic() + 180
        while answer.status_code in (200, 202) and time.monotonic() < deadline:
            operation: dict[str, Any] = answer.json()
            if operation["status"] in ("Succeeded", "Failed"):
                return operation
            time.sleep(0.3)
            answer = self._send("GET", f"operations/{operation['id']}", None)
        return {"status": f"HTTP {answer.status_code}", "error": answer.json()}

    def _send(self, method: str, path: str, body: dict[str, Any] | None) -> requests.Response:
        for _ in range(12):
            response = self.portal.send(method, path, json=body)
            if response.status_code < 500 or not response.json()["retryable"]:
                break
            time.sleep(min(float(response.headers.get("Retry-After", "1")), 1))
        return response


def find_problem(stack: Stack, subject: Subject, operation: dict[str, Any]) -> str:
    """Say what is wrong: the operation, the HSM, or its security domain."""
    if operation["status"] != "Succeeded":
        return f"{operation['status']}: {operation.get('error')}"
    exports = stack.control.exports(subject.name)
    confirmed = [export["sha256"] for export in exports if export["outcome"] == "Success"]
    domain = operation["result"]["securityDomain"]
    if [hsm["active"] for hsm in stack.control.hsms() if hsm["name"] == subject.name] != [True]:
        return "there is not one active HSM"
    if confirmed[-1:] != [domain["sha256"]]:
        return "what is called confirmed is not what the HSM confirmed"
    if len(stored.read(stack, domain["blobUrl"])) != domain["size"]:
        return "it is not stored"
    return ""
