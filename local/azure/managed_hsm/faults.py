"""Refusals as the data plane words them."""

import uuid

from local.azure.core.errors import ServiceFault


def refusal(status: int, code: str, message: str) -> ServiceFault:
    """Make a fault that ends, as recorded of the real service, with an activity's id."""
    return ServiceFault(status, code, f"{message} (Activity ID: {uuid.uuid4()})")


def bad_parameter(message: str) -> ServiceFault:
    """Refuse a request for what it says."""
    return refusal(400, "BadParameter", message)


def conflict(message: str) -> ServiceFault:
    """Refuse a request for what there is already, or what is going on."""
    return refusal(409, "Conflict", message)
