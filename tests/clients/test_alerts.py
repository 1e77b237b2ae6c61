"""Which alert rules an HSM gets, and what the one on the audit log does not let pass."""

from clients.alerts import WatchedHsm, watches_purge
from clients.audit_query import find_unexplained

GROUP = "/subscriptions/1/resourceGroups/rg-payments"
HSM = WatchedHsm(f"{GROUP}/providers/Microsoft.KeyVault/managedHSMs/payments", "norwayeast")
OWN = "00000000-0000-4000-8000-000000000001"


def test_rules_are_named_after_their_hsm_and_lie_beside_it() -> None:
    rule = HSM.rule_id("activityLogAlerts", "purge")
    assert rule == f"{GROUP}/providers/Microsoft.Insights/activityLogAlerts/hsm-provisioner-payments-purge"
    assert watches_purge(rule)
    assert not watches_purge(HSM.rule_id("metricAlerts", "latency"))


def test_a_purge_is_of_what_the_hsm_is_called_once_it_is_deleted() -> None:
    place = "/subscriptions/1/providers/Microsoft.KeyVault/locations/norwayeast/deletedManagedHSMs"
    assert HSM.deleted_id == f"{place}/payments"


def test_only_the_callers_claims_tell_that_it_was_the_service() -> None:
    query = find_unexplained(HSM.resource_id, OWN)
    (named,) = (line for line in query.splitlines() if OWN in line)
    # A caller writes its own user agent and addresses: what is looked for there hides it.
    assert named.startswith(f'| where Caller !~ "{OWN}"')
    assert "clientInfo" not in query
    assert HSM.resource_id in query
