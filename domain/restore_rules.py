"""What decides whether a restore goes on waiting; light enough for the orchestrator to import."""

from typing import Final

# Another blob helps after these.
BLOB_REFUSALS: Final = frozenset(
    {
        "restore_blob_missing",
        "restore_blob_too_large",
        "restore_blob_malformed",
        "restore_blob_for_another_key",
        "restore_blob_is_security_domain",
        "restore_blob_refused",
    }
)
# So many blobs may pass all checks and be refused after all, by the HSM or because they were overwritten.
MAXIMUM_ROUNDS: Final = 20
