"""Which versions of orchestrations this host runs: host.json's versionMatchStrategy.

Source: the extension's host.json reference; how versions compare, durabletask's worker.
"""

from typing import Literal, NamedTuple

from packaging.version import InvalidVersion, Version

Strategy = Literal["None", "Strict", "CurrentOrOlder"]
OnMismatch = Literal["Reject", "Fail"]


class VersionRule(NamedTuple):
    """What is run: by default every version. A mismatch is left for another host, or failed."""

    strategy: Strategy = "None"
    current: str | None = None
    on_mismatch: OnMismatch = "Reject"

    def admits(self, version: str | None) -> bool:
        """Say whether an orchestration of a version is run here."""
        own, other = self.current or "", version or ""
        if self.strategy == "None" or own == other:
            return True
        return self.strategy == "CurrentOrOlder" and _is_older(other, own)


def _is_older(version: str, than: str) -> bool:
    if not version or not than:
        return not version
    try:
        return Version(version) <= Version(than)
    except InvalidVersion:
        return version < than
