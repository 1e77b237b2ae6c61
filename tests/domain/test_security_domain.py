"""What is said of a security domain that is not whole: briefly, whatever it holds."""

import json
from typing import Any

from domain.security_domain.checks import Pinned, check_security_domain, find_faults
from domain.security_domain.encoding import encode


def faults_of(document: dict[str, Any]) -> list[str]:
    return find_faults(check_security_domain(json.dumps(document).encode(), Pinned()))


def test_many_faults_are_told_in_few_words() -> None:
    bad = {"enc_shares": [{"enc_key": 1, "x5t_256": []}] * 100, "key_algorithm": "shamir_share", "required": 2}
    faults = faults_of({"EncData": {"data": [], "kdf": "sp108_kdf"}, "SharedKeys": bad, "version": 2})
    assert len(" ".join(faults)) < 1000
    assert "more" in faults[0]


def test_a_header_of_another_shape_is_a_fault_like_any_other() -> None:
    header = encode(json.dumps({"alg": ["dir"], "enc": {}, "kid": None}).encode())
    part = encode(bytes(32))
    share = {"enc_key": f"{header}.{part}.{encode(bytes(16))}.{part}.{part}", "x5t_256": "t"}
    shared = {"enc_shares": [share], "key_algorithm": "shamir_share", "required": 2}
    data = [{"compact_jwe": f"{header}..{encode(bytes(16))}.{part}.{part}", "tag": "hsm_backup"}]
    faults = faults_of({"EncData": {"data": data, "kdf": "sp108_kdf"}, "SharedKeys": shared, "version": 2})
    assert "share 1: its algorithms are not those of a share." in faults
    assert "part 1: its header is not that of a part with its tag." in faults
