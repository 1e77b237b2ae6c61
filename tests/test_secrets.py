"""No byte of the security domain, no token and no private key in any history, log line or answer."""

import json
import re
from collections.abc import Mapping

import pytest
import requests
from durabletask.client import OrchestrationQuery, TaskHubGrpcClient

from local.portal import Portal
from local.stack import Stack
from tests import stored
from tests.custodians import Custodian, request_for

TOKEN = re.compile(r"eyJ[\w-]{10,}\.eyJ[\w-]{10,}\.[\w-]{10,}")
PRIVATE_KEY = re.compile(r"BEGIN [A-Z ]*PRIVATE KEY")
WINDOW = 24


def windows(content: bytes) -> set[str]:
    """Cut the encrypted parts of a security domain into pieces, each enough to know it by."""
    document = json.loads(content)
    secrets = [item["compact_jwe"] for item in document["EncData"]["data"]]
    secrets += [share["enc_key"] for share in document["SharedKeys"]["enc_shares"]]
    parts = [part for secret in secrets for part in secret.split(".")[1:]]
    return {part[start : start + WINDOW] for part in parts for start in range(0, len(part) - WINDOW, WINDOW)}


def find_secrets(texts: Mapping[str, str], pieces: set[str]) -> list[str]:
    """Name the places that hold a secret."""
    found = []
    for place, text in texts.items():
        # Escaped or folded text is still the text.
        plain = text.replace("\\", "").replace("\n", "")
        if TOKEN.search(plain) or PRIVATE_KEY.search(plain) or any(piece in plain for piece in pieces):
            found.append(place)
    return found


def read_histories(stack: Stack) -> dict[str, str]:
    """Read everything that the engine keeps: inputs, outputs, custom statuses and all events."""
    with TaskHubGrpcClient(host_address=stack.host.durable_address) as client:
        states = client.get_all_orchestration_states(OrchestrationQuery(fetch_inputs_and_outputs=True))
        return {
            f"history of {state.instance_id}": repr(state) + repr(client.get_orchestration_history(state.instance_id))
            for state in states
        }


def test_nothing_secret_is_anywhere(stack: Stack, portal: Portal, hsm_name: str, custodians: list[Custodian]) -> None:
    answers: list[requests.Response] = [portal.put_hsm(hsm_name, request_for(stack, custodians))]
    operation = portal.follow(answers[0].json()["id"])
    answers += [portal.send("GET", f"operations/{operation['id']}"), portal.send("GET", f"hsms/{hsm_name}")]
    answers += [portal.put_hsm(hsm_name, request_for(stack, custodians))]
    answers += [portal.send("GET", "hsms/x", headers={"Authorization": f"Bearer {portal.token()}x"})]
    content = stored.read(stack, operation["result"]["securityDomain"]["blobUrl"])
    texts = {
        **read_histories(stack),
        "the host's log": stack.host.process.log_path.read_text(),
        "the local Azure's log": stack.azure.process.log_path.read_text(),
        "its journal": json.dumps(stack.control.journal()),
        **{f"answer {number}": answer.text + str(answer.headers) for number, answer in enumerate(answers)},
    }
    pieces = windows(content)
    assert len(pieces) > 50
    assert len(texts) > 8
    assert find_secrets(texts, pieces) == []
    # The search itself: it finds each kind of secret where one is planted.
    share = json.loads(content)["SharedKeys"]["enc_shares"][0]["enc_key"]
    for planted in (content.decode(), json.dumps(content.decode()), f"x{share}x", portal.token(), "BEGIN PRIVATE KEY"):
        for place, text in texts.items():
            assert find_secrets({place: text + planted}, pieces) == [place]


def test_an_unexpected_failure_keeps_its_text_to_itself(caplog: pytest.LogCaptureFixture) -> None:
    from activities.registration import UnexpectedFailure, run_activity

    with pytest.raises(UnexpectedFailure) as raised:
        run_activity("preflight", {"operationId": {"not text": "a secret"}})
    assert "a secret" not in str(raised.value)
    assert raised.value.__suppress_context__
    assert "a secret" not in caplog.text
