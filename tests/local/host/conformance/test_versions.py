"""host.json's versioning strategies."""

from tests.local.host.conformance.hosts import APPS, Hosts

APP = APPS / "versions"


def test_versioning_strategy_strict_fail(hosts: Hosts) -> None:
    app = hosts.copy_app(
        APP, {"defaultVersion": "2.0", "versionMatchStrategy": "Strict", "versionFailureStrategy": "Fail"}
    )
    client = hosts.start(app)
    assert client.run("tell_versions") == ["2.0", "2.0"]
    assert client.output_of(client.start("tell_version", version="2.0")) == "2.0"
    for version in ("1.0", "3.0"):
        failed = client.end_of(client.start("tell_version", version=version))
        assert (failed["runtimeStatus"], version in failed["output"]) == ("Failed", True)


def test_versioning_strategy_current_or_older_reject(hosts: Hosts) -> None:
    """What is rejected waits for a host that takes it."""
    older = {"defaultVersion": "2.0", "versionMatchStrategy": "CurrentOrOlder", "versionFailureStrategy": "Reject"}
    client = hosts.start(hosts.copy_app(APP, older), state="versions")
    rejected = client.start("tell_version", version="10.0")
    assert client.output_of(client.start("tell_version", version="1.9")) == "1.9"
    assert client.run("tell_version") == "2.0"
    assert client.describe(rejected)["runtimeStatus"] == "Pending"
    client.host.process.stop()
    newer = hosts.start(hosts.copy_app(APP, older | {"defaultVersion": "10.0"}), state="versions")
    assert newer.output_of(rejected) == "10.0"


def test_versioning_strategy_none(hosts: Hosts) -> None:
    client = hosts.start(hosts.copy_app(APP, {"defaultVersion": "2.0", "versionMatchStrategy": "None"}))
    for version in ("1.0", "2.0", "10.0"):
        assert client.output_of(client.start("tell_version", version=version)) == version
    assert client.run("tell_version") == "2.0"
