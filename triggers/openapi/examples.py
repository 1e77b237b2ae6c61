"""Examples of requests by their routes, and of answers by their models or their routes; tests send and check them."""

from collections.abc import Sequence
from typing import Any, Final

from domain.fields import OperationKind
from domain.steps import STEP_TITLES, STEPS, StepStatus

_TENANT: Final = "5e0d2a8f-3f1b-4a3c-9d55-7c6f0f3c2b10"
_PORTAL: Final = {"tenantId": _TENANT, "objectId": "f0a1c7e2-8f3d-4c55-9a5e-2f6d7f1b3c40", "kind": "application"}
_SUBSCRIPTION: Final = "3f0c5c52-6a3b-4f6e-8f0e-5d1f0f6b7a21"
_PERSON: Final = "0b1f6a52-5d0c-4c8a-8f57-3f3a1f0e9d11"
_APPROVER: Final = {"tenantId": _TENANT, "objectId": "d2c7a4f0-6f1b-4a0e-9c55-0a4b8e3f7c12", "kind": "person"}
_ADMINISTRATOR: Final = "6b8a4a0f-5b0e-4c38-9a51-3c1d4f0f7a11"
_THUMBPRINT: Final = "q1Vb0T3x8mYzJw5kN2rL7cF4hD9sG6aPoUeIiXyZ0Qk"
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

_BACKUP_IDENTITY: Final = (
    f"/subscriptions/{_SUBSCRIPTION}/resourceGroups/rg-backup"
    "/providers/Microsoft.ManagedIdentity/userAssignedIdentities/hsm-backup"
)
_PLAN_SHA256: Final = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"
_DECISION: Final = {
    "planSha256": _PLAN_SHA256,
    "comment": "As agreed in the architecture board.",
}

REQUESTS: Final[dict[str, dict[str, Any]]] = {
    "put_hsm": HSM_REQUEST,
    "preflight_hsm": HSM_REQUEST,
    "patch_hsm": {
        "tags": {"costCenter": "4712"},
        "network": {"defaultAction": "Deny", "ipRules": ["203.0.113.0/24"], "serviceTags": ["AzureDevOps"]},
        "additionalRegions": ["swedencentral"],
    },
    "adopt_hsm": {
        "subscriptionId": _SUBSCRIPTION,
        "resourceGroup": "rg-hsm",
        "environment": "production",
        "requestedBy": _PERSON,
    },
    "rewrap_security_domain": {
        "securityDomain": HSM_REQUEST["securityDomain"],
        "requestedBy": "0b1f6a52-5d0c-4c8a-8f57-3f3a1f0e9d11",
    },
    "recover_hsm": {"requestedBy": _PERSON},
    "ask_share_check": {"thumbprint": _THUMBPRINT},
    "answer_share_check": {
        "challengeId": "01M865B00Y7ESBKJG8B3PHY3ZA",
        "securityDomainSha256": "0c5c9a3e6b1f0f4d7f0f9a8d2f5a4e3b6c7d8e9f0a1b2c3d4e5f60718293a4b5",
        "thumbprint": _THUMBPRINT,
        "proof": "2cZ5m1o9vQ0Jm1Qk4sZr8eYy3p7Jd6uX0aTnB5hWlGk",
    },
    "restore_hsm": {
        **{name: value for name, value in HSM_REQUEST.items() if name != "securityDomain"},
        "source": {"hsm": "lost-hsm", "operationId": "lost-hsm-01M865B00Y7ESBKJG8B3PHY3ZA"},
        "backup": {
            "container": "https://contosobackups.blob.core.windows.net/hsm",
            "folder": "mhsm-lost-hsm-2026112402000042",
        },
        "requestedBy": "0b1f6a52-5d0c-4c8a-8f57-3f3a1f0e9d11",
    },
    "put_hold": {"reason": "Needed for the audit of the payments platform, until March."},
    "approve_operation": _DECISION,
    "reject_operation": _DECISION,
}


def _steps(kind: OperationKind, statuses: Sequence[StepStatus] = ()) -> list[dict[str, Any]]:
    """Show all steps of a kind of operation: the first have these statuses, the others have not begun."""
    seconds = [f"2026-11-24T06:55:{21 + number}.508Z" for number in range(len(statuses) + 1)]
    steps: list[dict[str, Any]] = []
    for number, name in enumerate(STEPS[kind]):
        status = statuses[number] if number < len(statuses) else "NotStarted"
        step = {"name": name, "title": STEP_TITLES[name], "status": status, "attempts": int(status != "NotStarted")}
        if status != "NotStarted":
            step["startedAt"] = seconds[number]
        if status == "Succeeded":
            step["finishedAt"] = seconds[number + 1]
        steps.append(step)
    return steps


