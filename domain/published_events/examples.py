"""An example of what each event says, for its documentation."""

from typing import Any, Final

_HSM: Final = {
    "hsm": "contoso-hsm",
    "resourceId": "/subscriptions/3f0c5c52-6a3b-4f6e-8f0e-5d1f0f6b7a21/resourceGroups/rg-hsm/providers"
    "/Microsoft.KeyVault/managedHSMs/contoso-hsm",
    "team": "payments",
    "operationId": "contoso-hsm-01M865B00Y7ESBKJG8B3PHY3ZA",
}
_SHA256: Final = "2c26b46b68ffc68ff99b453c1d30413413422d706483bfa0f98a5e886266e7ae"

EXAMPLES: Final[dict[str, dict[str, Any]]] = {
    "HsmProvisioned": {**_HSM, "uri": "https://contoso-hsm.managedhsm.azure.net", "securityDomainSha256": _SHA256},
    "HsmProvisionFailed": {
        **_HSM,
        "error": {
            "code": "quota_exceeded",
            "message": "The subscription has no quota for another HSM in this region.",
            "advice": "Purge deleted HSMs, which count, or ask Azure for more, and send the request again.",
            "retryable": False,
        },
        "securityDomainSafe": False,
    },
    "ApprovalRequested": {
        **_HSM,
        "kind": "provision",
        "reasons": ["It costs about 2,500 USD a month; the policy wants approval above 2,000 USD."],
        "planSha256": "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
        "expiresAt": "2026-11-08T09:00:00Z",
    },
    "RestoreBlobAwaited": {
        **_HSM,
        "sourceHsm": "contoso-hsm-old",
        "transferKeyThumbprint": "q1Vb0T3x8mYzJw5kN2rL7cF4hD9sG6aPoUeIiXyZ0Qk",
        "storeAt": "https://contosohsms.blob.core.windows.net/restore-blobs/contoso-hsm-01M865B00Y7ESBKJG8B3PHY3ZA"
        "/restore-blob.json",
        "blobAwaitedUntil": "2026-11-04T09:00:00Z",
    },
    "SecurityDomainUnverified": {
        **_HSM,
        "quorumHealth": "Warning",
        "securityDomainSha256": _SHA256,
        "verifiedAt": "2026-11-01T09:00:00Z",
    },
    "HsmExpiring": {**_HSM, "expiresAt": "2026-11-15T00:00:00Z"},
    "HsmDecommissioned": {**_HSM, "purged": False, "billedUntil": "2027-01-30T09:00:00Z"},
    "DriftFound": {**_HSM, "codes": ["public_access_opened", "tags_differ"]},
}
"""By the names of the events."""
