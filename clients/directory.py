"""Who there is in the tenant, by Microsoft Graph."""

from collections.abc import Collection
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from clients.azure_errors import our_errors, unreadable
from clients.credential import RETRIES, credential, own_identity
from clients.transport import make_transport
from domain.cloud import GRAPH
from domain.errors import RefusedByAzure

if TYPE_CHECKING:
    from azure.core import PipelineClient
    from azure.core.rest import HttpRequest, HttpResponse

_ACTION: Final = "look for principals in Entra"
_SELECTED: Final = "id,accountEnabled"
_GROUP: Final = "#microsoft.graph.group"
_ACCOUNTS: Final = ("#microsoft.graph.user", "#microsoft.graph.servicePrincipal")


@lru_cache(maxsize=1)
def _client() -> "PipelineClient[HttpRequest, HttpResponse]":
    from azure.core import PipelineClient
    from azure.core.pipeline.policies import BearerTokenCredentialPolicy, RetryPolicy

    sign_in = BearerTokenCredentialPolicy(credential(), f"{GRAPH}/.default")
    return PipelineClient(GRAPH, policies=[RetryPolicy(**RETRIES), sign_in], transport=make_transport())


class Actors(NamedTuple):
    """By which principals somebody other than the service can act, by object ids in lower case."""

    existing: frozenset[str] = frozenset()
    """Those whom the directory knows; none where the service may not read it."""
    acting: frozenset[str] = frozenset()
    """Enabled accounts, and groups with one in them, however deep."""
    unseen: frozenset[str] = frozenset()
    """Those of whom the service may not see that: nobody knows."""


class _Principal(NamedTuple):
    object_id: str
    kind: str
    enabled: bool


def find_principals(object_ids: Collection[str]) -> set[str] | None:
    """Give those of these object ids that are a person, a group or an application of the tenant.

    None where the service may not read the directory: nobody knows then.
    """
    found = _get_by_ids(object_ids)
    return None if found is None else {one.object_id for one in found}


def find_actors(object_ids: Collection[str]) -> Actors:
    """Say by which of these principals somebody can act, for whom an HSM would not be lost.

    Source: Microsoft Graph v1.0, group: list transitive members, which takes the same permission as `getByIds`, and
    `Member.Read.Hidden` for groups whose membership is hidden.
    """
    found = _get_by_ids(object_ids) if object_ids else []
    if found is None:
        return Actors(unseen=frozenset(object_id.lower() for object_id in object_ids))
    acts = {one.object_id: _find_actor(one.object_id) if one.kind == _GROUP else _is_actor(one) for one in found}
    return Actors(
        existing=frozenset(acts),
        acting=frozenset(one for one, does in acts.items() if does),
        unseen=frozenset(one for one, does in acts.items() if does is None),
    )


def _find_actor(group: str) -> bool | None:
    """Say whether somebody else is in a group who can act; None where the service may not see who is in it."""
    from azure.core.rest import HttpRequest

    link = f"{GRAPH}/v1.0/groups/{group}/transitiveMembers?$select={_SELECTED}&$top=999"
    while link:
        try:
            page = _ask(HttpRequest("GET", link))
        except RefusedByAzure as refusal:
            if refusal.detail.code != "azure_not_found":
                raise
            # Deleted since it was found.
            return False
        if page is None:
            return None
        if any(_is_actor(member) for member in _read(page)):
            return True
        link = page.get("@odata.nextLink") or ""
        # Our token goes there: it must be Graph's.
        if link and not link.startswith(f"{GRAPH}/"):
            raise unreadable(_ACTION)
    return False


def _is_actor(one: _Principal) -> bool:
    # A group in a group is nobody by itself, nor is a device.
    return one.kind in _ACCOUNTS and one.enabled and one.object_id != own_identity().object_id


def _get_by_ids(object_ids: Collection[str]) -> list[_Principal] | None:
    """Look principals up; None where the service may not read the directory.

    Source: Microsoft Graph v1.0, directoryObject: getByIds, which takes 1,000 ids, and passes over what it does not
    know. Of a user it gives `accountEnabled` only where that is selected.
    """
    from azure.core.rest import HttpRequest

    wanted = sorted({object_id.lower() for object_id in object_ids})
    body = {"ids": wanted, "types": ["user", "group", "servicePrincipal"]}
    url = f"{GRAPH}/v1.0/directoryObjects/getByIds?$select={_SELECTED}"
    found = _ask(HttpRequest("POST", url, json=body))
    return None if found is None else _read(found)


def _ask(request: "HttpRequest") -> dict[str, Any] | None:
    """Give what Graph answers; None where the service may not see that."""
    try:
        with our_errors(_ACTION):
            response = _client().send_request(request)
            response.raise_for_status()
            answer: dict[str, Any] = response.json()
    except RefusedByAzure as refusal:
        if refusal.detail.code in ("azure_forbidden", "azure_sign_in_failed"):
            return None
        raise
    return answer


def _read(answer: dict[str, Any]) -> list[_Principal]:
    try:
        return [
            # What the service may not see of an account is null: it is not known to be disabled.
            _Principal(str(item["id"]).lower(), str(item["@odata.type"]), item.get("accountEnabled") is not False)
            for item in answer["value"]
        ]
    except (KeyError, TypeError, AttributeError):
        raise unreadable(_ACTION) from None