def _accepted(kind: OperationKind, **members: Any) -> dict[str, Any]:
    """Show an operation as the answer that accepts it does."""
    return {
        "id": _OPERATION,
        "kind": kind,
        "origin": "request",
        "hsm": "contoso-hsm",
        "team": "team-a",
        "requester": _PORTAL,
        "status": "NotStarted",
        "awaitingApproval": False,
        "percentComplete": 0,
        "createdAt": "2026-11-24T06:55:21.000Z",
        "steps": _steps(kind),
        "warnings": [],
        "downloads": [],
        **members,
    }


_NETWORK: Final = {
    "defaultAction": "Allow",
    "ipRules": [],
    "virtualNetworkRules": [],
    "serviceTags": [],
    "bypass": "AzureServices",
}
_THUMBPRINTS: Final = (
    "B2o8cKq7tZW6wFo0RKXG9RQYjA3QK8eisxWWRPDMt9c",
    "O9SXzV99vxUGOIFEOfZtQyn9Ltv_HSnIZOq9ACdl6O0",
    "3kdCs4PRKX4-01795bCIW5_f68nKy2RTmCGSTjdiDfg",
)
_SHARES: Final = [
    {
        "custodian": f"Custodian {number}",
        "thumbprint": thumbprint,
        "certificateId": f"https://custodians.vault.azure.net/certificates/custodian-{number}/{number:032}",
    }
    for number, thumbprint in enumerate(_THUMBPRINTS, 1)
]
_ONE_VAULT: Final = {
    "code": "wrapping_keys_in_one_vault",
    "message": "All private wrapping keys lie in one Key Vault: whoever controls it holds a quorum, and whoever "
    "deletes it loses the security domain.",
}
_REASON: Final = "The policy wants approval of every provision in the environment development."
_APPROVAL: Final = {
    "required": True,
    "reasons": [_REASON],
    "planSha256": _PLAN_SHA256,
    "expiresAt": "2026-11-27T06:55:22.000Z",
}
_DECIDED: Final = {"decidedBy": _APPROVER, "decidedAt": "2026-11-24T07:10:04.000Z", "comment": _DECISION["comment"]}

_WAITING: Final = _accepted(
    "provision",
    requestedBy=_PERSON,
    status="Running",
    currentStep={"name": "await_approval", "status": "Running"},
    awaitingApproval=True,
    percentComplete=10,
    steps=_steps("provision", ("Succeeded", "Running")),
    warnings=[_ONE_VAULT],
    plan={
        "resourceId": _RESOURCE,
        "location": "norwayeast",
        "sku": "Standard_B1",
        "environment": "development",
        "monthlyCostUsd": 2500.0,
        "administrators": [_ADMINISTRATOR],
        "purgeProtection": False,
        "softDeleteRetentionDays": 7,
        "publicNetworkAccess": "Enabled",
        "network": _NETWORK,
        "identities": [],
        "additionalRegions": [],
        "tags": {"costCenter": "4711"},
        "quorum": 2,
        "wrappingKeys": _SHARES,
        "handover": {"administration": {"giveUp": True, "keepBackup": False, "keepAudit": True}},
        "confirmedAdministrators": [],
    },
    approval=_APPROVAL,
)
_SUMMARY: Final = {
    name: value
    for name, value in _WAITING.items()
    if name not in ("steps", "origin", "warnings", "downloads", "plan", "approval")
}

