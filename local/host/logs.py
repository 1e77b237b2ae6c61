"""The host's logging; the worker's is set up in its own process, in the same format."""

from local.host.worker.child.log_lines import LogFormat, set_up_logging

__all__ = ["LogFormat", "set_up_logging"]
