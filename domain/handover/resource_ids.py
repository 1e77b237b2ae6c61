"""Azure resource ids of what others own and an HSM is joined to."""

import re
from typing import Annotated, Final

from pydantic import AfterValidator, Field
from pydantic_core import PydanticCustomError

_GROUP: Final = r"/subscriptions/[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}/resourceGroups/[-\w.()]{1,90}"
_NAME: Final = r"[A-Za-z0-9][-\w.]{0,127}"


def _of(*types: str) -> str:
    provider, *kinds = types
    return f"{_GROUP}/providers/{re.escape(provider)}" + "".join(f"/{kind}/{_NAME}" for kind in kinds)


def _id_of(what: str, *types: str) -> tuple[AfterValidator, object]:
    pattern = re.compile(_of(*types), re.ASCII | re.IGNORECASE)
    shape = "/".join(f"{kind}/NAME" for kind in types[1:])

    def check(text: str) -> str:
        if not pattern.fullmatch(text):
            code, message = "invalid_field", "This is the resource id of {what}: {shape}."
            place = f"/subscriptions/ID/resourceGroups/GROUP/providers/{types[0]}/{shape}"
            raise PydanticCustomError(code, message, {"what": what, "shape": place})
        return text

    return AfterValidator(check), Field(max_length=1024)


PrivateDnsZoneId = Annotated[str, *_id_of("a private DNS zone", "Microsoft.Network", "privateDnsZones")]
WorkspaceId = Annotated[str, *_id_of("a Log Analytics workspace", "Microsoft.OperationalInsights", "workspaces")]
StorageAccountId = Annotated[str, *_id_of("a storage account", "Microsoft.Storage", "storageAccounts")]
EventHubRuleId = Annotated[
    str,
    *_id_of(
        "an authorisation rule of an Event Hubs namespace", "Microsoft.EventHub", "namespaces", "authorizationRules"
    ),
]
ActionGroupId = Annotated[str, *_id_of("an action group", "Microsoft.Insights", "actionGroups")]
