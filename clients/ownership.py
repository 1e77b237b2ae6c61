"""Whose a subscription and a name are: checked by the API at once, and by preflight again."""

from clients import resource_manager
from domain.errors import FieldError, ServiceError, refused_fields, service_error
from domain.settings import settings


def require_own_subscription(subscription_id: str) -> None:
    """Raise ServiceError `subscription_not_ours` unless the subscription is of our tenant and can be read."""
    if resource_manager.find_subscription_tenant(subscription_id) != settings().tenant_id.lower():
        message = "This is not a subscription of our tenant that the function may read."
        raise refused_fields([FieldError(field="subscriptionId", message=message, code="subscription_not_ours")])


def require_free_name(subscription_id: str, name: str) -> None:
    """Raise ServiceError `hsm_exists` or `hsm_soft_deleted` unless an HSM of that name can be created."""
    if resource_manager.is_name_available(subscription_id, name):
        return
    if resource_manager.is_soft_deleted(subscription_id, name):
        raise service_error(
            "hsm_soft_deleted",
            "A deleted HSM of this subscription still has the name, and is still billed.",
            advice="Recover it or purge it, or choose another name.",
        )
    raise hsm_exists()


def hsm_exists() -> ServiceError:
    """Make the error of an HSM that is not the caller's."""
    return service_error(
        "hsm_exists",
        "An HSM of this name exists that this service did not make for this caller; it was not touched.",
        advice="Choose another name.",
    )
