"""States that change by themselves, declared as data and driven by the local Azure's clock."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from local.clock import Clock

NEVER: Final = float("inf")


class Transition:
    """Stages with the seconds that each lasts, and the state in which it ends; it begins when it is made."""

    def __init__(self, clock: Clock, stages: Sequence[tuple[str, float]], final: str) -> None:
        self._clock = clock
        self._stages = stages
        self._began = clock.now()
        self.final = final

    @property
    def state(self) -> str:
        """The state now."""
        elapsed = self._clock.now() - self._began
        for state, seconds in self._stages:
            if elapsed < seconds:
                return state
            elapsed -= seconds
        return self.final

    @property
    def ended(self) -> bool:
        """Whether it has come to its end."""
        return self._clock.now() - self._began >= sum(seconds for _, seconds in self._stages)


@dataclass
class Timing:
    """How long what Azure does for minutes takes here, in the clock's seconds; for transitions that begin from now on.

    What is given no time ends at once.
    """

    provisioning_seconds: float
    activation_seconds: float
    update_seconds: float = 0
    deletion_seconds: float = 0
    purge_seconds: float = 0
    upload_seconds: float = 0
    backup_seconds: float = 0
    registration_seconds: float = 0
    role_seconds: float = 0
    network_seconds: float = 0
    clock: Clock = field(default_factory=Clock)

    def begin(self, stages: Sequence[tuple[str, float]], final: str) -> Transition:
        """Begin a transition."""
        return Transition(self.clock, stages, final)
