"""An entity that shows which operations were done in one batch: its state is kept at a batch's end only."""

import os
import time
from pathlib import Path

import azure.durable_functions as df
from durabletask.entities import DurableEntity

JOURNAL = Path(os.environ["JOURNAL"])

app = df.DFApp()


@app.entity_trigger(context_name="context", entity_name="gated")
class Gated(DurableEntity):
    """A number of operations, each of which waits at a gate of its own."""

    def step(self, gate: str) -> None:
        with (JOURNAL / "arrivals").open("a") as file:
            file.write(f"{gate}\n")
        deadline = time.monotonic() + 30
        while not (JOURNAL / gate).exists() and time.monotonic() < deadline:
            time.sleep(0.02)
        self.set_state(self.get_state(int, 0) + 1)
