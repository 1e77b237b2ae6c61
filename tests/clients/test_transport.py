"""How requests leave for Azure."""

import socket

from azure.core.pipeline.transport import RequestsTransport
from requests.adapters import HTTPAdapter

from clients.transport import make_transport


def test_nothing_waits_for_more_to_send_behind_a_proxy_either() -> None:
    with make_transport() as transport:
        adapter = transport.session.get_adapter("https://localhsms.blob.core.windows.net")
        assert isinstance(adapter, HTTPAdapter)
        proxy = adapter.proxy_manager_for("http://127.0.0.1:3128")
        pool = proxy.connection_from_url("https://localhsms.blob.core.windows.net")
    assert (socket.IPPROTO_TCP, socket.TCP_NODELAY, 1) in pool.conn_kw["socket_options"]
    assert adapter.max_retries.total is False


def test_what_azure_core_does_to_connections_is_kept() -> None:
    url = "https://localhsms.blob.core.windows.net"
    with make_transport() as ours, RequestsTransport() as theirs:
        adapters = [transport.session.get_adapter(url) for transport in (ours, theirs)]
    assert isinstance(adapters[0], type(adapters[1]))
    retries = [{**vars(adapter.max_retries)} for adapter in adapters]
    assert retries[0] == retries[1]
