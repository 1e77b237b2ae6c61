"""The whole on one machine: the local Azure, the local host, and the app between them."""

import fcntl
import os
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from local.azure.control.client import ControlClient
from local.azure.control.event_grid_client import EventGridControl
from local.azure.event_grid.settings import SubscriptionSettings
from local.azure.launch import LocalAzure, start_local_azure
from local.child_process import REPOSITORY
from local.files import to_shell, write_private
from local.host.launch import LocalHost, start_local_host
from local.people import create_people
from local.policy import TEAM_A, policy

if TYPE_CHECKING:
    from azure.identity import ClientSecretCredential

API_AUDIENCE: Final = "api://hsm-provisioner"
API_SCOPE: Final = f"{API_AUDIENCE}/.default"
CONTAINERS: Final = ("security-domains", "hsm-records", "audit", "restore-blobs")


class Application(NamedTuple):
    """An Entra application that calls the API."""

    client_id: str
    client_secret: str
    object_id: str


class StackInUse(RuntimeError):  # noqa: N818 - it says what happened
    """Another one runs in the same directory."""


class Stack(NamedTuple):
    """What runs, and how to reach it."""

    azure: LocalAzure
    host: LocalHost
    control: ControlClient
    portal: Application

    def client_environment(self) -> dict[str, str]:
        """Give the variables with which any client finds its way: SDKs, the Azure CLI, curl."""
        return {
            "FUNCTIONS_URL": self.host.functions_url,
            "API_SCOPE": API_SCOPE,
            **self.azure.endpoints.client_environment(),
            "AZURE_CLIENT_ID": self.portal.client_id,
            "AZURE_CLIENT_SECRET": self.portal.client_secret,
        }

    def portal_credential(self) -> "ClientSecretCredential":
        """Sign the portal's application in, as any of Azure's SDKs does."""
        from azure.identity import ClientSecretCredential

        return ClientSecretCredential(self.azure.endpoints.tenant_id, self.portal.client_id, self.portal.client_secret)

    @property
    def event_grid(self) -> EventGridControl:
        """What makes topics and subscriptions, and disorder among events."""
        return EventGridControl(self.azure.endpoints.control_url)

    def subscribe_function(self, function: str, subscription: str, **settings: Any) -> None:
        """Have Event Grid deliver a subscription's events to a function of the app, by its name.

        `settings` are fields of `SubscriptionSettings`: without a topic, its events are injected.
        """
        named = {"endpoint_url": self.host.event_grid_url(function), **settings}
        self.event_grid.put_subscription(subscription, SubscriptionSettings.model_validate(named))

    def pass_time(self, seconds: float) -> None:
        """Move the clocks of the local Azure and the host on together; the stack was started with `control`."""
        self.control.change_clock(advance_seconds=seconds)
        self.host.advance_clock(seconds)

    def write_environment(self, path: Path) -> None:
        """Write those variables for a shell to read; the file appears complete or not at all, for its owner only."""
        write_private(path, to_shell(self.client_environment()))


@contextmanager
def running_stack(
    directory: Path,
    *,
    provisioning_seconds: float,
    activation_seconds: float,
    tell: Callable[[str], None] = lambda _: None,
    environment_file: Path | None = None,
    settings: Mapping[str, str] | None = None,
    control: bool = False,
) -> Iterator[Stack]:
    """Start everything on free ports, give it, and leave nothing running; raises NotStarted, StackInUse.

    `settings` are app settings besides the necessary ones; `control` lets the time be changed. `environment_file`
    (without one, `local.env` in the directory) tells clients where everything is; it exists exactly while everything
    answers.
    """
    file = environment_file or directory / "local.env"
    with _alone_in(directory), _environment_kept():
        # One that was killed leaves its file behind.
        file.unlink(missing_ok=True)
        arguments = ["--control"] if control else []
        with _run_in(directory, provisioning_seconds, activation_seconds, tell, settings or {}, arguments) as stack:
            try:
                stack.write_environment(file)
                yield stack
            finally:
                file.unlink(missing_ok=True)


