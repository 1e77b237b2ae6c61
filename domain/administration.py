"""Whether the service can download the security domain of an HSM that is there, as far as Azure shows that."""

from typing import Final

from domain.hsm import Hsm
from domain.records import Notice

_NOT_ADMINISTRATOR: Final = Notice(
    code="service_not_administrator",
    message=(
        "The service is none of the HSM's initial administrators, which cannot be changed, so unless it belongs to a "
        "group that is one it cannot download the security domain. Have an administrator download it, and then give "
        "the service the role Managed HSM Administrator; or make another HSM."
    ),
)


def find_administration_warnings(hsm: Hsm | None, own_object_id: str) -> list[Notice]:
    """Say where the service may not be allowed to activate an HSM.

    Until it is activated only those whom it was made with administer it; then only the HSM itself knows who does. ARM
    does not show who belongs to a group, so this is no reason to refuse.
    """
    if hsm is None or hsm.active or own_object_id in hsm.administrators:
        return []
    return [_NOT_ADMINISTRATOR]
