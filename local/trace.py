"""`python -m local.trace` makes one provision on this machine, and draws its trace for docs/observability.md."""

import sys
import tempfile
from pathlib import Path
from typing import Final

from local import telemetry
from local.child_process import REPOSITORY
from local.demo import CUSTODIANS, HSM_NAME, create_certificates, request_body
from local.portal import Portal
from local.stack import running_stack
from local.telemetry import SeenSpan, await_spans
from local.waterfall import draw

PICTURE: Final = REPOSITORY / "docs" / "images" / "trace-of-a-provision.svg"
PROVISIONING_SECONDS: Final = 2
ACTIVATION_SECONDS: Final = 1
TRACE: Final = "4bf92f3577b34da6a3ce929d0e0e4736"
_CALLER: Final = f"00-{TRACE}-00f067aa0ba902b7-01"
ADMINISTRATOR: Final = "6b8a4a0f-5b0e-4c38-9a51-3c1d4f0f7a11"


def trace_a_provision(directory: Path) -> list[SeenSpan]:
    """Make one, as a portal does that sends its trace along, and give all spans of it; raises RuntimeError."""
    with running_stack(
        directory,
        provisioning_seconds=PROVISIONING_SECONDS,
        activation_seconds=ACTIVATION_SECONDS,
        settings=telemetry.SETTINGS,
    ) as stack:
        portal = Portal(stack)
        # A worker's first request loads what all others find there.
        portal.send("GET", f"hsms/{HSM_NAME}")
        body = request_body(stack, create_certificates(stack), ADMINISTRATOR)
        response = portal.send("PUT", f"hsms/{HSM_NAME}", json=body, headers={"traceparent": _CALLER})
        response.raise_for_status()
        operation = portal.follow(response.json()["id"])
        if operation["status"] != "Succeeded":
            message = f"the provision ended {operation['status']}"
            raise RuntimeError(message)
        return await_spans(stack.control, TRACE, "record_operation")


def main() -> int:
    """Draw the picture anew."""
    with tempfile.TemporaryDirectory() as directory:
        spans = trace_a_provision(Path(directory) / "run")
    PICTURE.write_text(draw(spans))
    sys.stdout.write(f"{PICTURE.relative_to(REPOSITORY)}: {len(spans)} spans, {len(CUSTODIANS)} custodians\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
