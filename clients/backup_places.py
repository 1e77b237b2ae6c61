"""How HSMs reach the containers in which full backups lie."""

from clients import resource_manager
from clients.handovers import wanted_handover_of
from domain.backups import BackupTarget
from domain.errors import service_error
from domain.policy_rules import require_backup_place
from domain.requests import HsmSpecification
from domain.settings import deployment_policy


def find_backup_target(container: str, field: str) -> BackupTarget:
    """Find how HSMs reach a container of full backups, by the policy as it is now.

    Raises ServiceError `backup_place_not_allowed` for the field of the request, `backup_identity_missing`.
    """
    place = require_backup_place(deployment_policy(), container, field)
    if not resource_manager.identity_exists(place.identity):
        raise service_error(
            "backup_identity_missing",
            "The user-assigned identity that the policy names for this container does not exist.",
            advice="Ask the platform's operators: backupPlaces of the policy names it.",
        )
    return BackupTarget(container=place.container, identity=place.identity)


def find_needed_identities(request: HsmSpecification) -> list[str]:
    """Find the identities with which an HSM writes the full backups of its hand-over, by the policy as it is now."""
    backup = wanted_handover_of(request).full_backup
    places = deployment_policy().backup_places if backup else []
    return [place.identity for place in places if backup and place.container == backup.container]
