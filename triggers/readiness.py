"""Whether the app could do its work now, and which dependency it lacks."""

import threading
import time
from collections.abc import Callable
from concurrent.futures import Future, wait
from typing import Final, Literal

import azure.durable_functions as df
from durabletask.client import TaskHubGrpcClient

from clients import archive, audit_log, blobs, credential, event_publisher, restores
from domain.errors import ServiceError, describe_unexpected
from domain.model import Model
from domain.settings import SettingsInvalid, find_mistakes, settings
from triggers.door.authentication import require_published_keys
from triggers.door.calls import Answer, Call

PATIENCE_SECONDS: Final = 4.0
KEPT_SECONDS: Final = 10.0

DependencyName = Literal["settings", "storage", "identity", "keys", "engine", "events"]


class Dependency(Model):
    """Something that the app needs."""

    name: DependencyName
    """What it is."""
    ready: bool
    """Whether it is there."""
    message: str | None = None
    """What it lacks, in words for people; nothing secret. Absent where it is ready."""
    optional: bool = False
    """Whether the app works without it: what it lacks is a warning then, and `status` does not depend on it."""


class Readiness(Model):
    """Whether all that the app needs is there; `events`, the topic that events are published to, is optional."""

    status: Literal["Ready", "NotReady"]
    """Whether the app can do its work."""
    dependencies: list[Dependency]
    """Each thing that it needs."""


type Look = Callable[[df.SyncDurableFunctionsClient], str | None]


def get_readiness(call: Call) -> Answer:
    """Say whether the app is ready, as it was found at most some seconds ago."""
    readiness = _watch.read(call.client)
    return Answer(200 if readiness.status == "Ready" else 503, readiness)


def _look_at_settings(client: df.SyncDurableFunctionsClient) -> str | None:  # noqa: ARG001 - every look takes it
    return " ".join(find_mistakes()) or None


def _look_at_storage(client: df.SyncDurableFunctionsClient) -> str | None:  # noqa: ARG001
    for container in (archive.ARCHIVE, archive.RECORDS, audit_log.AUDIT, restores.RESTORE_BLOBS):
        blobs.list_blobs(container, "readiness/")
    return None


def _look_at_identity(client: df.SyncDurableFunctionsClient) -> str | None:  # noqa: ARG001
    credential.require_token()
    return None


def _look_at_keys(client: df.SyncDurableFunctionsClient) -> str | None:  # noqa: ARG001
    require_published_keys()
    return None


def look_at_engine(client: TaskHubGrpcClient) -> str | None:
    """Ask the engine for an instance that there is not."""
    import grpc

    try:
        client.get_orchestration_state("readiness")
    except grpc.RpcError:
        return "The Durable Functions engine does not answer."
    return None


def _look_at_events(client: df.SyncDurableFunctionsClient) -> str | None:  # noqa: ARG001
    topic = settings().events_topic
    if topic is not None:
        event_publisher.require_topic(topic)
    return None


_LOOKS: Final[dict[DependencyName, Look]] = {
    "settings": _look_at_settings,
    "storage": _look_at_storage,
    "identity": _look_at_identity,
    "keys": _look_at_keys,
    "engine": look_at_engine,
    "events": _look_at_events,
}
# Events that cannot be published are kept.
_OPTIONAL: Final[frozenset[DependencyName]] = frozenset({"events"})


class _Watch:
    """Looks at all dependencies at once, and keeps what it saw for a while: a flood of questions costs nothing."""

    def __init__(self) -> None:
        self._alone = threading.Lock()
        self._pending: dict[DependencyName, Future[str | None]] = {}
        self._seen: Readiness | None = None
        self._until = float("-inf")

    def read(self, client: df.SyncDurableFunctionsClient) -> Readiness:
        """Give what was seen last, or look; whoever comes meanwhile gets what was seen before, or waits for this."""
        seen = self._seen
        if not self._alone.acquire(blocking=seen is None) and seen is not None:
            return seen
        try:
            return self._read(client)
        finally:
            self._alone.release()

    def _read(self, client: df.SyncDurableFunctionsClient) -> Readiness:
        if self._seen is None or time.monotonic() >= self._until:
            self._seen = self._look(client)
            self._until = time.monotonic() + KEPT_SECONDS
        return self._seen

    def _look(self, client: df.SyncDurableFunctionsClient) -> Readiness:
        for name, look in _LOOKS.items():
            if name == "events" and not _tells_events():
                continue
            # One that has hung since the last time is not asked once more.
            if name not in self._pending or self._pending[name].done():
                self._pending[name] = _begin(look, client)
        wait(self._pending.values(), timeout=PATIENCE_SECONDS)
        dependencies = [
            Dependency(name=name, ready=fault is None, message=fault, optional=name in _OPTIONAL)
            for name, fault in self._collect()
        ]
        ready = all(dependency.ready or dependency.optional for dependency in dependencies)
        return Readiness(status="Ready" if ready else "NotReady", dependencies=dependencies)

    def _collect(self) -> list[tuple[DependencyName, str | None]]:
        late = f"There was no answer within {PATIENCE_SECONDS:g} s."
        return [(name, found.result() if found.done() else late) for name, found in self._pending.items()]


_watch: Final = _Watch()


def _tells_events() -> bool:
    """Say whether there is a topic to look at."""
    try:
        return settings().events_topic is not None
    except SettingsInvalid:
        return False


def _begin(look: Look, client: df.SyncDurableFunctionsClient) -> Future[str | None]:
    found: Future[str | None] = Future()
    # A thread that nobody waits for when the process ends, unlike an executor's.
    threading.Thread(target=lambda: found.set_result(_describe(look, client)), daemon=True).start()
    return found


def _describe(look: Look, client: df.SyncDurableFunctionsClient) -> str | None:
    try:
        return look(client)
    except ServiceError as error:
        return error.detail.message
    except SettingsInvalid:
        return "The settings are wrong."
    except Exception as error:  # noqa: BLE001 - whatever it is, this dependency is not ready
        return f"It failed unexpectedly: {describe_unexpected(error)}."
