"""Provision a Managed HSM and wait until it is active: python provision.py NAME REQUEST.json."""

import json
import os
import pathlib
import sys
import time
import uuid

import requests
from azure.identity import EnvironmentCredential

API = f"{os.environ['FUNCTIONS_URL']}/api"


class Provisioner(requests.Session):
    def __init__(self):
        super().__init__()
        self.params = {"api-version": "2026-11-01"}
        self.credential = EnvironmentCredential()

    def ask(self, method, url, **arguments):
        token = self.credential.get_token(os.environ["API_SCOPE"]).token
        headers = {"Authorization": f"Bearer {token}", "x-ms-client-request-id": str(uuid.uuid4())}
        response = self.request(method, url, headers=headers, timeout=60, **arguments)
        if response.status_code >= 400:
            problem = response.json()
            sys.exit(f"{problem['code']}: {problem['detail']} {problem['advice']}")
        return response


name, request = sys.argv[1], json.loads(pathlib.Path(sys.argv[2]).read_text())
provisioner = Provisioner()
response = provisioner.ask("PUT", f"{API}/hsms/{name}", json=request)
while response.json().get("status") in ("NotStarted", "Running"):
    operation = response.json()
    print(f"{operation['percentComplete']:3} % {operation['status']}")
    time.sleep(int(response.headers["Retry-After"]))
    response = provisioner.ask("GET", f"{API}/operations/{operation['id']}")
if "error" in response.json():
    sys.exit(f"{response.json()['error']['code']}: {response.json()['error']['message']}")
print(json.dumps(provisioner.ask("GET", f"{API}/hsms/{name}").json(), indent=2))
