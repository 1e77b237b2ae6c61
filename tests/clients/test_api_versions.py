"""In which version a resource is asked about, whatever it is a part of or extends."""

import pytest

from clients.api_versions import API_VERSIONS, version_of

GROUP = "/subscriptions/1/resourceGroups/rg"
HSM = f"{GROUP}/providers/Microsoft.KeyVault/managedHSMs/hsm"


@pytest.mark.parametrize(
    ("resource", "kind"),
    [
        (f"{GROUP}/providers/Microsoft.Insights/metricAlerts/a", "Microsoft.Insights/metricAlerts"),
        (f"{GROUP}/providers/microsoft.insights/METRICALERTS/a", "Microsoft.Insights/metricAlerts"),
        (f"{HSM}/providers/Microsoft.Authorization/locks/a", "Microsoft.Authorization/locks"),
        (
            f"{GROUP}/providers/Microsoft.EventHub/namespaces/n/authorizationRules/r",
            "Microsoft.EventHub/namespaces/authorizationRules",
        ),
    ],
)
def test_the_version_is_that_of_the_type(resource: str, kind: str) -> None:
    assert version_of(resource) == API_VERSIONS[kind]


def test_a_type_that_is_not_listed_is_not_asked_about() -> None:
    with pytest.raises(KeyError):
        version_of(HSM)
