"""What the steps have in common that connect an HSM to a network, and how long they are waited for."""

from datetime import datetime, timedelta

from activities.context import now
from activities.handing_over import HandedOver, handed_over, note_by
from clients import archive
from domain.handover.network import WantedEndpoint, endpoints_of
from domain.outcomes import Work
from domain.records import HsmRecord
from domain.settings import settings


def wanted_endpoints(work: Work) -> tuple[HandedOver, list[WantedEndpoint]]:
    """Give the HSM that is connected, and the private endpoints that it is to have; raises as `handed_over` does."""
    connected = handed_over(work, cancelable=True)
    return connected, list(endpoints_of(connected.hsm.resource_id, connected.wanted.private_endpoints or []))


def note_made(hsm: str, endpoint_id: str) -> None:
    """Record that a private endpoint is ours; raises ServiceError `record_changed`, `record_missing`."""

    def add(record: HsmRecord) -> dict[str, list[str]]:
        known = [place for place in record.private_endpoints if place.lower() != endpoint_id.lower()]
        return {"private_endpoints": sorted([*known, endpoint_id])}

    note_by(hsm, add)


def is_recorded(hsm: str, endpoint_id: str) -> bool:
    """Say whether a private endpoint is recorded as ours."""
    record = archive.find_hsm_record(hsm)
    return record is not None and endpoint_id.lower() in (place.lower() for place in record.private_endpoints)


def waited_long_enough(work: Work) -> bool:
    """Say whether what depends on people and networks was waited for as long as the deployment wants."""
    since = datetime.fromisoformat(str(work.progress["since"]))
    return now() - since >= timedelta(minutes=settings().connection_minutes)
