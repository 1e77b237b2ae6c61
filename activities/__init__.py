"""One side effect for each file, named as a verb: look first, then act; safe to be killed and run again."""

from typing import Final

from activities.registration import blueprint, register, register_with_client

# Each is a function in the file of its name; the file, and the SDKs that it needs, load when it is first run.
ACTIVITIES: Final = (
    "preflight",
    "await_approval",
    "create_resource_group",
    "provision_hsm",
    "await_ready",
    "fetch_wrapping_keys",
    "download_security_domain",
    "await_activation",
    "verify_security_domain",
    "preflight_update",
    "update_hsm",
    "await_updated",
    "preflight_adoption",
    "adopt_hsm",
    "preflight_rewrap",
    "preflight_restore",
    "fetch_transfer_key",
    "await_restore_blob",
    "upload_security_domain",
    "await_restored",
    "verify_restored",
    "back_up_hsm",
    "await_backup",
    "restore_backup",
    "await_backup_restored",
    "preflight_decommission",
    "delete_hsm",
    "await_deleted",
    "purge_hsm",
    "await_purged",
    "delete_resource_group",
    "preflight_recover",
    "recover_hsm",
    "await_recovered",
    "record_operation",
    "begin_verification_run",
    "list_hsm_page",
    "verify_kept_security_domain",
    "record_verification_run",
    "begin_cleanup",
    "judge_hsm",
    "choose_due_hsms",
    "claim_due_hsm",
    "tidy_resource_groups",
    "delete_old_events",
    "report_cleanup",
    "read_onboarding",
    "read_subscription",
    "register_provider",
    "await_registered",
    "claim_new_subscription",
    "record_onboarding",
)

# These ask the engine itself.
ENGINE_ACTIVITIES: Final = ("start_operation", "forget_old_history")

for _name in ACTIVITIES:
    register(_name)
for _name in ENGINE_ACTIVITIES:
    register_with_client(_name)

__all__ = ["ACTIVITIES", "ENGINE_ACTIVITIES", "blueprint"]
