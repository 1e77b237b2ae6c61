"""The alert rules of an HSM: which there are, and what each looks at."""

from typing import Final, NamedTuple

from clients import upkeep
from clients.alert_rules import (
    ActivityRule,
    MetricRule,
    QueryRule,
    make_activity_rule,
    make_metric_rule,
    make_query_rule,
)
from clients.audit_query import find_unexplained
from clients.credential import own_identity
from domain.errors import service_error
from domain.handover.monitoring import Alerts

_PURGE: Final = "purge"
_HSM_ACTIONS: Final = (
    "Microsoft.KeyVault/managedHSMs/write",
    "Microsoft.KeyVault/managedHSMs/delete",
    "Microsoft.Authorization/locks/delete",
    "Microsoft.Insights/diagnosticSettings/write",
    "Microsoft.Insights/diagnosticSettings/delete",
)
_PURGE_ACTION: Final = "Microsoft.KeyVault/locations/deletedManagedHsms/purge/action"


class WatchedHsm(NamedTuple):
    """An HSM that is watched."""

    resource_id: str
    location: str

    @property
    def name(self) -> str:
        """Its name."""
        return self.resource_id.rpartition("/")[2]

    @property
    def subscription(self) -> str:
        """The resource id of its subscription."""
        return "/".join(self.resource_id.split("/")[:3])

    @property
    def deleted_id(self) -> str:
        """The resource id that it has while it is deleted and can be recovered."""
        place = f"providers/Microsoft.KeyVault/locations/{self.location}/deletedManagedHSMs"
        return f"{self.subscription}/{place}/{self.name}"

    def rule_id(self, kind: str, what: str) -> str:
        """Give the resource id of one of its alert rules, which is in its resource group."""
        group = "/".join(self.resource_id.split("/")[:5])
        return f"{group}/providers/Microsoft.Insights/{kind}/hsm-provisioner-{self.name}-{what}"


type Rules = dict[str, MetricRule | ActivityRule | QueryRule]


def design_rules(hsm: WatchedHsm, wanted: Alerts, workspace: str | None) -> Rules:
    """Give the alert rules that an HSM is to have, by their resource ids; `workspace` has its audit log."""
    rules: Rules = {
        hsm.rule_id("metricAlerts", "availability"): make_metric_rule(
            hsm.resource_id, "Availability", "LessThan", wanted.availability_below_percent, wanted.action_group
        ),
        hsm.rule_id("metricAlerts", "latency"): make_metric_rule(
            hsm.resource_id,
            "ServiceApiLatency",
            "GreaterThan",
            wanted.latency_above_milliseconds,
            wanted.action_group,
        ),
    }
    if wanted.activity:
        rules[hsm.rule_id("activityLogAlerts", "changes")] = make_activity_rule(
            hsm.resource_id,
            _HSM_ACTIONS,
            wanted.action_group,
            "The HSM was changed or deleted in Azure, or its lock or diagnostic settings were.",
        )
        rules[hsm.rule_id("activityLogAlerts", _PURGE)] = make_activity_rule(
            hsm.subscription,
            (_PURGE_ACTION,),
            wanted.action_group,
            "The deleted HSM was purged: what it held is gone for good.",
            of=hsm.deleted_id,
        )
    if wanted.audit_log and workspace:
        query = find_unexplained(hsm.resource_id, own_identity().object_id)
        rule = make_query_rule(workspace, _find_region(workspace), query, wanted.action_group)
        rules[hsm.rule_id("scheduledQueryRules", "audit-log")] = rule
    return rules


def watches_purge(rule_id: str) -> bool:
    """Say whether it is the rule on the purge of an HSM, which is of use for as long as that can be recovered."""
    return rule_id.endswith(f"-{_PURGE}")


def _find_region(workspace: str) -> str:
    """Find where a workspace is: a rule on it is in the same region."""
    found = upkeep.find(workspace)
    if found is None:
        raise service_error(
            "linked_resource_missing",
            "The workspace that the audit log goes to does not exist (any more).",
            advice="Send the request again with a workspace that exists.",
        )
    return str(found["location"])
