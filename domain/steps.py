"""The steps of each kind of operation, and how far one is; light enough for the orchestrator to import."""

from typing import Any, Final, Literal

StepStatus = Literal["NotStarted", "Running", "Succeeded", "Failed", "Skipped"]

STEP_TITLES: Final = {
    "preflight": "Check and pin the plan",
    "await_approval": "Wait for approval",
    "create_resource_group": "Create the resource group",
    "provision_hsm": "Ask Azure for the HSM",
    "await_ready": "Wait until Azure has made it",
    "create_private_endpoints": "Create the private endpoints",
    "await_private_endpoints": "Wait until they are connected",
    "reach_data_plane": "See that the HSM can be reached",
    "open_temporarily": "Open the HSM's firewall for a while",
    "fetch_wrapping_keys": "Fetch the wrapping keys",
    "download_security_domain": "Download and store the security domain",
    "await_activation": "Wait until the HSM confirms",
    "verify_security_domain": "Verify what is stored",
    "add_regions": "Ask Azure for the additional region",
    "await_regions": "Wait until the HSM is in all its regions",
    "change_settings": "Change the HSM's settings",
    "create_keys": "Create the first keys",
    "leave_keys": "Give up the role that made the keys",
    "define_local_roles": "Define local roles",
    "assign_local_roles": "Assign local roles",
    "send_diagnostics": "Send its logs where they belong",
    "create_alerts": "Create the alerts",
    "lock_hsm": "Lock the HSM",
    "close_opening": "Close the HSM's firewall again",
    "give_up_administration": "Give up administration",
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
    "attach_backup_identity": "Let the HSM reach the container for its backup",
    "await_backup_identity": "Wait until Azure has let it",
    "back_up": "Have the HSM back itself up",
    "await_backed_up": "Wait until the backup is made",
    "remove_regions": "Take the HSM out of its additional region",
    "await_regions_removed": "Wait until it is in its own region only",
    "unlock_hsm": "Take the service's own lock away",
    "delete_hsm": "Ask Azure to delete the HSM",
    "await_deleted": "Wait until Azure has deleted it",
    "purge_hsm": "Ask Azure to purge it",
    "await_purged": "Wait until Azure has purged it",
    "delete_private_endpoints": "Delete the private endpoints that the service made",
    "await_private_endpoints_deleted": "Wait until Azure has deleted them",
    "delete_alerts": "Delete the alerts that the service made",
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
    "create_private_endpoints",
    "await_private_endpoints",
    "reach_data_plane",
    "open_temporarily",
    "fetch_wrapping_keys",
    "download_security_domain",
    "await_activation",
    "verify_security_domain",
    "add_regions",
    "await_regions",
    "change_settings",
    "create_keys",
    "leave_keys",
    "define_local_roles",
    "assign_local_roles",
    "send_diagnostics",
    "create_alerts",
    "back_up",
    "await_backed_up",
    "lock_hsm",
    "give_up_administration",
    "close_opening",
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
        "give_up_administration",
        "record_operation",
    ),
    "restore": (
        "preflight_restore",
        "await_approval",
        "create_resource_group",
        "provision_hsm",
        "await_ready",
        "create_private_endpoints",
        "await_private_endpoints",
        "reach_data_plane",
        "open_temporarily",
        "fetch_transfer_key",
        "await_restore_blob",
        "upload_security_domain",
        "await_restored",
        "verify_restored",
        "back_up_hsm",
        "await_backup",
        "restore_backup",
        "await_backup_restored",
        "add_regions",
        "await_regions",
        "give_up_administration",
        "close_opening",
        "record_operation",
    ),
    "decommission": (
        "preflight_decommission",
        "await_approval",
        "attach_backup_identity",
        "await_backup_identity",
        "back_up",
        "await_backed_up",
        "remove_regions",
        "await_regions_removed",
        "unlock_hsm",
        "delete_hsm",
        "await_deleted",
        "purge_hsm",
        "await_purged",
        "delete_private_endpoints",
        "await_private_endpoints_deleted",
        "delete_alerts",
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
    return [_untaken(name, skipped=False) for name in STEPS[kind]]


def compact(progress: dict[str, Any]) -> dict[str, Any]:
    """Leave out of an operation's progress the steps that have not begun, and name those that are skipped only.

    The engine keeps 16 KB of a custom status; `expand` makes the whole of it again.
    """
    taken = [step for step in progress["steps"] if step["status"] not in ("NotStarted", "Skipped")]
    skipped = [step["name"] for step in progress["steps"] if step["status"] == "Skipped"]
    return {**progress, "steps": taken, "skipped": skipped}


def expand(kind: str, progress: dict[str, Any]) -> dict[str, Any]:
    """Give the progress of an operation of a kind with all its steps, in their order.

    Steps of a version before this one, which this one has not any more, stay.
    """
    document = dict(progress)
    skipped = set(document.pop("skipped", ()))
    said = {step["name"]: step for step in document.pop("steps", ())}
    if not said and not skipped:
        return document
    all_steps = [said.pop(name, _untaken(name, skipped=name in skipped)) for name in STEPS[kind]]
    return {**document, "steps": [*all_steps, *said.values()]}


def _untaken(name: str, *, skipped: bool) -> dict[str, Any]:
    return {"name": name, "status": "Skipped" if skipped else "NotStarted", "attempts": 0}
