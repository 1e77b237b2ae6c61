"""The user-assigned identities that are to be attached to an HSM."""

from collections.abc import Collection, Sequence

from clients import resource_manager
from domain.errors import FieldError, refused_fields


def require_identities(identities: Sequence[str], *, but: Collection[str] = ()) -> None:
    """Raise ServiceError `identity_not_found` for those that do not exist, `azure_forbidden` where nobody can see.

    Those are not looked for whose fields are named in `but`. Whether this service may assign them is ARM's decision: it
    refuses the whole PUT or PATCH where it may not.
    """
    message = "There is no such user-assigned identity."
    asked = [(f"identities[{index}]", identity) for index, identity in enumerate(identities)]
    errors = [
        FieldError(field=field, message=message, code="identity_not_found")
        for field, identity in asked
        if field not in but and not resource_manager.identity_exists(identity)
    ]
    if errors:
        raise refused_fields(errors)
