"""Firewalls of HSMs that are open for a while: opened, closed, and closed by the clock."""

import logging
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Final, NamedTuple

from pydantic import ValidationError

from clients import resource_manager
from clients.archive import RECORDS
from clients.audit_log import append
from clients.azure_errors import unreadable
from clients.blobs import create_blob, delete_unchanged, find_blob, list_blobs, replace_blob
from clients.reachability import find_obstacle
from domain.audit import AuditEvent
from domain.changes import InPlaceChange
from domain.errors import ServiceError, describe_unexpected, service_error
from domain.handover.opening import opening_over
from domain.hsm import Hsm
from domain.openings import Opening, closing_change, opening_change, revise
from domain.requests import HsmSpecification

_PREFIX: Final = "openings/"
# Longer than a deleted HSM is kept at most.
_RECOVERABLE_FOR: Final = timedelta(days=100)
_log = logging.getLogger("hsm_provisioner.openings")


class HeldOpening(NamedTuple):
    """What is recorded of an opening, and the ETag under which it may be forgotten; none where it is not recorded."""

    opening: Opening
    etag: str | None = None


class _Closing(NamedTuple):
    """What closes an HSM that is open."""

    hsm: Hsm
    change: InPlaceChange


def find_opening(hsm: str) -> HeldOpening | None:
    """Read what is recorded of an HSM's opening; None where it was seen closed, or was never open."""
    blob = find_blob(RECORDS, f"{_PREFIX}{hsm}")
    if blob is None:
        return None
    try:
        return HeldOpening(Opening.model_validate_json(blob.content), blob.etag)
    except ValidationError:
        raise unreadable("read what is open") from None


def write_opening(opening: Opening, etag: str | None) -> str:
    """Record an opening in place of what was read under an ETag: from here on it is closed in time, whatever happens.

    Gives the new ETag. None: nothing was recorded. Raises ServiceError `record_changed` where that is not so any more:
    what another operation recorded is closed in time only as long as it is there.
    """
    path, content = f"{_PREFIX}{opening.hsm}", opening.to_json().encode()
    written = create_blob(RECORDS, path, content) if etag is None else replace_blob(RECORDS, path, content, etag)
    if written is None:
        raise service_error(
            "record_changed",
            "What is recorded of the HSM's opening was changed meanwhile.",
            advice="It is tried again.",
            retryable=True,
        )
    return written


def open_up(opening: Opening, hsm: Hsm) -> None:
    """Ask Azure to open an HSM as recorded."""
    change = opening_change(opening, hsm)
    if not change.empty:
        resource_manager.change_hsm(hsm, change)


def close_to(hsm: str, wanted: HsmSpecification) -> bool:
    """Have an HSM that may be open still be closed to what Azure is about to be asked for; False where none is.

    The record is of a name, so that it is also closed to what another HSM of it is made with. Idempotent: a record that
    says it already is not written. Raises ServiceError `record_changed` as `write_opening` does.
    """
    held = find_opening(hsm)
    if held is None:
        return False
    revised = revise(held.opening, wanted)
    if revised != held.opening:
        write_opening(revised, held.etag)
    return True


def require_open(hsm: str, now: datetime) -> None:
    """Raise ServiceError `temporary_opening_over` where an HSM's firewall refuses us and its opening is over.

    What was seen closed is not recorded any more.
    """
    held = find_opening(hsm)
    if (held is None or held.opening.closes_at <= now) and find_obstacle(hsm) == "firewall":
        raise opening_over()


def close(held: HeldOpening, now: datetime) -> None:
    """Ask Azure to close an HSM again; the record stays until it is seen closed, by a later look.

    Idempotent: one that is closed is not asked for again. Raises ServiceError `record_changed` as `write_opening` does.
    """
    closing = _find_closing(held, now)
    if closing is not None:
        _ask(closing)


def _ask(closing: _Closing) -> None:
    resource_manager.change_hsm(*closing)
    _log.info("the opening of %s is closed", closing.hsm.name)


def _find_closing(held: HeldOpening, now: datetime) -> _Closing | None:
    opening, etag = held
    overdue = opening.closes_at <= now
    if not overdue:
        # Whoever dies from here on, or is not answered, is followed by the clock, for which it is overdue.
        etag = write_opening(opening.model_copy(update={"closes_at": now}), etag)
    _, _, subscription_id, _, group, *_ = opening.resource_id.split("/")
    hsm = resource_manager.find_hsm(subscription_id, group, opening.hsm)
    if hsm is None:
        # Deleted, it can be brought back as it was: open.
        if now - opening.closes_at > _RECOVERABLE_FOR:
            _forget(opening.hsm, etag)
        return None
    change = closing_change(opening, hsm)
    if overdue and change.empty and hsm.provisioning_state in ("Succeeded", "Activated"):
        _forget(opening.hsm, etag)
    if change.empty or _is_revised(opening, etag):
        return None
    return _Closing(hsm, change)


def _is_revised(opening: Opening, etag: str | None) -> bool:
    """Say whether something else is recorded by now: the HSM may just be changed to it, the next look closes to it."""
    held = find_opening(opening.hsm)
    return held is not None and held.etag != etag


def _forget(hsm: str, etag: str | None) -> None:
    """Delete a record that is as it was read; another operation may have opened the HSM since."""
    if etag is not None:
        delete_unchanged(RECORDS, f"{_PREFIX}{hsm}", etag)


def close_overdue() -> None:
    """Close what is open past its time; one that cannot be closed now is tried again by the next look."""
    now = datetime.now(UTC)
    for name in _list_open():
        try:
            held = find_opening(name)
            if held is not None and held.opening.closes_at <= now:
                _close_by_clock(held, now)
        except Exception as error:  # noqa: BLE001 - whatever is wrong with one must not keep another open
            _log.error("the opening of %s could not be closed: %s", name, describe_unexpected(error))


def _close_by_clock(held: HeldOpening, now: datetime) -> None:
    """Close it between two records in the chain of its operation.

    It is closed also where that cannot be recorded: nothing else is to keep it open.
    """
    closing = _find_closing(held, now)
    if closing is None:
        return
    try:
        _record(held.opening, "asked_closed")
    except ServiceError as error:
        _log.error("the closing of %s is not in the audit log: %s", held.opening.hsm, error)
    try:
        _ask(closing)
    except ServiceError as error:
        _record(held.opening, error.detail.code)
        raise
    _record(held.opening, "closed")


def _record(opening: Opening, outcome: str) -> None:
    append(
        AuditEvent(
            operation_id=opening.operation_id,
            at=datetime.now(UTC),
            kind="closing",
            hsm=opening.hsm,
            outcome=outcome,
            detail={"ipRule": opening.ip_rule},
        )
    )


def _list_open() -> Iterator[str]:
    return (path.removeprefix(_PREFIX) for path in list_blobs(RECORDS, _PREFIX))
