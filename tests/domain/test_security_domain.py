"""What is said of a security domain that is not whole: briefly, whatever it holds."""

import base64
import json

from domain.security_domain import find_faults, summarize


def test_many_faults_are_told_in_few_words() -> None:
    bad = {"enc_shares": [{"enc_key": 1, "x5t_256": []}] * 2000, "key_algorithm": "shamir_share", "required": 2}
    content = json.dumps({"EncData": {"data": [], "kdf": "sp108_kdf"}, "SharedKeys": bad, "version": 2}).encode()
    faults = find_faults(content, [], 2)
    assert len(faults) > 2000
    assert len(summarize(faults)) < 1500
    assert summarize(faults).endswith(f"and {len(faults) - 5} more")


def test_a_header_of_another_shape_is_a_fault_like_any_other() -> None:
    header = (
        base64.urlsafe_b64encode(json.dumps({"alg": ["dir"], "enc": {}, "kid": None}).encode()).decode().rstrip("=")
    )
    part = base64.urlsafe_b64encode(bytes(32)).decode().rstrip("=")
    share = {"enc_key": f"{header}.{part}.{part[:22]}.{part}.{part}", "x5t_256": "t"}
    shared = {"enc_shares": [share], "key_algorithm": "shamir_share", "required": 2}
    data = [{"compact_jwe": f"{header}..{part[:22]}.{part}.{part}", "tag": "hsm_backup"}]
    domain = {"EncData": {"data": data, "kdf": "sp108_kdf"}, "SharedKeys": shared, "version": 2}
    faults = find_faults(json.dumps(domain).encode(), ["t"], 2)
    assert faults == [
        "SharedKeys.enc_shares.0.enc_key is not a JWE to a wrapping key",
        "EncData.data.0.compact_jwe is not a JWE under the key of its tag",
    ]