_SHA256: Final = "8a1d6d96aeaba4bc23b09c0c52693b88c3f63e2b195dd2db5c05880e4f809ccb"
_RECEIPT: Final = {
    "operationId": _OPERATION,
    "attempt": 1,
    "blobUrl": f"https://contosohsms.blob.core.windows.net/security-domains/contoso-hsm/{_OPERATION}/1/security-domain.json",
    "etag": '"0x8DE2B1F4C3A9D10"',
    "sha256": _SHA256,
    "size": 7078,
    "quorum": 2,
    "thumbprints": list(_THUMBPRINTS),
    "export": 1,
    "alone": True,
    "storedAt": "2026-11-24T07:21:40.000Z",
}
_VERIFICATION: Final = {
    "hsm": "contoso-hsm",
    "sha256": _SHA256,
    "verifiedAt": "2026-11-24T07:23:02.000Z",
    "faults": [],
    "checks": [
        {"name": "hash", "title": "Its bytes are those of the receipt", "verdict": "Passed"},
    ],
    "quorumHealth": "Healthy",
    "shares": [
        {
            "thumbprint": share["thumbprint"],
            "custodian": share["custodian"],
            "certificate": "Usable",
            "key": "Usable",
            "purgeProtection": True,
            "certificateExpired": False,
        }
        for share in _SHARES
    ],
    "notices": [],
}
_LAST_CHECK: Final = {
    "id": "01M865B00Y7ESBKJG8B3PHY3ZA",
    "at": "2026-11-24T09:12:44.000Z",
    "by": _PORTAL,
    "securityDomainSha256": _SHA256,
}

_HSM: Final[dict[str, Any]] = {
    "name": "contoso-hsm",
    "team": "team-a",
    "environment": "development",
    "location": "norwayeast",
    "sku": "Standard_B1",
    "state": "Active",
    "uri": "https://contoso-hsm.managedhsm.azure.net/",
    "resourceId": _RESOURCE,
    "createdAt": "2026-11-24T06:55:24.000Z",
    "monthlyCostUsd": 2500.0,
    "quorumHealth": "Healthy",
    "verifiedAt": "2026-11-24T07:23:02.000Z",
    "lastOperation": {"id": _OPERATION, "kind": "provision", "status": "Succeeded"},
}


_DESCRIBED: Final = {
    **_HSM,
    "requester": _PORTAL,
    "administrators": [_ADMINISTRATOR],
    "purgeProtection": False,
    "softDeleteRetentionDays": 7,
    "publicNetworkAccess": "Enabled",
    "network": _NETWORK,
    "identities": [],
    "additionalRegions": [],
    "tags": {"costCenter": "4711"},
    "earlierHsms": [],
}


def _next_page(path: str) -> str:
    token = "WyJuYW1lIixmYWxzZSwwLjAsImNvbnRvc28taHNtIl0"  # noqa: S105 - it says where a page begins
    return f"https://contoso-hsms.azurewebsites.net/api/{path}&continuationToken={token}&api-version=2026-11-01"


_BUILT_BY: Final = {
    "operationId": _OPERATION,
    "requester": _PORTAL,
    "requestedBy": _PERSON,
    "at": "2026-11-24T07:31:12.000Z",
}

