"""An HSM's firewall on its data plane."""

from collections.abc import Callable
from typing import Any

import pytest
from azure.core.credentials import TokenCredential
from azure.core.exceptions import HttpResponseError
from azure.keyvault.securitydomain import SecurityDomainClient

from local.azure.control.client import ControlClient
from local.azure.control.models import MadeApplication
from tests.local.azure.conftest import download_body
from tests.local.azure.managed_hsm.conftest import url

DENIED = r"Forbidden.*Client address \(127\.0\.0\.1\) is not authorized and caller is not a trusted service\."


@pytest.mark.parametrize(
    "changes",
    [
        {"public_network_access": "Disabled"},
        {"network_acls": {"bypass": "None", "defaultAction": "Deny", "ipRules": []}},
        {"network_acls": {"bypass": "AzureServices", "defaultAction": "Deny", "ipRules": [{"value": "10.0.0.0/8"}]}},
        {
            "public_network_access": "Disabled",
            "network_acls": {"defaultAction": "Deny", "ipRules": [{"value": "127.0.0.0/8"}]},
        },
    ],
    ids=str,
)
def test_who_comes_from_elsewhere_is_refused(
    create_hsm: Callable[..., str], hsm_name: str, credential: TokenCredential, changes: dict[str, Any]
) -> None:
    with SecurityDomainClient(url(create_hsm(hsm_name, **changes)), credential) as client:
        with pytest.raises(HttpResponseError, match=DENIED) as refused:
            client.begin_download(download_body(), skip_activation_polling=True)
        assert refused.value.status_code == 403
        with pytest.raises(HttpResponseError, match=DENIED):
            client.get_transfer_key()


@pytest.mark.parametrize("rule", ["127.0.0.1", "127.0.0.1/32", "127.0.0.0/8"])
def test_who_comes_from_an_allowed_address_comes_in(
    create_hsm: Callable[..., str], hsm_name: str, credential: TokenCredential, rule: str
) -> None:
    acls = {"bypass": "None", "defaultAction": "Deny", "ipRules": [{"value": rule}]}
    with SecurityDomainClient(url(create_hsm(hsm_name, network_acls=acls)), credential) as client:
        assert client.begin_download(download_body(), skip_activation_polling=True).result().value


def test_who_comes_over_a_private_endpoint_comes_in(
    create_hsm: Callable[..., str],
    hsm_name: str,
    credential: TokenCredential,
    control: ControlClient,
    application: MadeApplication,
) -> None:
    create_hsm(hsm_name, public_network_access="Disabled")
    with SecurityDomainClient(url(hsm_name), credential) as client:
        with pytest.raises(HttpResponseError, match=DENIED):
            client.get_transfer_key()
        control.change_private_callers(hsm_name, application.object_id)
        assert client.get_transfer_key().transfer_key
