"""A key goes from one HSM to another of the same security domain, and to no other."""

import pytest
from azure.core.exceptions import HttpResponseError
from azure.keyvault.keys.crypto import CryptographyClient, EncryptionAlgorithm

from local.portal import Portal
from local.stack import Stack
from tests.custodians import Custodian, request_for
from tests.restoring import begin, finish, provision_source
from tests.test_restore import using_keys

ALGORITHM = EncryptionAlgorithm.rsa_oaep_256
TEXT = b"kept by the first"


def test_a_key_is_backed_up_and_restored_within_a_security_domain(
    stack: Stack, portal: Portal, hsm_name: str, custodians: list[Custodian]
) -> None:
    second, stranger, administrators = f"{hsm_name}-b", f"{hsm_name}-c", [stack.portal.object_id]
    keys_asked = {"keys": [{"name": "k1", "size": 2048}]}
    first = provision_source(stack, portal, hsm_name, custodians, administrators=administrators, handover=keys_asked)
    with using_keys(stack, hsm_name) as (keys, credential):
        sealed = CryptographyClient(keys.get_key("k1"), credential).encrypt(ALGORITHM, TEXT).ciphertext
        backup = keys.backup_key("k1")
    operation = begin(stack, portal, second, hsm_name, administrators=administrators)
    finish(stack, portal, operation, first)
    with using_keys(stack, second) as (keys, credential):
        restored = keys.restore_key_backup(backup)
        assert CryptographyClient(restored, credential).decrypt(ALGORITHM, sealed).plaintext == TEXT
    body = request_for(stack, custodians, administrators=administrators)
    other = portal.follow(portal.put_hsm(stranger, body).json()["id"])
    assert other["status"] == "Succeeded", other
    with using_keys(stack, stranger) as (keys, _):
        with pytest.raises(HttpResponseError, match="not of an HSM with this security domain"):
            keys.restore_key_backup(backup)
        assert [*keys.list_properties_of_keys()] == []
