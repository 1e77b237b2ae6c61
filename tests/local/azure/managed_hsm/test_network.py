"""An HSM's firewall on its data plane."""

from collections.abc import Callable
from typing import Any

import pytest
from azure.core.credentials import TokenCredential
from azure.core.exceptions import HttpResponseError
from azure.keyvault.securitydomain import SecurityDomainClient
from starlette.requests import Request

from local.azure.core.errors import ServiceFault
from local.azure.core.tokens import TokenAuthority
from local.azure.core.transitions import Timing
from local.azure.managed_hsm.door import RESOURCE, Door
from local.azure.managed_hsm.models import ManagedHsm
from local.azure.resource_manager.models import ResourceManager
from tests.local.azure.conftest import download_body
from tests.local.azure.managed_hsm.conftest import url

TENANT = "00000000-0000-0000-0000-00000000beef"
CALLER = "00000000-0000-0000-0000-00000000cafe"
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


@pytest.mark.parametrize("private", [True, False])
def test_who_comes_over_a_private_endpoint_comes_in(private: bool) -> None:
    timing = Timing(provisioning_seconds=0, activation_seconds=0)
    manager, authority = ResourceManager(timing), TokenAuthority(TENANT)
    hsm = ManagedHsm(
        name="secluded",
        subscription_id=TENANT,
        resource_group="rg",
        location="norwayeast",
        sku={},
        tags={},
        properties={"initialAdminObjectIds": [CALLER], "publicNetworkAccess": "Disabled"},
        provisioning=timing.begin([], "Succeeded"),
        created_by=CALLER,
    )
    manager.hsms[hsm.name] = hsm
    if private:
        hsm.private_callers.add(CALLER)
    token = authority.sign(RESOURCE, CALLER.upper(), CALLER, [])
    headers = {"host": "secluded.managedhsm.azure.net", "authorization": f"Bearer {token}"}
    scope = {
        "type": "http",
        "method": "GET",
        "path": "/securitydomain/upload",
        "query_string": b"api-version=7.5",
        "headers": [(name.encode(), value.encode()) for name, value in headers.items()],
        "client": ("192.0.2.1", 1),
    }
    door = Door(manager, authority)
    if private:
        assert door.enter(Request(scope), "securitydomain/transferkey/read") is hsm
    else:
        with pytest.raises(ServiceFault) as refused:
            door.enter(Request(scope), "securitydomain/transferkey/read")
        assert (refused.value.status, refused.value.code) == (403, "Forbidden")
        assert "(192.0.2.1)" in refused.value.message
