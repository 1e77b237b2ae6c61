"""What a run of the reconciliation found that nobody began, and what became of it.

Container `hsm-records`: `lost-starts/abandoned` and `lost-starts/missing`, of the last run.
"""

from typing import Final

import azure.durable_functions as df

from clients import archive
from clients.archive import RECORDS
from clients.blobs import put_blob
from clients.instances import find_instance, is_running
from clients.onboardings import find_onboarding
from clients.run_reports import read_left
from domain.drift_findings import AbandonedOperation, MissingHsm
from domain.errors import ServiceError
from domain.lost_starts import Abandoned, AbandonedOperations, MissingHsms
from domain.model import Model
from domain.records import Claim
from domain.settings import settings

_ABANDONED: Final = "lost-starts/abandoned"
_MISSING: Final = "lost-starts/missing"


def is_stopped() -> bool:
    """Say whether one of the operators' switches would make what is begun fail."""
    return settings().stop_creation or settings().stop_destruction_and_export


def find_running_claim(hsm: str, operation_id: str) -> Claim | None:
    """Read the claim of an operation if it still holds it."""
    held = archive.find_claim(hsm)
    return held.claim if held and held.claim.running and held.claim.operation_id == operation_id else None


def find_abandonment(claim: Claim, client: df.SyncDurableFunctionsClient) -> Abandoned | None:
    """Say how an operation was abandoned; None where it runs, or its end is recorded.

    One that was interrupted before it was planned seems never to have begun once the engine has forgotten its instance.
    """
    # Its record is written before its instance ends: asked first, the instance never ends without it.
    state = find_instance(claim, client)
    if is_running(state) or archive.find_operation(claim.operation_id) is not None:
        return None
    # What has a plan began: its instance was purged, or lost with its task hub.
    began = state is not None or archive.find_plan(claim.hsm, claim.operation_id) is not None
    return "interrupted" if began else "never_began"


def write_abandoned(run: str, operations: list[AbandonedOperation]) -> None:
    """Record what a run found abandoned, in place of what was before."""
    _write(_ABANDONED, AbandonedOperations(run=run, operations=operations))


def read_abandoned(run: str) -> list[AbandonedOperation]:
    """Read what a run found abandoned, and what became of it."""
    left = read_left(AbandonedOperations, _ABANDONED)
    return left.operations if left is not None and left.run == run else []


def write_missing(missing: MissingHsms) -> None:
    """Record which subscriptions a run found to have no HSM, in place of what was before."""
    _write(_MISSING, missing)


def find_last_missing() -> MissingHsms | None:
    """Read what the last run found that could list subscriptions, this one or one before it."""
    return read_left(MissingHsms, _MISSING)


def find_missing_of(run: str) -> MissingHsms | None:
    """Read what a run found, and for what it asked for a look, which may have come to anything."""
    left = find_last_missing()
    return left if left is not None and left.run == run else None


def read_missing(run: str) -> list[MissingHsm]:
    """Read which subscriptions a run found to have no HSM, and what became of each look by now."""
    left = find_missing_of(run)
    return [_with_conclusion(item) if item.outcome == "started" else item for item in left.hsms] if left else []


def read_subscriptions_checked(run: str) -> int | None:
    """Read how many subscriptions that opted in a run saw; None where they were not listed."""
    left = find_missing_of(run)
    return left.subscriptions_checked if left else None


def _with_conclusion(item: MissingHsm) -> MissingHsm:
    try:
        held = find_onboarding(item.subscription_id)
    except ServiceError as error:
        # One damaged record must not keep the whole report from being made.
        return item.model_copy(update={"outcome": "failed", "error": error.detail})
    conclusion = held.onboarding.conclusion if held else None
    if conclusion is None:
        # It is being looked at for longer than was waited for.
        return item
    if conclusion.decision == "started":
        return item.model_copy(update={"operation_id": conclusion.operation_id})
    if conclusion.decision == "failed":
        return item.model_copy(update={"outcome": "failed", "error": conclusion.error})
    return item.model_copy(update={"outcome": "not_wanted"})


def _write(path: str, left: Model) -> None:
    put_blob(RECORDS, path, left.to_json().encode(), {})
