"""Whose a subscription, a name and an HSM are: checked by the API at once, and by preflight again."""

from collections.abc import Sequence

from clients import resource_manager
from clients.credential import own_identity
from clients.resource_manager import Provider
from domain.errors import FieldError, ServiceError, refused_fields, service_error
from domain.fields import OperationKind
from domain.hsm import Hsm
from domain.records import HsmRecord
from domain.settings import settings
from domain.summaries import HsmRecordSummary


def require_usable_subscription(subscription_id: str, location: str) -> None:
    """Check that an HSM can be made in a subscription's region.

    Raises ServiceError `subscription_not_ours`, `provider_not_registered`, `location_unsupported`.
    """
    require_region(find_usable_provider(subscription_id), location)


def find_usable_provider(subscription_id: str) -> Provider:
    """Read the provider Microsoft.KeyVault of a subscription of ours.

    Raises ServiceError `subscription_not_ours`, `provider_not_registered`. To be asked before anything else of
    Microsoft.KeyVault: Azure's SDK registers a provider by itself when ARM says that it is missing.
    """
    require_our_subscription(subscription_id)
    provider = resource_manager.find_provider(subscription_id)
    require_registered(provider, subscription_id)
    return provider


def require_our_subscription(subscription_id: str) -> None:
    """Raise ServiceError `subscription_not_ours` unless the subscription is one of our tenant's that we can read."""
    if resource_manager.find_subscription_tenant(subscription_id) != settings().tenant_id.lower():
        message = "This is not a subscription of our tenant that the service may read."
        raise refused_fields([FieldError(field="subscriptionId", message=message, code="subscription_not_ours")])


def require_registered(provider: Provider, subscription_id: str) -> None:
    """Raise ServiceError `provider_not_registered` unless the subscription has the provider."""
    if not provider.registered:
        command = f"az provider register --namespace Microsoft.KeyVault --subscription {subscription_id}"
        message = f"The subscription is not registered for Microsoft.KeyVault. Run: {command}"
        raise refused_fields([FieldError(field="subscriptionId", message=message, code="provider_not_registered")])


def require_region(provider: Provider, location: str) -> None:
    """Raise ServiceError `location_unsupported` unless Azure has Managed HSMs there."""
    if location not in provider.locations:
        message = "Azure has no Managed HSMs in this region."
        raise refused_fields([FieldError(field="location", message=message, code="location_unsupported")])


def require_additional_regions(provider: Provider, regions: Sequence[str]) -> None:
    """Raise ServiceError `location_unsupported` unless Azure has Managed HSMs in all of them."""
    message = "Azure has no Managed HSMs in this region."
    errors = [
        FieldError(field=f"additionalRegions[{index}]", message=message, code="location_unsupported")
        for index, region in enumerate(regions)
        if region not in provider.locations
    ]
    if errors:
        raise refused_fields(errors)


def is_ours(hsm: Hsm, record: HsmRecord | HsmRecordSummary | None, team: str) -> bool:
    """Say whether an HSM is the one that our record is of, and this team's.

    A resource id names whatever has the name now; when Azure made it tells one from the next. Until that was recorded,
    the HSM is ours if it was made by us.
    """
    if record is None or record.team != team or record.resource_id.lower() != hsm.resource_id.lower():
        return False
    if record.made_at is None:
        return bool(hsm.made_by) and hsm.made_by in own_identity()
    return record.made_at == hsm.made_at


def is_recovered(hsm: Hsm, record: HsmRecord) -> bool:
    """Say whether an HSM is the one that our record is of, brought back by this service.

    Azure may say of it that it was made when it was, or that it was made by its recovery, and then by us. Whoever else
    made one there since, after a purge, is somebody else and made it later.
    """
    if record.resource_id.lower() != hsm.resource_id.lower():
        return False
    same = record.made_at is not None and record.made_at == hsm.made_at
    return same or (bool(hsm.made_by) and hsm.made_by in own_identity())


def require_free_name(subscription_id: str, name: str, record: HsmRecord | None = None) -> None:
    """Raise ServiceError `hsm_exists` or `hsm_soft_deleted` unless an HSM of that name can be created.

    `record` is ours of an HSM of the name, for whoever may ask for it.
    """
    if resource_manager.is_name_available(subscription_id, name):
        return
    if resource_manager.is_soft_deleted(subscription_id, name):
        raise service_error(
            "hsm_soft_deleted",
            "A deleted HSM of this subscription still has the name, and is still billed.",
            advice=(
                f"POST /api/hsms/{name}/recover brings it back as it was; or purge it, or choose another name."
                if record is not None and record.decommissioned is not None
                else "Recover it or purge it, or choose another name."
            ),
        )
    raise hsm_exists()


def hsm_exists() -> ServiceError:
    """Make the error of an HSM that is not the caller's."""
    return service_error(
        "hsm_exists",
        "An HSM of this name exists that this service did not make for this team; it was not touched.",
        advice="Choose another name.",
    )


def hsm_ours_already() -> ServiceError:
    """Make the error of an HSM that the team has already."""
    return service_error(
        "hsm_ours_already", "The HSM is this team's already.", advice="Read it; PUT and PATCH change it."
    )


def require_not_stopped(hsm: Hsm | None, kind: OperationKind = "provision") -> None:
    """Check the operators' switches against what is still to be done for an HSM; None where there is none yet.

    Raises ServiceError `creation_stopped`; `destruction_and_export_stopped`, for an HSM whose security domain nobody
    may download would be billed for nothing. A restore exports nothing: it needs no download, and only creation is
    stopped for it. What is uploaded was opened by a quorum of custodians, and leaves no HSM.
    """
    if hsm is None or hsm.provisioning_state == "Failed":
        require_creation_allowed()
    if kind == "restore":
        return
    if settings().stop_destruction_and_export and (hsm is None or not hsm.active):
        raise service_error(
            "destruction_and_export_stopped",
            "The operators have stopped destruction and export, so the HSM could not be activated.",
            advice="Ask the platform's operators when it goes on, then send the request again.",
        )


def require_creation_allowed() -> None:
    """Raise ServiceError `creation_stopped` where the operators' switch stands on that.

    A region that is added is one more HSM: it costs as much.
    """
    if settings().stop_creation:
        raise service_error(
            "creation_stopped",
            "The operators have stopped the creation of HSMs.",
            advice="Ask the platform's operators when it goes on, then send the request again.",
        )


def require_destruction_and_export_allowed() -> None:
    """Raise ServiceError `destruction_and_export_stopped` where the operators' switch stands on that."""
    if settings().stop_destruction_and_export:
        raise service_error(
            "destruction_and_export_stopped",
            "The operators have stopped destruction and export.",
            advice="Ask the platform's operators when it goes on, then send the request again.",
        )
