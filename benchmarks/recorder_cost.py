"""What does the recorder cost? Workers with it against workers without, on one Redis.

Both sets of workers live side by side and take turns with short backlogs, the idle one stopped.
The witness is the server: how long until it holds every result. Two processes that run the same
code differ by a per cent or two for as long as they live, so each pair is two fresh sets of workers
and the sum of their turns. Holds if the consume rate with the recorder is at least 0.98 of that
without, and worker CPU per task at most 1.02.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import redis
from pairs import PAIRS, interleave, ratio
from servers import private_servers

from harness.crew.clients import Clients
from harness.crew.workers import Workers
from harness.probe.app_variables import RECORDER_VARIABLE
from harness.runner.prepare import cellspec
from harness.runner.sessions.readiness import wait_ready
from harness.scenario.models.scenario import Cell
from harness.scenario.plan.loader import load_plan
from harness.services.provide import Services
from harness.usage import together
from harness.working_place import WorkingPlace
from harness.workspace import Workspace, open_workspace

HERE = Path(__file__).parent
UNITS = 1000
TURNS = 8
"""Of each set of workers, by turns with the other set's."""
CELL = load_plan(
    HERE / "agreement.yaml",
    sets=["loads=[backlog]", f"measure.units={UNITS}"],
    environ=os.environ,
).cells[0]


@dataclass(frozen=True)
class Turn:
    """Drained backlogs."""

    elapsed_s: float
    cpu_ns: int


class Side:
    """Ready workers, held, with a client and a look at the server."""

    def __init__(
        self,
        name: str,
        number: int,
        services: Services,
        workspace: Workspace,
        stack: ExitStack,
        cell: Cell = CELL,
    ) -> None:
        self._units = cell.measure.units or 0
        environ = dict(os.environ) | {RECORDER_VARIABLE: name}
        space = stack.enter_context(
            services.open_block(cell.configuration, f"recorder-{name}-{number}")
        )
        folder = workspace.folder(f"recorder-{name}-{number}")
        spec, events = folder / "cell.json", folder / "events"
        self.events = events
        events.mkdir()
        cellspec.write(spec, cell, space.settings, events)
        groups, place = cell.configuration.groups, WorkingPlace(workspace, folder, {})
        self.workers = stack.enter_context(
            Workers.start(groups, name, place.told(cellspec.environ_for("worker", spec, environ)))
        )
        self.clients = stack.enter_context(
            Clients.start(1, place.told(cellspec.environ_for("client", spec, environ)))
        )
        self.server = redis.Redis.from_url(space.settings["result_backend"])
        wait_ready(self.workers, self.clients, events, 60, environ)
        self.clients.ask("warmup", None, _nothing)
        self.workers.hold()

    def turn(self, _: int) -> Turn:
        """Publish a backlog, release the workers, wait until the server holds all results."""
        self.clients.ask("measure", 300, _nothing)
        before, keys = self._worker_cpu_ns(), self._results()
        began = time.monotonic()
        self.workers.release()
        while self._results() < keys + self._units:
            time.sleep(0.005)
        elapsed_s = time.monotonic() - began
        used_ns = self._worker_cpu_ns() - before
        self.workers.hold()
        return Turn(elapsed_s, used_ns)

    def _worker_cpu_ns(self) -> int:
        return together(self.workers.usage().values()).cpu_ns

    def _results(self) -> int:
        """Results stored since the server started: each is one SETEX, and nothing else is."""
        statistics: dict[str, Any] = self.server.info("commandstats")
        return int(statistics.get("cmdstat_setex", {"calls": 0})["calls"])


def _nothing() -> None:
    """Nobody watches meanwhile."""


def pair(number: int, services: Services, workspace: Workspace) -> tuple[Turn, Turn]:
    """Fresh workers without and with the recorder; the sums of their turns."""
    with ExitStack() as stack:
        sides = [Side(name, number, services, workspace, stack) for name in ("off", "on")]
        off, on = (_sum(turns) for turns in interleave(sides[0].turn, sides[1].turn, TURNS, number))
    print(f"pair {number}: CPU per task on / off {on.cpu_ns / off.cpu_ns:.3f}", flush=True)
    return off, on


def _sum(turns: Sequence[Turn]) -> Turn:
    return Turn(sum(turn.elapsed_s for turn in turns), sum(turn.cpu_ns for turn in turns))


def main() -> None:
    """Print both ratios with their intervals."""
    with (
        open_workspace(os.environ) as workspace,
        private_servers([CELL.configuration], workspace) as services,
    ):
        pairs = [pair(number, services, workspace) for number in range(max(2, PAIRS // 2))]
    rate = ratio([on.elapsed_s for _, on in pairs], [off.elapsed_s for off, _ in pairs])
    cpu = ratio([off.cpu_ns for off, _ in pairs], [on.cpu_ns for _, on in pairs])
    print(f"consume rate, recorder on / off: {rate} {_holds(rate.estimate >= 0.98)}")
    print(f"worker CPU per task, recorder on / off: {cpu} {_holds(cpu.estimate <= 1.02)}")
    sys.exit(0 if rate.estimate >= 0.98 and cpu.estimate <= 1.02 else 1)


def _holds(it_does: bool) -> str:
    return "holds" if it_does else "DOES NOT HOLD"


if __name__ == "__main__":
    main()
