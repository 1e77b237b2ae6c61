"""What a host.json says that the local host does not do."""

from collections.abc import Iterator, Mapping
from typing import Any, Final

from local.host.settings.host_json import HONOURED, Names

# What Azure knows, by where it stands; each with everything below it.
ACCEPTED: Final = {
    "": "aggregator concurrency customHandler extensionBundle functions healthMonitor id logging managedDependency "
    "retry singleton telemetryMode watchDirectories watchFiles",
    "extensions.": "blobs cosmosDB eventHubs kafka mcp queues rabbitMQ sendGrid serviceBus signalR sql tables "
    "webPubSub",
    "extensions.http.": "customHeaders dynamicThrottlesEnabled hsts maxConcurrentRequests maxOutstandingRequests",
    "extensions.durableTask.": "appLeaseOptions entityMessageReorderWindowInMinutes "
    "extendedSessionIdleTimeoutInSeconds extendedSessionsEnabled grpcHttpClientTimeout localRpcEndpointEnabled "
    "maxGrpcMessageSizeInBytes notificationUrl notifications rollbackEntityOperationsOnExceptions storageProvider "
    "storeInputsInOrchestrationHistory tracing useAppLease useGracefulShutdown",
    # How often call_http polls; the SDK does that by itself now.
    "extensions.durableTask.httpSettings.": "defaultAsyncRequestSleepTimeMilliseconds",
}
# Editors put it there.
_NO_SETTING: Final = "$schema"


def unhonoured(document: Mapping[str, Any]) -> list[str]:
    """Give the paths of a document, as read_document gives it, that are not honoured; unknown ones are marked so."""
    return sorted(_find(document, HONOURED, ""))


def _find(document: Mapping[str, Any], honoured: Names, prefix: str) -> Iterator[str]:
    accepted = ACCEPTED.get(prefix, "").casefold().split()
    for name, value in document.items():
        if name in honoured:
            if isinstance(value, dict):
                yield from _find(value, honoured[name], f"{prefix}{name}.")
        elif name.casefold() in accepted:
            yield f"{prefix}{name}"
        elif name != _NO_SETTING:
            yield f"{prefix}{name} (unknown)"
