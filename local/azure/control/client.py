"""A client of the control API, for tests and demonstrations."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Literal
from urllib.parse import urlencode

import requests

from local.azure.control.models import (
    ClockChange,
    ControlModel,
    CreationChange,
    ExportMode,
    ExportOutcomes,
    Integration,
    MadeApplication,
    MadeGroup,
    MadePerson,
    MadeSpaClient,
    NewApi,
    NewApplication,
    NewCertificate,
    NewFault,
    NewGroup,
    NewHold,
    NewLock,
    NewPerson,
    NewResource,
    NewRole,
    NewSpaClient,
    NewSubscription,
    NewToken,
    NewVault,
    PlantedHits,
    PlantedHsm,
    PlantedHsms,
    PrivateCallers,
    ProvisioningFailures,
    RedirectUris,
    Registration,
    ResourceManagerChange,
    StorageChange,
    SubscriptionChange,
    TimingChange,
)
from local.azure.core.claims import Version
from local.azure.resource_manager.locks import LockLevel


class ControlClient:
    """Does to a local Azure what nobody can do to Azure."""

    def __init__(self, control_url: str) -> None:
        self._url = control_url
        self._session = requests.Session()
        self._session.trust_env = False

    def change_timing(
        self, provisioning_seconds: float | None = None, activation_seconds: float | None = None, **others: float
    ) -> None:
        """Change how long transitions take that begin from now on; `others` are fields of `TimingChange`."""
        named = {"provisioning_seconds": provisioning_seconds, "activation_seconds": activation_seconds, **others}
        self._send("PUT", "timing", TimingChange.model_validate(named))

    def change_clock(self, *, speed: float | None = None, advance_seconds: float = 0) -> None:
        """Speed the local Azure's clock up, or move it on."""
        self._send("PUT", "clock", ClockChange(speed=speed, advance_seconds=advance_seconds))

    def now(self) -> datetime:
        """Give the local Azure's time, to the second."""
        return datetime.fromisoformat(self._send("GET", "clock")["now"])

    def create_application(
        self,
        display_name: str,
        app_roles: dict[str, list[str]],
        azure_role: str | None = None,
        groups: Sequence[str] = (),
    ) -> MadeApplication:
        """Register an application, in groups by their object ids."""
        body = {"displayName": display_name, "appRoles": app_roles, "azureRole": azure_role, "groups": list(groups)}
        return MadeApplication.model_validate(self._send("POST", "applications", NewApplication.model_validate(body)))

    def create_api(
        self, audience: str, client_id: str, *, scopes: list[str] | None = None, version: Version = 1
    ) -> None:
        """Register an API, or change it: by itself one is known, of version 1, once roles of it are given."""
        named = {} if scopes is None else {"scopes": scopes}
        body = {"audience": audience, "client_id": client_id, "version": version, **named}
        self._send("POST", "apis", NewApi.model_validate(body))

    def create_spa_client(self, display_name: str, redirect_uris: Sequence[str] = ()) -> str:
        """Register a single-page application that signs people in, and give its client id."""
        body = NewSpaClient(display_name=display_name, redirect_uris=list(redirect_uris))
        return MadeSpaClient.model_validate(self._send("POST", "spa-clients", body)).client_id

    def change_spa_client(self, client_id: str, redirect_uris: list[str]) -> None:
        """Change at which URIs a single-page application may be answered."""
        self._send("PUT", f"spa-clients/{client_id}", RedirectUris(redirect_uris=redirect_uris))

    def create_person(
        self,
        display_name: str,
        user_principal_name: str,
        *,
        app_roles: dict[str, list[str]] | None = None,
        groups: list[str] | None = None,
        account_enabled: bool = True,
    ) -> MadePerson:
        """Make a person who may sign in; `groups` are object ids."""
        named = {
            "display_name": display_name,
            "user_principal_name": user_principal_name,
            "account_enabled": account_enabled,
        }
        body = NewPerson.model_validate({**named, "app_roles": app_roles or {}, "groups": groups or []})
        return MadePerson.model_validate(self._send("POST", "people", body))

    def people(self) -> list[MadePerson]:
        """List the people of the directory."""
        return [MadePerson.model_validate(person) for person in self._send("GET", "people")]

    def create_group(self, display_name: str, groups: Sequence[str] = ()) -> str:
        """Make a group, in others by their object ids, and give its own."""
        body = NewGroup(display_name=display_name, groups=list(groups))
        return MadeGroup.model_validate(self._send("POST", "groups", body)).object_id

    def create_token(self, token: NewToken) -> str:
        """Mint a token, right or wrong."""
        return str(self._send("POST", "tokens", token)["accessToken"])

    def create_subscription(self, *, registered: bool = False, **named: Any) -> str:
        """Make a subscription in which the managed identity is Contributor, and give its id.

        `named` are fields of `NewSubscription`: `display_name`, `state`, `tags`, `management_groups`.
        """
        body = NewSubscription.model_validate({"registered": registered, **named})
        return str(self._send("POST", "subscriptions", body)["id"])

    def change_subscription(self, subscription_id: str, **changes: Any) -> None:
        """Change what a subscription says of itself: fields of `SubscriptionChange`."""
        self._send("PUT", f"subscriptions/{subscription_id}", SubscriptionChange.model_validate(changes))

    def create_lock(self, scope: str, name: str, level: LockLevel = "CanNotDelete") -> None:
        """Lock a subscription, a resource group or an HSM, by its id."""
        self._send("POST", "locks", NewLock(scope=scope, name=name, level=level))

    def remove_lock(self, scope: str, name: str) -> None:
        """Take a lock away."""
        parameters = {"scope": scope, "name": name}
        self._session.delete(f"{self._url}/locks", params=parameters, timeout=10).raise_for_status()

    def create_vault(
        self,
        name: str,
        *,
        restricted: bool = False,
        purge_protection: bool = False,
        assignments: dict[str, list[str]] | None = None,
    ) -> None:
        """Make a vault, open to everybody of the tenant or only to those who are assigned something."""
        assigned = assignments or {}
        new = NewVault(name=name, restricted=restricted, purge_protection=purge_protection, assignments=assigned)
        self._send("POST", "vaults", new)

    def change_storage(
        self,
        *,
        immutable_containers: list[str] | None = None,
        restricted: bool | None = None,
        assignments: dict[str, list[str]] | None = None,
    ) -> None:
        """Say which containers are immutable, and who may use the storage account's data."""
        change = {"immutable_containers": immutable_containers, "restricted": restricted}
        self._send("PUT", "storage", StorageChange.model_validate({**change, "assignments": assignments or {}}))

    def plant_certificate(self, vault: str, name: str, pem: str, *, enabled: bool = True) -> str:
        """Plant a certificate in a vault and give its id."""
        body = NewCertificate(vault=vault, name=name, certificate_pem=pem, enabled=enabled)
        return str(self._send("POST", "certificates", body)["id"])

    def exports(self, hsm: str) -> list[dict[str, Any]]:
        """List the exports of an HSM's security domain, by their hashes."""
        exports: list[dict[str, Any]] = self._send("GET", f"exports/{hsm}")["exports"]
        return exports

    def change_export_mode(self, during_activation: str) -> None:
        """Say what a download does during activation: `again` or `refuse`."""
        self._send("PUT", "exports/mode", ExportMode.model_validate({"duringActivation": during_activation}))

    def queue_export_outcomes(self, *outcomes: str) -> None:
        """Say how the next exports end."""
        self._send("POST", "exports/outcomes", ExportOutcomes.model_validate({"outcomes": outcomes}))

    def queue_upload_outcomes(self, *outcomes: str) -> None:
        """Say how the next uploads of a security domain end."""
        self._send("POST", "uploads/outcomes", ExportOutcomes.model_validate({"outcomes": outcomes}))

    def fail_provisioning(self, count: int) -> None:
        """Let the next creations fail."""
        self._send("POST", "transitions/provisioning-failures", ProvisioningFailures(count=count))

    def change_registration(self, *, registered: bool) -> None:
        """Register the subscription for Microsoft.KeyVault, or make it as new ones are."""
        self._send("PUT", "registration", Registration(registered=registered))

    def hsms(self) -> list[dict[str, Any]]:
        """List all HSMs, deleted ones included."""
        hsms: list[dict[str, Any]] = self._send("GET", "hsms")
        return hsms

    def plant_hsms(self, *hsms: PlantedHsm) -> None:
        """Have HSMs that nobody asked for, in any state, at once."""
        self._send("POST", "hsms", PlantedHsms(hsms=list(hsms)))

    def change_creation(
        self,
        hsm: str,
        *,
        created_at: datetime | None = None,
        created_by: str | None = None,
        created_by_type: Literal["Application", "User"] | None = None,
    ) -> None:
        """Change when an HSM was made, and by whom."""
        change = CreationChange(created_at=created_at, created_by=created_by, created_by_type=created_by_type)
        self._send("PUT", f"hsms/{hsm}", change)

    def plant_hits(self, hsm: str, at: datetime, count: int) -> None:
        """Let an HSM have answered requests, in addition to those that it did answer."""
        self._send("POST", f"hsms/{hsm}/hits", PlantedHits(at=at, count=count))

    def change_private_callers(self, hsm: str, *object_ids: str) -> None:
        """Say who reaches an HSM over a private endpoint."""
        self._send("PUT", f"hsms/{hsm}/private-callers", PrivateCallers(object_ids=list(object_ids)))

    def change_role(self, object_id: str, scope: str, role: str | Sequence[str] | None) -> None:
        """Give a principal another role at a scope: a built-in one, actions, or (None) no role."""
        named = role if role is None or isinstance(role, str) else list(role)
        self._send("POST", "roles", NewRole(object_id=object_id, scope=scope, role=named))

    def plant_resource(self, resource_id: str, *, location: str = "norwayeast", **properties: Any) -> None:
        """Have a virtual network, a private DNS zone, a link of one, a workspace or an action group.

        `properties` are those of its PUT, in camelCase.
        """
        self._send("POST", "resources", NewResource(id=resource_id, location=location, properties=properties))

    def forget_resource(self, resource_id: str) -> None:
        """Make what is no HSM disappear, with what is in it."""
        parameters = {"id": resource_id}
        self._session.delete(f"{self._url}/resources", params=parameters, timeout=10).raise_for_status()

    def integrate(self, object_id: str, subnet_id: str | None) -> None:
        """Let all requests of a principal come from a subnet, or (None) from the internet."""
        self._send("PUT", f"network/integrations/{object_id}", Integration(subnet_id=subnet_id))

    def replace_transfer_key(self, hsm: str) -> None:
        """Have an HSM that waits for a security domain make another transfer key."""
        self._session.delete(f"{self._url}/hsms/{hsm}/transfer-key", timeout=10).raise_for_status()

    def change_resource_manager(self, **changes: Any) -> None:
        """Change fields of `ResourceManagerChange`: quotas, what is lost or never ends, pages, the graph's lag."""
        self._send("PUT", "resource-manager", ResourceManagerChange.model_validate(changes))

    def forget_hsm(self, name: str) -> None:
        """Make one HSM disappear, as if it had never been."""
        self._session.delete(f"{self._url}/hsms/{name}", timeout=10).raise_for_status()

    def forget_hsms(self) -> None:
        """Make all HSMs disappear, as if they had never been."""
        self._session.delete(f"{self._url}/hsms", timeout=10).raise_for_status()

    def hold(self, hold: NewHold) -> str:
        """Hold the next request that matches; gives the hold's id."""
        return str(self._send("POST", "holds", hold)["id"])

    def await_hold(self, identifier: str, seconds: float) -> bool:
        """Wait until a request is held; False where none came."""
        return bool(self._send("GET", f"holds/{identifier}?waitSeconds={seconds}")["state"] == "holding")

    def release(self, identifier: str, *, drop: bool = False) -> None:
        """Let a held request go on, or drop one that was held before its effect."""
        parameters = {"drop": "true"} if drop else {}
        self._session.delete(f"{self._url}/holds/{identifier}", params=parameters, timeout=10).raise_for_status()

    def inject_fault(self, fault: NewFault) -> str:
        """Let the next requests that match meet an effect; gives the fault's id."""
        return str(self._send("POST", "faults", fault)["id"])

    def remove_fault(self, identifier: str) -> int:
        """Let it go wrong no more, and tell how often it did."""
        return int(self._send("DELETE", f"faults/{identifier}")["met"])

    def faults(self) -> list[dict[str, Any]]:
        """List the faults with how often each was met."""
        faults: list[dict[str, Any]] = self._send("GET", "faults")
        return faults

    def clear_faults(self) -> None:
        """Let nothing go wrong from now on."""
        self._session.delete(f"{self._url}/faults", timeout=10).raise_for_status()

    def journal(self, service: str | None = None, *, since: int = 0) -> list[dict[str, Any]]:
        """List the requests of a service, or all, from the one of number `since` on."""
        named = {"since": str(since)} | ({"service": service} if service else {})
        entries: list[dict[str, Any]] = self._send("GET", f"journal?{urlencode(named)}")
        return entries

    def telemetry(self, *, since: int = 0) -> list[dict[str, Any]]:
        """List what came to Application Insights, as it was sent, from the item of number `since` on."""
        items: list[dict[str, Any]] = self._send("GET", f"telemetry?since={since}")
        return items

    def _send(self, method: str, path: str, body: ControlModel | None = None) -> Any:
        text = body.model_dump_json(by_alias=True) if body is not None else None
        response = self._session.request(method, f"{self._url}/{path}", data=text, timeout=120)
        response.raise_for_status()
        return response.json()