ANSWERS: Final[dict[str, dict[str, Any]]] = {
    "Health": {"status": "Healthy"},
    "Readiness": {
        "status": "NotReady",
        "dependencies": [
            {"name": "settings", "ready": True, "optional": False},
            {"name": "storage", "ready": True, "optional": False},
            {"name": "identity", "ready": True, "optional": False},
            {"name": "keys", "ready": True, "optional": False},
            {
                "name": "engine",
                "ready": False,
                "message": "The Durable Functions engine does not answer.",
                "optional": False,
            },
            {
                "name": "events",
                "ready": False,
                "message": "Azure did not let the service publish events: HTTP 401.",
                "optional": True,
            },
        ],
    },
    "OperationView": _WAITING,
    "OperationPage": {"value": [_SUMMARY], "nextLink": _next_page("operations?orderby=createdAt+desc&maxpagesize=1")},
    "HsmView": {**_DESCRIBED, "securityDomain": _RECEIPT},
    "HsmPage": {"value": [_HSM], "nextLink": _next_page("hsms?orderby=name&maxpagesize=1")},
    "Preflight": {
        "verdict": "Passed",
        "checks": [
            {"name": "request", "title": "The request keeps its own rules", "verdict": "Passed"},
            {"name": "policy", "title": "The deployment's policy allows it", "verdict": "Passed"},
            {
                "name": "custody",
                "title": "The wrapping keys lie in more than one vault",
                "verdict": "Warning",
                **_ONE_VAULT,
            },
        ],
        "wouldCreate": [
            {"type": "Microsoft.Resources/resourceGroups", "name": "rg-hsm"},
            {"type": "Microsoft.KeyVault/managedHSMs", "name": "contoso-hsm"},
            {"type": "SecurityDomain", "name": "contoso-hsm"},
        ],
        "monthlyCostUsd": 2500.0,
        "approval": {"required": True, "reasons": [_REASON]},
    },
    "HandoverSheet": {
        "hsm": "contoso-hsm",
        "createdBy": _OPERATION,
        "resourceId": _RESOURCE,
        "operationId": _OPERATION,
        "status": "Succeeded",
        "recordedAt": "2026-11-24T07:31:12.000Z",
        "asked": {
            "lock": {"level": "CanNotDelete"},
            "administration": {"giveUp": True, "keepBackup": False, "keepAudit": True},
        },
        "parts": [
            *(
                {"part": part, "state": "NotAsked", "where": []}
                for part in (
                    *("privateEndpoints", "settings", "keys", "localRoleDefinitions", "localRoleAssignments"),
                    *("diagnostics", "alerts", "fullBackup"),
                )
            ),
            {
                "part": "lock",
                "state": "Built",
                "where": [f"{_RESOURCE}/providers/Microsoft.Authorization/locks/hsm-provisioner"],
                **_BUILT_BY,
            },
            {"part": "administration", "state": "Built", "where": [_ADMINISTRATOR], **_BUILT_BY},
        ],
        "securityDomain": _RECEIPT,
        "administrators": [_ADMINISTRATOR],
        "service": "9c1b5a70-2f4e-4e0c-8b1d-7a3e5f6c9d21",
        "toDo": [
            {
                "name": "check_administrators",
                "title": "See who administers it, and that they are a group",
                "reason": "Without an administrator an HSM is lost. A group with two or more members outlives whoever "
                "leaves.",
                "commands": [
                    (
                        "az keyvault role assignment list --hsm-name contoso-hsm --scope / "
                        '--role "Managed HSM Administrator"'
                    )
                ],
            },
        ],
    },
    "SecurityDomainView": {
        "hsm": "contoso-hsm",
        "quorum": 2,
        "shares": _SHARES,
        "receipt": _RECEIPT,
        "downloads": [
            {"operationId": _OPERATION, "attempt": 1, "outcome": "Confirmed", "sha256": _SHA256, "export": 1}
        ],
        "verification": _VERIFICATION,
    },
    "Verification": _VERIFICATION,
    "ShareChallenge": {
        "id": _LAST_CHECK["id"],
        "hsm": "contoso-hsm",
        "securityDomainSha256": _SHA256,
        "thumbprint": _THUMBPRINTS[0],
        "encryptedNonce": "q83vASNFZ4mrze8BI0VniavN7wEjRWeJq83vASNFZ4k",
        "expiresAt": "2026-12-08T09:00:00.000Z",
    },
    "AnswerAccepted": {"hsm": "contoso-hsm", "thumbprint": _THUMBPRINTS[0], "check": _LAST_CHECK},
    "ShareChecks": {
        "hsm": "contoso-hsm",
        "securityDomainSha256": _SHA256,
        "custodians": [
            {"custodian": "Custodian 1", "thumbprint": _THUMBPRINTS[0], "counts": True, "lastCheck": _LAST_CHECK},
            {"custodian": "Custodian 2", "thumbprint": _THUMBPRINTS[1], "counts": False},
        ],
    },
    "CleanupReports": {
        "running": False,
        "report": {
            "run": "01M865B00Y7ESBKJG8B3PHY3ZA",
            "startedAt": "2026-11-24T04:00:00.000Z",
            "finishedAt": "2026-11-24T04:00:24.000Z",
            "enforced": True,
            "judged": 42,
            "unjudged": [],
            "counts": {"never_activated": 1, "not_due": 40, "on_hold": 1},
            "verdicts": [
                {
                    "hsm": "forgotten-hsm",
                    "run": "01M865B00Y7ESBKJG8B3PHY3ZA",
                    "at": "2026-11-24T04:00:11.000Z",
                    "team": "team-a",
                    "action": "delete",
                    "reason": "never_activated",
                    "due": "never_activated",
                    "purges": True,
                    "monthlyCostUsd": 2500.0,
                    "burning": "never_activated",
                    "chosen": True,
                    "operationId": "forgotten-hsm-01M865B00Y7ESBKJG8B3PHY3ZA",
                },
                {
                    "hsm": "contoso-hsm",
                    "run": "01M865B00Y7ESBKJG8B3PHY3ZA",
                    "at": "2026-11-24T04:00:11.000Z",
                    "team": "team-a",
                    "action": "keep",
                    "reason": "on_hold",
                    "due": "expired",
                    "purges": False,
                    "expiresAt": "2026-11-20T12:00:00.000Z",
                    "monthlyCostUsd": 2500.0,
                    "burning": "expired",
                    "chosen": False,
                    "warned": {"expiresAt": "2026-11-20T12:00:00.000Z", "at": "2026-11-17T04:00:12.000Z"},
                },
            ],
            "operations": ["forgotten-hsm-01M865B00Y7ESBKJG8B3PHY3ZA"],
            "resourceGroups": [],
            "saved": {"hsms": 1, "monthlyUsd": 2500.0},
            "burning": {
                "never_activated": {"hsms": 1, "monthlyUsd": 2500.0},
                "expired": {"hsms": 1, "monthlyUsd": 2500.0},
                "soft_deleted": {"hsms": 0, "monthlyUsd": 0.0},
            },
            "forgottenInstances": 12,
            "forgottenEvents": 0,
            "forgottenAnswers": 3,
            "forgottenOnboardings": 0,
        },
    },
    "ReconciliationReports": {
        "running": False,
        "report": {
            "run": "01M868T8G0T2Y8B6Q4H5C9N3ZD",
            "startedAt": "2026-11-24T05:00:00.000Z",
            "finishedAt": "2026-11-24T05:00:09.000Z",
            "first": False,
            "checked": 42,
            "unchecked": ["northwind-hsm"],
            "busy": ["fabrikam-hsm"],
            "unlistedSubscriptions": [],
            "drift": [
                {
                    "hsm": "contoso-hsm",
                    "resourceId": _RESOURCE,
                    "team": "team-a",
                    "code": "public_access_opened",
                    "severity": "critical",
                    "expected": "no public access",
                    "found": "public access for everybody",
                    "since": "2026-11-23T05:00:00.000Z",
                    "healing": "not_allowed",
                },
                {
                    "hsm": "contoso-hsm",
                    "resourceId": _RESOURCE,
                    "team": "team-a",
                    "code": "tags_differ",
                    "severity": "information",
                    "expected": "costCenter=4711",
                    "found": "costCenter=0815",
                    "since": "2026-11-24T05:00:00.000Z",
                    "healing": "started",
                    "operationId": _OPERATION,
                },
            ],
            "driftLeftOut": 0,
            "abandoned": [
                {
                    "hsm": "fabrikam-hsm",
                    "operationId": "fabrikam-hsm-01M86165G0QYJ8RZ4K7P9V2N3D",
                    "claimedAt": "2026-11-24T02:46:24.000Z",
                    "outcome": "started",
                },
            ],
            "missing": [
                {
                    "subscriptionId": _SUBSCRIPTION,
                    "hsm": "adatum-hsm",
                    "outcome": "started",
                    "operationId": "adatum-hsm-01M868T9F8T2Y8B6Q4H5C9N3ZE",
                },
            ],
            "subscriptionsChecked": 12,
        },
    },
    "VerificationRuns": {
        "running": False,
        "lastRun": {
            "startedAt": "2026-11-24T03:00:00.000Z",
            "finishedAt": "2026-11-24T03:00:31.000Z",
            "seconds": 31.0,
            "complete": True,
            "counts": {
                "verified": 41,
                "failed": 0,
                "critical": 1,
                "warning": 2,
                "unknown": 5,
                "withoutSecurityDomain": 1,
            },
            "critical": ["fabrikam-hsm"],
            "failed": [],
            "withoutSecurityDomain": ["northwind-hsm"],
        },
    },
    "PolicyView": {
        "subscriptions": [_SUBSCRIPTION],
        "locations": ["norwayeast", "swedencentral"],
        "skus": ["Standard_B1"],
        "requiredTags": {"costCenter": "[0-9]{4}"},
        "minimumRetentionDays": 7,
        "purgeProtectionRequired": False,
        "administrators": [_ADMINISTRATOR],
        "wrappingVaults": ["custodians"],
        "wrappingThumbprints": [],
        "environments": {
            "development": {
                "purgeProtection": False,
                "denyByDefaultNetwork": False,
                "expiryRequired": False,
                "purgeAllowed": False,
                "approval": ["provision"],
                "temporaryOpeningAllowed": False,
                "handover": {"administration": {"giveUp": True, "keepBackup": False, "keepAudit": True}},
            },
        },
        "monthlyCostUsd": {"Standard_B1": 2500.0},
        "identities": [_BACKUP_IDENTITY],
        "backupContainers": ["https://contosobackups.blob.core.windows.net/hsm"],
        "linkedResources": [
            (
                "/subscriptions/3f0c5c52-6a3b-4f6e-8f0e-5d1f0f6b7a21/resourceGroups/rg-hub/providers/Microsoft.Network"
                "/virtualNetworks/hub/subnets/endpoints"
            )
        ],
        "approval": {"kinds": [], "expiresAfterHours": 72},
        "requestsPerMinute": 60,
        "caller": {
            "objectId": _PORTAL["objectId"],
            "kind": "application",
            "roles": ["Hsm.Request"],
            "teams": ["team-a"],
        },
        "creationStopped": False,
        "destructionAndExportStopped": False,
    },
    "AuditPage": {
        "value": [
            {
                "operationId": _OPERATION,
                "at": "2026-11-24T06:55:21.214Z",
                "kind": "accepted",
                "hsm": "contoso-hsm",
                "team": "team-a",
                "actor": _PORTAL,
                "detail": {"kind": "provision", "requestedBy": _PERSON, "digest": _PLAN_SHA256},
                "number": 1,
                "sha256": "5b77164bf7686f262d8408692ba20d61bb9039d3460809b0978d5cb673bdf460",
            },
            {
                "operationId": _OPERATION,
                "at": "2026-11-24T07:10:06.857Z",
                "kind": "intent",
                "hsm": "contoso-hsm",
                "team": "team-a",
                "step": "create_resource_group",
                "detail": {},
                "number": 2,
                "previousSha256": "5b77164bf7686f262d8408692ba20d61bb9039d3460809b0978d5cb673bdf460",
                "sha256": "f2cac6887133cb46a5581a4d539a9bcf65c7d4596c0fb1d07dada99ae331ab87",
            },
        ],
        "broken": [],
        "nextLink": _next_page("audit?maxpagesize=2"),
    },
}

