"""Provision a Managed HSM and wait until it is active: python provision.py NAME REQUEST.json."""

import json
import os
import pathlib
import sys
import time
import uuid

import requests
from azure.identity import EnvironmentCredential

credential = EnvironmentCredential()


def ask(method, path, **arguments):
    headers = {
        "Authorization": f"Bearer {credential.get_token(os.environ['API_SCOPE']).token}",
        "x-ms-client-request-id": str(uuid.uuid4()),
    }
    url = f"{os.environ['FUNCTIONS_URL']}/api/{path}?api-version=2026-11-01"
    response = requests.request(method, url, headers=headers, timeout=60, **arguments)
    if response.status_code >= 400:
        problem = response.json()
        sys.exit(f"{problem['code']}: {problem['detail']} {problem['advice']}")
    return response


name, request = sys.argv[1], json.loads(pathlib.Path(sys.argv[2]).read_text())
response = ask("PUT", f"hsms/{name}", json=request)
while response.json().get("status") in ("NotStarted", "Running"):
    operation = response.json()
    print(f"{operation['percentComplete']:3} % {operation['status']}")
    time.sleep(int(response.headers["Retry-After"]))
    response = ask("GET", f"operations/{operation['id']}")
if "error" in response.json():
    sys.exit(f"{response.json()['error']['code']}: {response.json()['error']['message']}")
print(json.dumps(ask("GET", f"hsms/{name}").json(), indent=2))
