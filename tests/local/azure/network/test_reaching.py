"""Who reaches an HSM's data plane over a private endpoint, who over the internet, and who not at all."""

from collections.abc import Callable

import pytest
from azure.core.exceptions import HttpResponseError, ServiceRequestError, ServiceResponseError
from azure.keyvault.securitydomain import SecurityDomainClient

from local.azure.control.client import ControlClient
from tests.local.azure.network.conftest import Caller, Net

DENIED = "is not authorized and caller is not a trusted service"


def ask(caller: Caller, net: Net) -> str:
    """Ask for the transfer key, which any caller whose network is right is refused by its role, or given."""
    url = f"https://{net.hsm}.managedhsm.azure.net"
    with SecurityDomainClient(url, caller.credential, retry_total=0) as client:
        try:
            client.get_transfer_key()
        except HttpResponseError as refused:
            return "denied" if DENIED in str(refused) else "reached"
        except (ServiceRequestError, ServiceResponseError):
            return "nobody"
    return "reached"


@pytest.fixture
def closed(caller: Caller, linked: Net) -> Net:
    """Everything, with an HSM that is closed to the internet."""
    assert caller("PATCH", linked.hsm_id, {"properties": {"publicNetworkAccess": "Disabled"}}).status_code == 202
    return linked


def connect(caller: Caller, net: Net, *, manual: bool = False) -> None:
    assert caller("PUT", net.endpoint, net.body(manual=manual)).status_code == 201
    made = caller("PUT", f"{net.endpoint}/privateDnsZoneGroups/default", net.zone_group())
    assert made.status_code == 201


def test_an_app_in_the_network_reaches_the_hsm_over_its_endpoint(
    caller: Caller, closed: Net, control: ControlClient, sign_in: Callable[..., Caller]
) -> None:
    app = sign_in(None)
    assert ask(app, closed) == "denied"
    control.integrate(app.made.object_id, closed.functions)
    # No endpoint yet: the name has the public address, at which the HSM is closed.
    assert ask(app, closed) == "denied"
    connect(caller, closed)
    assert ask(app, closed) == "reached"
    # Whoever is elsewhere stays outside.
    assert ask(caller, closed) == "denied"
    control.integrate(app.made.object_id, None)
    assert ask(app, closed) == "denied"


def test_without_a_record_or_an_approval_nobody_answers(
    caller: Caller, closed: Net, control: ControlClient, sign_in: Callable[..., Caller]
) -> None:
    app = sign_in(None)
    control.integrate(app.made.object_id, closed.functions)
    assert caller("PUT", closed.endpoint, closed.body(manual=True)).status_code == 201
    since = len(control.journal())
    assert ask(app, closed) == "nobody"
    (entry,) = [entry for entry in control.journal("managed_hsm", since=since) if entry["callerObjectId"]]
    assert (entry["fault"], entry["status"]) == ("unreachable", None)
    caller("PUT", f"{closed.endpoint}/privateDnsZoneGroups/default", closed.zone_group())
    assert ask(app, closed) == "nobody"
    (connection,) = caller("GET", f"{closed.hsm_id}/privateEndpointConnections").json()["value"]
    approval = {"properties": {"privateLinkServiceConnectionState": {"status": "Approved"}}}
    assert caller("PUT", connection["id"], approval).status_code == 200
    assert ask(app, closed) == "reached"
    caller("PUT", connection["id"], {"properties": {"privateLinkServiceConnectionState": {"status": "Rejected"}}})
    assert ask(app, closed) == "nobody"


def test_a_network_that_the_zone_is_not_linked_to_has_the_public_address(
    caller: Caller, net: Net, control: ControlClient
) -> None:
    connect(caller, net)
    control.integrate(caller.made.object_id, net.functions)
    assert ask(caller, net) == "reached"
    caller("PATCH", net.hsm_id, {"properties": {"publicNetworkAccess": "Disabled"}})
    assert ask(caller, net) == "denied"
    link = {"location": "global", "properties": {"virtualNetwork": {"id": net.network}}}
    caller("PUT", f"{net.zone}/virtualNetworkLinks/hub", link)
    assert ask(caller, net) == "reached"


def test_a_link_may_fall_back_to_the_public_address(caller: Caller, net: Net, control: ControlClient) -> None:
    caller("PUT", net.endpoint, net.body())
    control.integrate(caller.made.object_id, net.functions)
    properties = {"virtualNetwork": {"id": net.network}, "resolutionPolicy": "NxDomainRedirect"}
    caller("PUT", f"{net.zone}/virtualNetworkLinks/hub", {"location": "global", "properties": properties})
    assert ask(caller, net) == "reached"
    del properties["resolutionPolicy"]
    caller("PUT", f"{net.zone}/virtualNetworkLinks/hub", {"location": "global", "properties": properties})
    assert ask(caller, net) == "nobody"


def test_a_rule_admits_a_subnet_over_its_service_endpoint(caller: Caller, net: Net, control: ControlClient) -> None:
    acls = {"defaultAction": "Deny", "bypass": "None", "virtualNetworkRules": [{"id": net.functions}]}
    caller("PATCH", net.hsm_id, {"properties": {"networkAcls": acls}})
    assert ask(caller, net) == "denied"
    control.integrate(caller.made.object_id, net.functions)
    assert ask(caller, net) == "reached"
    control.integrate(caller.made.object_id, net.subnet)
    assert ask(caller, net) == "denied"
    control.integrate(caller.made.object_id, net.functions)
    caller("PATCH", net.hsm_id, {"properties": {"publicNetworkAccess": "Disabled"}})
    assert ask(caller, net) == "denied"
