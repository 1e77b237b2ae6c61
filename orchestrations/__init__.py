"""What happens in which order: deterministic generators without any I/O."""

from orchestrations import (
    approval_waiting,
    fleet_backup,
    fleet_cleanup,
    fleet_reconciliation,
    hsm_adoption,
    hsm_decommissioning,
    hsm_provisioning,
    hsm_recovery,
    hsm_restore,
    hsm_update,
    outcome_polling,
    restore_blob_waiting,
    security_domain_rewrap,
    security_domain_verification,
    subscription_onboarding,
)
from orchestrations.registration import blueprint

__all__ = [
    "approval_waiting",
    "blueprint",
    "fleet_backup",
    "fleet_cleanup",
    "fleet_reconciliation",
    "hsm_adoption",
    "hsm_decommissioning",
    "hsm_provisioning",
    "hsm_recovery",
    "hsm_restore",
    "hsm_update",
    "outcome_polling",
    "restore_blob_waiting",
    "security_domain_rewrap",
    "security_domain_verification",
    "subscription_onboarding",
]
