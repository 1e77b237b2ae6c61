"""The steps of each kind of operation, and how far one is; light enough for the orchestrator to import."""

from typing import Any, Final, Literal

StepStatus = Literal["NotStarted", "Running", "Succeeded", "Failed", "Skipped"]

STEP_TITLES: Final = {
    "preflight": "Check and pin the plan",
    "await_approval": "Wait for approval",
    "create_resource_group": "Create the resource group",
    "provision_hsm": "Ask Azure for the HSM",
    "await_ready": "Wait until Azure has made it",
    "fetch_wrapping_keys": "Fetch the wrapping keys",
    "download_security_domain": "Download and store the security domain",
    "await_activation": "Wait until the HSM confirms",
    "verify_security_domain": "Verify what is stored",
    "preflight_update": "Check and pin the change",
    "update_hsm": "Ask Azure for the change",
    "await_updated": "Wait until Azure has made it",
    "preflight_adoption": "Check and pin what is there",
    "preflight_rewrap": "Check and pin the new custodians' certificates",
    "adopt_hsm": "Take the HSM over",
    "preflight_restore": "Check and pin what is restored",
    "fetch_transfer_key": "Fetch the HSM's transfer key",
    "await_restore_blob": "Wait for the custodians' restore blob",
    "upload_security_domain": "Upload the security domain",
    "await_restored": "Wait until the HSM is active",
    "verify_restored": "Record what was restored",
    "back_up_hsm": "Have the new HSM back itself up",
    "await_backup": "Wait until it may restore a backup",
    "restore_backup": "Ask the HSM to restore the full backup",
    "await_backup_restored": "Wait until the keys are back",
    "preflight_decommission": "Check and pin what is deleted",
    "delete_hsm": "Ask Azure to delete the HSM",
    "await_deleted": "Wait until Azure has deleted it",
    "purge_hsm": "Ask Azure to purge it",
    "await_purged": "Wait until Azure has purged it",
    "delete_resource_group": "Delete the resource group, if it is ours and empty",
    "preflight_recover": "Check and pin what is recovered",
    "recover_hsm": "Ask Azure to recover the HSM",
    "await_recovered": "Wait until Azure has recovered it",
    "record_operation": "Record the operation",
}

PROVISION_STEPS: Final = (
    "preflight",
    "await_approval",
    "create_resource_group",
    "provision_hsm",
    "await_ready",
    "fetch_wrapping_keys",
    "download_security_domain",
    "await_activation",
    "verify_security_domain",
    "record_operation",
)

STEPS: Final[dict[str, tuple[str, ...]]] = {
    "provision": PROVISION_STEPS,
    "update": ("preflight_update", "await_approval", "update_hsm", "await_updated", "record_operation"),
    "adopt": ("preflight_adoption", "await_approval", "adopt_hsm", "record_operation"),
    "rewrap": (
        "preflight_rewrap",
        "await_approval",
        "fetch_wrapping_keys",
        "download_security_domain",
        "await_activation",
        "verify_security_domain",
        "record_operation",
    ),
    "restore": (
        "preflight_restore",
        "await_approval",
        "create_resource_group",
        "provision_hsm",
        "await_ready",
        "fetch_transfer_key",
        "await_restore_blob",
        "upload_security_domain",
        "await_restored",
        "verify_restored",
        "back_up_hsm",
        "await_backup",
        "restore_backup",
        "await_backup_restored",
        "record_operation",
    ),
    "decommission": (
        "preflight_decommission",
        "await_approval",
        "delete_hsm",
        "await_deleted",
        "purge_hsm",
        "await_purged",
        "delete_resource_group",
        "record_operation",
    ),
    "recover": (
        "preflight_recover",
        "await_approval",
        "create_resource_group",
        "recover_hsm",
        "await_recovered",
        "record_operation",
    ),
}
"""The steps by kind of operation (`domain.fields.OperationKind`)."""


def steps_to_come(kind: str = "provision") -> list[dict[str, Any]]:
    """Give all steps of a kind of operation as they are before the first has begun."""
    return [{"name": name, "status": "NotStarted", "attempts": 0} for name in STEPS[kind]]
