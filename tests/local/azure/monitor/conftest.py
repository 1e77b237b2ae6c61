"""An HSM, a workspace and an action group, and callers with roles: see the conftest of the network's tests."""

from dataclasses import dataclass

import pytest

from local.azure.control.client import ControlClient
from tests.local.azure.network.conftest import Net, caller, net, sign_in

__all__ = ["caller", "net", "sign_in"]


@dataclass
class Watched:
    """Where everything is, by its id."""

    net: Net

    @property
    def hsm(self) -> str:
        return self.net.hsm_id

    @property
    def workspace(self) -> str:
        return f"{self.net.group}/providers/Microsoft.OperationalInsights/workspaces/logs"

    @property
    def action_group(self) -> str:
        return f"{self.net.group}/providers/Microsoft.Insights/actionGroups/on-call"

    def setting(self, name: str = "audit") -> str:
        return f"{self.hsm}/providers/Microsoft.Insights/diagnosticSettings/{name}"

    def rule(self, kind: str, name: str = "rule") -> str:
        return f"{self.net.group}/providers/Microsoft.Insights/{kind}/{name}"


@pytest.fixture
def watched(net: Net, control: ControlClient) -> Watched:
    watched = Watched(net)
    control.plant_resource(watched.workspace)
    control.plant_resource(watched.action_group, groupShortName="on-call")
    return watched
