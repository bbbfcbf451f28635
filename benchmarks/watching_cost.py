"""What does the live view cost? The same workers, watched and not watched, by turns, on one Redis.

One set of workers drains backlogs. In every other turn, in an order that is drawn, the live view
of `harness run` follows the event logs and draws itself every second into a pseudo-terminal that is
read and thrown away; in the other turns nobody looks, as with --quiet. The witness of the rate is
the server: how long until it holds every result. Each pair is a turn of either kind. Every watched
turn begins to read the logs from their start, which a run does once per block: so the cost is
rather too high. Holds if the consume rate with the view is at least 0.98 of that without, worker
CPU per task at most 1.02, and the thread that looks and draws takes at most 3 % of one core.
"""

from __future__ import annotations

import io
import os
import pty
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from pairs import PAIRS, interleave, ratio
from recorder_cost import Side
from servers import private_servers

from harness.cli.watching.live import LiveView
from harness.results.events.unit_shape import UnitShape
from harness.runner.telling.courier import Courier
from harness.runner.telling.events import BlockStarts, Event, Goal
from harness.scenario.plan.loader import load_plan
from harness.workspace import open_workspace

HERE = Path(__file__).parent
UNITS = int(os.environ.get("BENCH_WATCHING_UNITS", "4000"))
MOST_OF_A_CORE = 0.03
CELL = load_plan(
    HERE / "agreement.yaml",
    sets=["loads=[backlog]", f"measure.units={UNITS}"],
    environ=os.environ,
).cells[0]
SHAPE = UnitShape(
    sequential=False,
    grouped=False,
    watched=False,
    held=True,
    stores_results=True,
    tasks_per_unit=1,
)


@dataclass(frozen=True)
class Watched:
    """One drained backlog."""

    elapsed_s: float
    cpu_ns: int
    view_cpu_s: float
    view_wall_s: float


class Metered(LiveView):
    """A live view that knows what its thread has used: looks and drawing."""

    cpu_s = 0.0
    drawn = 0

    def hear(self, event: Event, at_ns: int) -> None:
        super().hear(event, at_ns)
        self.cpu_s, self.drawn = time.thread_time(), self.drawn + 1


@contextmanager
def terminal() -> Iterator[io.TextIOWrapper]:
    """A real one, whose other end is read and thrown away."""
    master, slave = pty.openpty()

    def read_all() -> None:
        with suppress(OSError):
            while os.read(master, 65536):
                pass

    reader = threading.Thread(target=read_all, daemon=True)
    reader.start()
    with os.fdopen(slave, "w", encoding="utf-8") as stream:
        yield stream
    reader.join()
    os.close(master)


def turn(side: Side, number: int, *, view: bool) -> Watched:
    """One backlog, watched or not."""
    if not view:
        plain = side.turn(number)
        return Watched(plain.elapsed_s, plain.cpu_ns, 0.0, 0.0)
    began_s = time.monotonic()
    environ = {**os.environ, "TERM": "xterm-256color", "COLUMNS": "120", "LINES": "40"}
    with terminal() as stream, Metered(stream, environ) as listener:
        with Courier(listener) as courier:
            courier.tell(BlockStarts(0, 1, CELL, 60.0, 60.0))
            courier.follow(side.events, SHAPE)
            courier.stage("consuming", Goal(units=UNITS))
            done = side.turn(number)
        assert listener.drawn > 3, "nothing was drawn"
    return Watched(done.elapsed_s, done.cpu_ns, listener.cpu_s, time.monotonic() - began_s)


def main() -> None:
    """Print the three figures."""
    with (
        open_workspace(os.environ) as workspace,
        private_servers([CELL.configuration], workspace) as services,
        ExitStack() as stack,
    ):
        side = Side("on", 0, services, workspace, stack, CELL)
        turn(side, 0, view=True)
        off, on = interleave(
            lambda number: turn(side, number, view=False),
            lambda number: turn(side, number, view=True),
            max(2, PAIRS),
        )
    rate = ratio([one.elapsed_s for one in on], [one.elapsed_s for one in off])
    cpu = ratio([one.cpu_ns for one in off], [one.cpu_ns for one in on])
    share = sum(one.view_cpu_s for one in on) / sum(one.view_wall_s for one in on)
    print(f"consume rate, view on / off: {rate} {_holds(rate.estimate >= 0.98)}")
    print(f"worker CPU per task, view on / off: {cpu} {_holds(cpu.estimate <= 1.02)}")
    print(f"the view takes {share:.2%} of one core {_holds(share <= MOST_OF_A_CORE)}")
    holds = rate.estimate >= 0.98 and cpu.estimate <= 1.02 and share <= MOST_OF_A_CORE
    sys.exit(0 if holds else 1)


def _holds(it_does: bool) -> str:
    return "holds" if it_does else "DOES NOT HOLD"


if __name__ == "__main__":
    main()
