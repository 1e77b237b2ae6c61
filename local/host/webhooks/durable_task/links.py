"""Links into the management API: in its own answers, and in the durable client binding.

Sources: the extension's HttpApiHandler.cs (paths, queries, forwarded headers) and BindingHelper.cs (the binding); what
the SDK makes of the binding, azure.durable_functions.client and its http_management_payload.
"""

import json
from typing import Final, NamedTuple
from urllib.parse import quote, urlencode

from starlette.requests import Request

BASE_PATH: Final = "/runtime/webhooks/durabletask"
INSTANCE_PLACEHOLDER: Final = "INSTANCEID"
_CONNECTION: Final = "Storage"
_LARGEST_MESSAGE: Final = 2**31 - 1


class Management(NamedTuple):
    """What the links are made of: the task hub, the system key that opens them, and whose word on the host counts."""

    task_hub: str
    system_key: str
    use_forwarded_host: bool = False

    @property
    def query(self) -> str:
        """The query that each link has."""
        values = {"taskHub": self.task_hub, "connection": _CONNECTION, "code": self.system_key}
        return urlencode(values, quote_via=quote, safe="")


def find_origin(request: Request, management: Management) -> str:
    """Give the scheme and host by which the caller knows this host.

    The headers X-Forwarded-Host and X-Forwarded-Proto count where both are there and host.json's
    httpSettings.useForwardedHost says so: whoever may set them could have the key sent anywhere.
    """
    forwarded = [_first(request.headers.get(f"x-forwarded-{name}", "")) for name in ("proto", "host")]
    scheme, host = request.url.scheme, request.url.netloc
    if management.use_forwarded_host and all(forwarded):
        scheme, host = forwarded
    return f"{scheme}://{host}"


def make_own_link(request: Request, management: Management) -> str:
    """Give the link that the caller followed."""
    query = f"?{request.url.query}" if request.url.query else ""
    return f"{find_origin(request, management)}{quote(request.scope['path'])}{query}"


def _first(values: str) -> str:
    return values.partition(",")[0].strip()


def make_status_links(origin: str, instance_id: str, management: Management) -> dict[str, str]:
    """Give the body of a check-status answer; it has no link to rewind."""
    links = _make_instance_links(origin, instance_id, management)
    del links["rewindPostUri"]
    return links


def _make_instance_links(origin: str, instance_id: str, management: Management) -> dict[str, str]:
    query = management.query
    instance = f"{origin}{BASE_PATH}/instances/{quote(instance_id, safe='')}"
    return {
        "id": instance_id,
        "statusQueryGetUri": f"{instance}?{query}",
        "sendEventPostUri": f"{instance}/raiseEvent/{{eventName}}?{query}",
        "terminatePostUri": f"{instance}/terminate?reason={{text}}&{query}",
        "rewindPostUri": f"{instance}/rewind?reason={{text}}&{query}",
        "purgeHistoryDeleteUri": f"{instance}?{query}",
        "restartPostUri": f"{instance}/restart?{query}",
        "suspendPostUri": f"{instance}/suspend?reason={{text}}&{query}",
        "resumePostUri": f"{instance}/resume?reason={{text}}&{query}",
    }


def describe_durable_client(origin: str, durable_address: str, management: Management) -> str:
    """Write the durable client binding's JSON.

    `origin` is the scheme and host of the functions, `durable_address` the host and port of the engine's gRPC service.
    The SDK puts a request's own origin in the place of ours, an instance's id in the place of INSTANCEID.
    """
    base = f"{origin}{BASE_PATH}"
    orchestrator = f"{base}/orchestrators/{{functionName}}[/{{instanceId}}]"
    wait = "timeout={timeoutInSeconds}&pollingInterval={intervalInSeconds}"
    return json.dumps(
        {
            "taskHubName": management.task_hub,
            "creationUrls": {
                "createNewInstancePostUri": f"{orchestrator}?{management.query}",
                "createAndWaitOnNewInstancePostUri": f"{orchestrator}?{wait}&{management.query}",
            },
            "managementUrls": _make_instance_links(origin, INSTANCE_PLACEHOLDER, management),
            "baseUrl": base,
            "httpBaseUrl": base,
            "requiredQueryStringParameters": management.query,
            "rpcBaseUrl": durable_address,
            "useForwardedHost": management.use_forwarded_host,
            "maxGrpcMessageSizeInBytes": _LARGEST_MESSAGE,
        }
    )
