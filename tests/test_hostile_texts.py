"""Nothing that a caller sends reaches a log or a blob's name as it is, or comes back as anything but data."""

import json
import re
from typing import Any, Final

import pytest

from local.azure.control.models import NewToken
from local.portal import Portal
from local.stack import API_AUDIENCE, Stack
from tests import stored
from tests.custodians import Custodian, request_for

MARK: Final = "x7f3c"
HOSTILE: Final = [
    f"{MARK}\r\nERROR forged line",
    f"{MARK}<script>alert(1)</script>",
    f"{MARK}\x1b[2J\x1b]0;owned\x07",
    f"{MARK}\u2028\u2029\u202e",
    f"{MARK}%0d%0aSet-Cookie: a=b",
    f"{MARK}/../../claims/other",
    f"{MARK}${{jndi:ldap://evil}}{{0}}%s%n",
]
BLOB_NAME: Final = re.compile(r"[A-Za-z0-9./_-]+")


def test_a_request_full_of_hostile_texts_is_carried_out_and_leaves_no_trace_of_them(
    stack: Stack, portal: Portal, hsm_name: str, custodians: list[Custodian]
) -> None:
    body = request_for(stack, custodians, tags={f"tag{number}": text for number, text in enumerate(HOSTILE)})
    for key, text in zip(body["securityDomain"]["wrappingKeys"], HOSTILE, strict=False):
        key["custodian"] = text
    headers = {"Idempotency-Key": f"{MARK}-<script>", "User-Agent": f"{MARK} <script>", "X-Forwarded-Host": MARK}
    operation = portal.follow(portal.send("PUT", f"hsms/{hsm_name}", json=body, headers=headers).json()["id"])
    assert operation["status"] == "Succeeded", operation.get("error")
    shown = portal.send("GET", f"hsms/{hsm_name}")
    assert set(shown.json()["tags"].values()) == set(HOSTILE)
    check_headers(shown.headers)
    check_traces(stack)


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_texts_where_none_belong_are_refused_and_not_repeated(
    text: str, stack: Stack, portal: Portal, hsm_name: str, custodians: list[Custodian]
) -> None:
    good = request_for(stack, custodians)
    wrong: list[dict[str, Any]] = [
        {**good, "location": text},
        {**good, "environment": text},
        {**good, "team": text},
        {**good, "resourceGroup": text},
        {**good, "expiresAt": text},
        {**good, text: 1},
        {**good, "securityDomain": {**good["securityDomain"], "wrappingKeys": [{"certificateId": text}] * 3}},
    ]
    for body in wrong:
        refused = portal.send("PUT", f"hsms/{hsm_name}", data=json.dumps(body), headers=JSON)
        assert 400 <= refused.status_code < 500, refused.text
        check_headers(refused.headers)
    for path in (
        f"hsms/{quoted(text)}",
        f"operations/{quoted(text)}",
        f"hsms?{quoted(text)}=1",
        f"hsms?state={quoted(text)}",
    ):
        refused = portal.send("GET", path)
        assert refused.status_code in (200, 400, 404), refused.text
        assert "<script>" not in refused.text
        check_headers(refused.headers)
    check_traces(stack)


def test_a_token_full_of_hostile_texts(stack: Stack, portal: Portal) -> None:
    for text in HOSTILE:
        token = NewToken(
            audience=API_AUDIENCE, roles=["Hsm.Read", text], groups=[text], person=True, name=text, username=text
        )
        headers = {"Authorization": f"Bearer {stack.control.create_token(token)}"}
        shown = portal.send("GET", "policy", headers=headers)
        assert shown.status_code == 200
        assert shown.json()["caller"]["roles"] == ["Hsm.Read"]
        assert MARK not in shown.text
    check_traces(stack)


JSON: Final = {"Content-Type": "application/json"}


def quoted(text: str) -> str:
    from urllib.parse import quote

    return quote(text, safe="")


def check_headers(headers: Any) -> None:
    assert MARK not in str(headers)
    assert headers["content-type"].split(";")[0] in ("application/json", "application/problem+json", "text/plain")
    assert headers["x-content-type-options"] == "nosniff"


def check_traces(stack: Stack) -> None:
    """Look into the app's log, and at every blob's name and what is written beside it."""
    log = stack.host.process.log_path.read_text(errors="replace")
    assert MARK not in log
    for container in ("security-domains", "hsm-records", "audit"):
        for blob in stored.service(stack).get_container_client(container).list_blobs(include=["metadata"]):
            assert BLOB_NAME.fullmatch(blob.name), blob.name
            assert MARK not in blob.name
            assert all(value.isascii() and value.isprintable() for value in (blob.metadata or {}).values())
