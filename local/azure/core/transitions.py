"""States that change by themselves, declared as data and driven by time."""

import time
from collections.abc import Sequence
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Transition:
    """Stages with the seconds that each lasts, and the state in which it ends."""

    stages: Sequence[tuple[str, float]]
    final: str
    began: float = field(default_factory=time.monotonic)

    @property
    def state(self) -> str:
        """The state now."""
        elapsed = time.monotonic() - self.began
        for state, seconds in self.stages:
            if elapsed < seconds:
                return state
            elapsed -= seconds
        return self.final


@dataclass
class Timing:
    """How long what Azure does for minutes takes here, in seconds; for transitions that begin from now on."""

    provisioning_seconds: float
    activation_seconds: float