@contextmanager
def _environment_kept() -> Iterator[None]:
    """Give this process its environment back: clients in it find the stack that was started last, while it runs."""
    before = dict(os.environ)
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)


@contextmanager
def _alone_in(directory: Path) -> Iterator[None]:
    directory.parent.mkdir(parents=True, exist_ok=True)
    with directory.with_suffix(".lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            message = f"another one runs in {directory}: end it first"
            raise StackInUse(message) from None
        yield


@contextmanager
def _run_in(
    directory: Path,
    provisioning_seconds: float,
    activation_seconds: float,
    tell: Callable[[str], None],
    settings: Mapping[str, str],
    host_arguments: Sequence[str],
) -> Iterator[Stack]:
    shutil.rmtree(directory, ignore_errors=True)
    directory.mkdir(parents=True)
    tell("starting the local Azure")
    azure = start_local_azure(directory / "azure", provisioning_seconds, activation_seconds)
    try:
        control = ControlClient(azure.endpoints.control_url)
        portal = register_application(control, "portal", ["Hsm.Request"], groups=[TEAM_A], azure_role="Contributor")
        create_containers(azure, portal)
        create_people(control, API_AUDIENCE)
        console = control.create_spa_client("HSM console")
        tell("starting the app in the local host")
        all_settings = {**app_settings(azure), "HSM_PROVISIONER_CONSOLE_CLIENT_ID": console, **settings}
        host = start_local_host(REPOSITORY, directory / "host", all_settings, azure.environment(), host_arguments)
        try:
            # People come back from signing in to where the app answers, which is known only now.
            control.change_spa_client(console, [f"{host.functions_url}/api/console/"])
            yield Stack(azure, host, control, portal)
        finally:
            host.process.stop()
    finally:
        azure.process.stop()


def register_application(
    control: ControlClient, name: str, roles: list[str], *, groups: Sequence[str] = (), azure_role: str | None = None
) -> Application:
    """Register a caller of the API with some of its app roles, in groups that the policy names."""
    made = control.create_application(name, {API_AUDIENCE: roles}, azure_role, groups)
    return Application(made.client_id, made.client_secret, made.object_id)


def app_settings(azure: LocalAzure) -> dict[str, str]:
    """Give the app the settings that a deployment would: nothing in them says that this is not Azure."""
    endpoints = azure.endpoints
    return {
        "FUNCTIONS_WORKER_RUNTIME": "python",
        "TASKHUB_NAME": "hsmprovisioner",
        "IDENTITY_ENDPOINT": endpoints.identity_endpoint,
        "IDENTITY_HEADER": endpoints.identity_header,
        "HSM_PROVISIONER_TENANT_ID": endpoints.tenant_id,
        "HSM_PROVISIONER_API_AUDIENCE": API_AUDIENCE,
        "HSM_PROVISIONER_STORAGE_ACCOUNT_URL": endpoints.storage_account_url,
        "HSM_PROVISIONER_IDENTITY_CLIENT_ID": endpoints.identity_client_id,
        "HSM_PROVISIONER_POLL_SECONDS": "0.25",
        # Nearly never: whoever looks what is asked of Azure would see it at some minute of the hour, and at others not.
        "HSM_PROVISIONER_RECONCILIATION_SCHEDULE": "0 0 0 29 2 *",
        "HSM_PROVISIONER_BACKUP_SCHEDULE": "0 0 0 29 2 *",
        "HSM_PROVISIONER_POLICY": policy(),
    }


def create_containers(azure: LocalAzure, application: Application) -> None:
    """Create the containers that a deployment's template creates."""
    from azure.identity import ClientSecretCredential
    from azure.storage.blob import BlobServiceClient

    os.environ.update(azure.environment())
    credential = ClientSecretCredential(azure.endpoints.tenant_id, application.client_id, application.client_secret)
    with credential, BlobServiceClient(azure.endpoints.storage_account_url, credential=credential) as service:
        for container in CONTAINERS:
            service.create_container(container)
