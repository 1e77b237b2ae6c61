"""Key Vault's refusals, in its words (source: recordings of the service in azure-cli and azure-sdk-for-js)."""

import json

from local.azure.core.errors import ServiceFault


def make_fault(status: int, code: str, inner_code: str, message: str) -> ServiceFault:
    """Make a refusal that has an inner error, which says more than its code."""
    error = {"code": code, "message": message, "innererror": {"code": inner_code}}
    return ServiceFault(status, code, message, body=json.dumps({"error": error}).encode())


def not_found(kind: str, name: str) -> ServiceFault:
    """Make the 404 for a `certificate`, `key` or `secret`."""
    message = (
        f"A {kind} with (name/id) {name} was not found in this key vault. If you recently deleted this {kind} you may "
        "be able to recover it using the correct recovery command. For help resolving this issue, please see "
        "https://go.microsoft.com/fwlink/?linkid=2125182"
    )
    return ServiceFault(404, f"{kind.capitalize()}NotFound", message)


def deleted_not_found(name: str) -> ServiceFault:
    """Make the 404 for a certificate that is not among the deleted ones."""
    return ServiceFault(404, "CertificateNotFound", f"Deleted Certificate not found: {name}")


def name_is_deleted(name: str) -> ServiceFault:
    """Make the 409 for a name that a deleted certificate keeps."""
    message = (
        f"Certificate {name} is currently in a deleted but recoverable state, and its name cannot be reused; in this "
        "state, the certificate can only be recovered or purged."
    )
    return make_fault(409, "Conflict", "ObjectIsDeletedButRecoverable", message)


def disabled(kind: str, operation: str) -> ServiceFault:
    """Make the 403 for a `key` or `secret` whose version is disabled."""
    message = f"Operation {operation} is not allowed on a disabled {kind}."
    return make_fault(403, "Forbidden", f"{kind.capitalize()}Disabled", message)


def purge_protected(vault: str) -> ServiceFault:
    """Make the 403 for a purge in a vault that has purge protection."""
    message = (
        'Operation "purge" is not allowed because purge protection is enabled for this vault. Key Vault service will '
        f"automatically purge it after the retention period has passed.\r\nVault: {vault}"
    )
    return make_fault(403, "Forbidden", "ForbiddenByPolicy", message)


def bad_parameter(member: str, reason: str) -> ServiceFault:
    """Make the 400 for a member of a body; the value, which may be a secret, is not repeated."""
    return ServiceFault(400, "BadParameter", f"Property {member} has an invalid value: {reason}")