# Where a call's answer shows more than any other of its model.
ANSWERS_OF_CALLS: Final[dict[tuple[str, int], dict[str, Any]]] = {
    ("put_hsm", 202): _accepted("provision"),
    ("patch_hsm", 202): _accepted("update"),
    ("adopt_hsm", 202): _accepted("adopt", requestedBy=_PERSON),
    ("delete_hsm", 202): _accepted("decommission", requestedBy=_PERSON),
    ("delete_hsm", 200): {
        **{name: value for name, value in _DESCRIBED.items() if name != "uri"},
        "securityDomain": _RECEIPT,
        "state": "SoftDeleted",
        "decommissioned": {
            "operationId": _OPERATION,
            "askedAt": "2026-11-24T08:00:02.000Z",
            "wasActive": True,
            "backup": {
                "container": "https://contosobackups.blob.core.windows.net/hsm",
                "folder": "mhsm-contoso-hsm-2026112407595817",
            },
            "deletedAt": "2026-11-24T08:00:41.000Z",
            "keptUntil": "2026-12-01T08:00:41.000Z",
            "purgeRequests": 0,
        },
    },
    ("get_hsm", 200): {
        **_DESCRIBED,
        "securityDomain": _RECEIPT,
        "backup": {
            "last": {
                "container": "https://contosobackups.blob.core.windows.net/hsm",
                "folder": "mhsm-contoso-hsm-2026112402170442",
                "endedAt": "2026-11-24T02:19:51.000Z",
            },
            "earlier": [],
            "running": False,
            "tooOld": False,
        },
    },
    ("put_hold", 200): {
        **_DESCRIBED,
        "securityDomain": _RECEIPT,
        "hold": {"by": _PORTAL, "at": "2026-11-24T07:30:00.000Z", **REQUESTS["put_hold"]},
    },
    ("recover_hsm", 202): _accepted("recover", requestedBy=_PERSON),
    ("approve_operation", 200): {**_WAITING, "approval": {**_APPROVAL, "decision": "approved", **_DECIDED}},
    ("reject_operation", 200): {**_WAITING, "approval": {**_APPROVAL, "decision": "rejected", **_DECIDED}},
    ("cancel_operation", 202): {**_WAITING, "cancel": {"by": _PORTAL, "at": "2026-11-24T07:02:11.000Z"}},
    ("get_readiness", 200): {
        "status": "Ready",
        "dependencies": [
            {"name": name, "ready": True, "optional": name == "events"}
            for name in ("settings", "storage", "identity", "keys", "engine", "events")
        ],
    },
}
