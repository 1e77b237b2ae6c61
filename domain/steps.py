"""The steps of a provision, and how far one is; light enough for the orchestrator to import."""

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


def steps_to_come() -> list[dict[str, Any]]:
    """Give all steps as they are before the first has begun."""
    return [{"name": name, "status": "NotStarted", "attempts": 0} for name in PROVISION_STEPS]
