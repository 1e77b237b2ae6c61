"""The ids by which a caller finds its requests again are in the journal, of every service."""

import pytest
import requests

from local.azure.control.client import ControlClient
from local.azure.launch import LocalAzure

TRACE = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
SERVICES = {
    "entra": "https://login.microsoftonline.com/common/discovery/instance",
    "resource_manager": "https://management.azure.com/subscriptions",
    "managed_hsm": "https://nobody.managedhsm.azure.net/keys",
    "key_vault": "https://nobody.vault.azure.net/keys",
    "event_grid": "https://nobody.norwayeast-1.eventgrid.azure.net/api/events",
    "application_insights": "https://norwayeast-0.in.applicationinsights.azure.com/v2.1/track",
    "blob_storage": "https://devstoreaccount1.blob.core.windows.net/a/b",
}


@pytest.mark.parametrize(("service", "url"), SERVICES.items(), ids=list(SERVICES))
def test_ids_are_written_down(service: str, url: str, control: ControlClient) -> None:
    since = len(control.journal())
    sent = [
        {"x-ms-client-request-id": "my-request", "traceparent": TRACE},
        {"x-ms-client-request-id": "x" * 1000, "tracestate": "secret"},
        {},
    ]
    for headers in sent:
        requests.get(url, headers=headers, timeout=5)
    entries = control.journal(service, since=since)
    ids = [(entry["clientRequestId"], entry["traceparent"]) for entry in entries]
    assert ids == [("my-request", TRACE), ("x" * 128, None), (None, None)]
    assert "secret" not in str(entries)


def test_ids_of_an_sdk_reach_blob_storage(azure: LocalAzure, control: ControlClient) -> None:
    from azure.identity import ClientSecretCredential
    from azure.storage.blob import BlobServiceClient

    endpoints = azure.endpoints
    since = len(control.journal())
    with (
        ClientSecretCredential(endpoints.tenant_id, endpoints.client_id, endpoints.client_secret) as credential,
        BlobServiceClient(endpoints.storage_account_url, credential=credential) as service,
    ):
        service.get_service_properties(client_request_id="an-id", headers={"traceparent": TRACE})
    (entry,) = control.journal("blob_storage", since=since)
    assert (entry["clientRequestId"], entry["traceparent"], entry["status"]) == ("an-id", TRACE, 200)
