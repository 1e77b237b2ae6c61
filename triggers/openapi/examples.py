"""Examples of requests by their routes, and of answers by their models; tests send and check them."""

from typing import Any, Final

_TENANT: Final = "5e0d2a8f-3f1b-4a3c-9d55-7c6f0f3c2b10"
_PORTAL: Final = {"tenantId": _TENANT, "objectId": "f0a1c7e2-8f3d-4c55-9a5e-2f6d7f1b3c40", "kind": "application"}
_SUBSCRIPTION: Final = "3f0c5c52-6a3b-4f6e-8f0e-5d1f0f6b7a21"
_ADMINISTRATOR: Final = "6b8a4a0f-5b0e-4c38-9a51-3c1d4f0f7a11"
_OPERATION: Final = "contoso-hsm-01M865B00Y7ESBKJG8B3PHY3ZA"
_RESOURCE: Final = (
    f"/subscriptions/{_SUBSCRIPTION}/resourceGroups/rg-hsm/providers/Microsoft.KeyVault/managedHSMs/contoso-hsm"
)

HSM_REQUEST: Final[dict[str, Any]] = {
    "subscriptionId": _SUBSCRIPTION,
    "resourceGroup": "rg-hsm",
    "location": "norwayeast",
    "sku": "Standard_B1",
    "administrators": [_ADMINISTRATOR],
    "softDeleteRetentionDays": 7,
    "environment": "development",
    "tags": {"costCenter": "4711"},
    "securityDomain": {
        "quorum": 2,
        "wrappingKeys": [
            {
                "custodian": f"Custodian {number}",
                "certificateId": f"https://custodians.vault.azure.net/certificates/custodian-{number}",
            }
            for number in (1, 2, 3)
        ],
    },
}

_DECISION: Final = {
    "planSha256": "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
    "comment": "As agreed in the architecture board.",
}

REQUESTS: Final[dict[str, dict[str, Any]]] = {
    "put_hsm": HSM_REQUEST,
    "preflight_hsm": HSM_REQUEST,
    "patch_hsm": {
        "tags": {"costCenter": "4712"},
        "network": {"defaultAction": "Deny", "ipRules": ["203.0.113.0/24"]},
    },
    "post_adoption": {
        "subscriptionId": _SUBSCRIPTION,
        "resourceGroup": "rg-hsm",
        "environment": "production",
        "requestedBy": "0b1f6a52-5d0c-4c8a-8f57-3f3a1f0e9d11",
    },
    "restore_hsm": {
        **{name: value for name, value in HSM_REQUEST.items() if name != "securityDomain"},
        "source": {"hsm": "lost-hsm"},
        "requestedBy": "0b1f6a52-5d0c-4c8a-8f57-3f3a1f0e9d11",
    },
    "approve_operation": _DECISION,
    "reject_operation": _DECISION,
}

_STEPS: Final = (
    ("preflight", "Check and pin the plan", "Succeeded", 1),
    ("create_resource_group", "Create the resource group", "Running", 1),
    ("provision_hsm", "Ask Azure for the HSM", "NotStarted", 0),
)

ANSWERS: Final[dict[str, dict[str, Any]]] = {
    "Health": {"status": "Healthy"},
    "OperationView": {
        "id": _OPERATION,
        "kind": "provision",
        "hsm": "contoso-hsm",
        "team": "team-a",
        "requester": _PORTAL,
        "status": "Running",
        "currentStep": {"name": "create_resource_group", "status": "Running"},
        "awaitingApproval": False,
        "percentComplete": 11,
        "createdAt": "2026-11-24T06:55:21Z",
        "steps": [
            {"name": name, "title": title, "status": status, "attempts": attempts}
            for name, title, status, attempts in _STEPS
        ],
        "warnings": [],
        "downloads": [],
    },
    "HsmView": {
        "name": "contoso-hsm",
        "team": "team-a",
        "environment": "development",
        "location": "norwayeast",
        "sku": "Standard_B1",
        "state": "Active",
        "uri": "https://contoso-hsm.managedhsm.azure.net",
        "resourceId": _RESOURCE,
        "createdAt": "2026-11-24T06:55:21Z",
        "monthlyCostUsd": 2336.0,
        "quorumHealth": "Unknown",
        "lastOperation": {"id": _OPERATION, "kind": "provision", "status": "Succeeded"},
        "requester": _PORTAL,
        "administrators": [_ADMINISTRATOR],
        "purgeProtection": False,
        "softDeleteRetentionDays": 7,
        "network": {"defaultAction": "Allow", "ipRules": []},
        "tags": {"costCenter": "4711"},
    },
}
