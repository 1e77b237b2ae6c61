"""Restores as portals, approvers and custodians do them: the request, the approval, the restore blob made offline."""

import json
from collections.abc import Sequence
from typing import Any, Final, NamedTuple

import requests
from azure.storage.blob import BlobClient
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric.padding import MGF1, OAEP
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey

from domain.security_domain.document import read_security_domain
from domain.security_domain.opening import open_data, open_share
from domain.security_domain.restoring import make_restore_blob, read_transfer_key
from local.portal import Portal
from local.stack import Stack
from tests import stored
from tests.custodians import Custodian, request_for
from tests.people import Person, await_step

ASKING: Final = "00000000-0000-4000-8000-0000000000aa"


class Source(NamedTuple):
    """An HSM whose security domain is restored: the stored bytes, and whose keys open them."""

    hsm: str
    domain: bytes
    custodians: list[Custodian]


def provision_source(stack: Stack, portal: Portal, name: str, custodians: list[Custodian], **changes: Any) -> Source:
    """Make an HSM, and give what is stored of it."""
    operation = portal.follow(portal.put_hsm(name, request_for(stack, custodians, **changes)).json()["id"])
    assert operation["status"] == "Succeeded", operation
    return Source(name, stored.read(stack, operation["result"]["securityDomain"]["blobUrl"]), custodians)


def restore_request(stack: Stack, source: str, /, **changes: Any) -> dict[str, Any]:
    body = request_for(stack, [])
    del body["securityDomain"]
    body |= {"source": {"hsm": source}, "requestedBy": ASKING, **changes}
    return {name: value for name, value in body.items() if value is not None}


def ask(portal: Portal, name: str, body: dict[str, Any]) -> requests.Response:
    return portal.send("POST", f"hsms/{name}/restore", json=body)


def approve(stack: Stack, operation: dict[str, Any]) -> None:
    """Have the plan of an operation approved by somebody else than who asked."""
    approver = Person(stack, 7, ["Hsm.Approve"])
    waiting = await_step(approver, operation["id"], "await_approval")
    response = approver.decide(waiting, "approve")
    assert response.status_code == 200, response.text


def begin(stack: Stack, portal: Portal, name: str, source: str, /, **changes: Any) -> dict[str, Any]:
    """Have a restore approved, and give its operation as it waits for the restore blob."""
    response = ask(portal, name, restore_request(stack, source, **changes))
    assert response.status_code == 202, response.text
    approve(stack, response.json())
    return await_step(portal, response.json()["id"], "await_restore_blob")


def make_blob(domain: bytes, operation: dict[str, Any], custodians: Sequence[Custodian]) -> str:
    """Open a security domain with the keys of a quorum, and encrypt it to the transfer key that an operation shows."""
    document = read_security_domain(domain)
    quorum = list(custodians)[: document.shared_keys.required]
    shares = [open_share(document, custodian.thumbprint, unwrapping(custodian)) for custodian in quorum]
    return make_restore_blob(
        open_data(document, shares), read_transfer_key(json.dumps(operation["transferKey"]["jwk"]))
    )


def unwrapping(custodian: Custodian) -> Any:
    def unwrap(algorithm: str, ciphertext: bytes) -> bytes:
        assert algorithm == "RSA-OAEP-256"
        assert isinstance(custodian.key, RSAPrivateKey)
        return custodian.key.decrypt(ciphertext, OAEP(MGF1(hashes.SHA256()), hashes.SHA256(), None))

    return unwrap


def blob_client(stack: Stack, operation_id: str) -> BlobClient:
    return stored.service(stack).get_blob_client("restore-blobs", f"{operation_id}/restore-blob.json")


def store(stack: Stack, operation_id: str, content: str | bytes) -> None:
    """Store a restore blob as its custodians do."""
    blob_client(stack, operation_id).upload_blob(content, overwrite=True)


def announce(portal: Portal, operation_id: str) -> requests.Response:
    return portal.send("POST", f"operations/{operation_id}/restore-blob")


def finish(stack: Stack, portal: Portal, operation: dict[str, Any], source: Source) -> dict[str, Any]:
    """Store the restore blob that an operation waits for, say so, and follow the operation to its good end."""
    store(stack, operation["id"], make_blob(source.domain, operation, source.custodians))
    assert announce(portal, operation["id"]).status_code == 202
    ended = portal.follow(operation["id"])
    assert ended["status"] == "Succeeded", ended
    return ended
