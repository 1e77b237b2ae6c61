"""How the service gives its administration of an HSM up, and what it says once it has none."""

from collections.abc import Collection
from typing import Final

from domain.errors import ServiceError, service_error
from domain.handover.administration import Administration
from domain.handover.local_roles import AUDITOR, BACKUP_USER

_OF_SERVICE: Final = " --assignee-principal-type ServicePrincipal"


def kept_roles(administration: Administration | None) -> frozenset[str]:
    """Give the GUIDs of the roles that the service keeps."""
    asked = administration or Administration()
    kept = {BACKUP_USER: asked.keep_backup, AUDITOR: asked.keep_audit}
    return frozenset(role for role, keep in kept.items() if keep)


def grant_command(hsm: str, object_id: str) -> str:
    """Give the command with which an administrator makes the service one again, for as long as an operation takes."""
    return _command("create", hsm, object_id) + _OF_SERVICE


def revoke_command(hsm: str, object_id: str) -> str:
    """Give the command that takes it away again."""
    return _command("delete", hsm, object_id)


def backup_not_permitted(hsm: str, object_id: str, *, by_schedule: bool) -> ServiceError:
    """Make the error of a full backup that the service may not have an HSM make.

    *Managed HSM Backup User* is the least that may (source: local RBAC built-in roles).
    """
    grant = _command("create", hsm, object_id, "Managed HSM Backup User") + _OF_SERVICE
    revoke = _command("delete", hsm, object_id, "Managed HSM Backup User")
    then = (
        "the next backup by schedule then takes place."
        if by_schedule
        else f"then send the request again. This takes the role away afterwards, if nothing needs it any more: {revoke}"
    )
    return service_error(
        "backup_not_permitted",
        "The service may not have this HSM back itself up.",
        advice=f"An administrator of the HSM runs: {grant} - {then}",
    )


def _command(verb: str, hsm: str, object_id: str, role: str = "Managed HSM Administrator") -> str:
    return (
        f'az keyvault role assignment {verb} --hsm-name {hsm} --role "{role}" --scope / '
        f"--assignee-object-id {object_id}"
    )


def administrator_required(hsm: str, object_id: str) -> ServiceError:
    """Make the error of an operation for which the service would have to administer the HSM, and does not."""
    return service_error(
        "administrator_required",
        "The service does not administer this HSM, and this operation needs it.",
        advice=(
            f"An administrator of the HSM runs: {grant_command(hsm, object_id)} - then send the request again. The "
            f"operation ends by giving it up again; if it does not: {revoke_command(hsm, object_id)}"
        ),
    )


def no_other_administrator(hsm: str, object_ids: Collection[str]) -> ServiceError:
    """Make the error of an HSM that nobody else is known to administer: the service stays its administrator."""
    others = ", ".join(sorted(object_ids)) or "nobody"
    return service_error(
        "no_other_administrator",
        "Nobody else is known to administer the HSM, so the service stays its administrator. Others that it names, by "
        f"whom nobody is known to act: {others}.",
        advice=(
            "Put somebody into a group that it names, or give Managed HSM Administrator to somebody else, from the "
            "portal as a Global Administrator or by: "
            f'az keyvault role assignment create --hsm-name {hsm} --role "Managed HSM Administrator" --scope / '
            "--assignee-object-id ID --assignee-principal-type Group - then send the request "
            "again: it goes on from here."
        ),
    )


def still_administrator() -> ServiceError:
    """Make the error of an administration that goes on after its role assignments are gone."""
    return service_error(
        "still_administrator",
        "The service's own roles are removed, and it still administers the HSM.",
        advice="It may take Azure some minutes to hear of it; else the service belongs to a group that administers it: "
        "see that others can administer it, and take the service out of that group. Then send the request again.",
        retryable=True,
        retry_after=60,
    )


UNCONFIRMED: Final = (
    "The service may not read that in the directory: whoever approves confirms that these administrators, to whom the "
    "HSM is left, exist, and have somebody in them where they are groups: {administrators}."
)
