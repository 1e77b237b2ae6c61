"""What the steps have in common that wait for an HSM's regions."""

from domain.errors import service_error
from domain.hsm import Hsm
from domain.outcomes import Outcome, done, wait
from domain.settings import settings


def wait_for_regions(hsm: Hsm, regions: list[str]) -> Outcome:
    """Say whether an HSM is in these regions besides its own, and in no other; Azure takes up to half an hour.

    Raises ServiceError `region_failed` where Azure gave one up.
    """
    _require_none_failed(hsm, regions)
    settled = hsm.provisioning_state in ("Succeeded", "Activated") and hsm.regions_settled
    if settled and {*hsm.additional_regions} == {*regions}:
        return done(uri=hsm.uri, resourceId=hsm.resource_id)
    return wait(settings().poll_seconds)


def _require_none_failed(hsm: Hsm, regions: list[str]) -> None:
    # One that is to go is waited for, however it is.
    failed = [region.name for region in hsm.regions if region.state == "Failed" and region.name in regions]
    if failed:
        raise service_error(
            "region_failed",
            f"Azure could not extend the HSM to {', '.join(failed)}.",
            advice="The HSM is there in its own region. Change additionalRegions to [] with a PATCH, then try again.",
        )
