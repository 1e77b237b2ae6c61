"""One side effect for each file, named as a verb: look first, then act; safe to be killed and run again."""

from activities import (
    await_activation,
    await_ready,
    create_resource_group,
    download_security_domain,
    fetch_wrapping_keys,
    preflight,
    provision_hsm,
    record_operation,
    verify_security_domain,
)
from activities.registration import blueprint

__all__ = [
    "await_activation",
    "await_ready",
    "blueprint",
    "create_resource_group",
    "download_security_domain",
    "fetch_wrapping_keys",
    "preflight",
    "provision_hsm",
    "record_operation",
    "verify_security_domain",
]
