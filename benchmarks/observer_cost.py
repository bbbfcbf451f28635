"""What does the observer cost? CPU per result, with 10,000 and with 100,000 units outstanding.

Real servers; the results are stored by Celery's own backend, in processes of their own, at full
speed, and once at a slow pace, when each result wakes the observer. On Redis it holds if a result
costs at most 100 us, and at most 1.2 times as much with 100,000 outstanding as with 10,000. rpc,
which only Celery's own consumer can read, is shown.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from servers import private_servers

from harness.conversation import Client
from harness.probe.recording.events import Kind, id_bytes
from harness.probe.recording.ids import namer, new_tag
from harness.probe.recording.recorder import Recorder
from harness.runner.prepare import cellspec
from harness.scenario.models.scenario import Cell
from harness.scenario.plan.loader import load_plan
from harness.services.provide import Services
from harness.working_place import WorkingPlace
from harness.workspace import Workspace, open_workspace

HERE = Path(__file__).parent
ROUNDS = int(os.environ.get("BENCH_ROUNDS", "3"))
FEW, MANY = 10_000, 100_000
SLOW, SLOW_PER_S = 4_000, 400
STORING_PROCESSES = 2
LIMIT_S = 900.0


def store(reply_to: str, tag: str, first: str, end: str, per_s: str) -> None:
    """Store right results of these units, as a worker does; so many per second, or 0: at once."""
    from celery.app.task import Context  # noqa: PLC0415 - in the storing processes only

    from harness.probe.app import app  # noqa: PLC0415 - it needs the cell spec
    from harness.probe.app_variables import load_spec  # noqa: PLC0415
    from harness.probe.workloads.registry import units_of  # noqa: PLC0415

    expected = units_of(load_spec()["workload"]).expected
    name, save = namer(int(tag, 16)), app.backend.store_result
    began, gap_s = time.monotonic(), 1 / int(per_s) if int(per_s) else 0.0
    for number, unit in enumerate(range(int(first), int(end))):
        if gap_s:
            time.sleep(max(0.0, began + number * gap_s - time.monotonic()))
        task_id = name(unit, 0)
        request = Context(reply_to=reply_to, correlation_id=task_id)
        save(task_id, expected(unit), "SUCCESS", request=request)


class Bench:
    """One server, with a fresh block and observer for each turn."""

    def __init__(self, cell: Cell, services: Services, workspace: Workspace) -> None:
        self._cell = cell
        self._services = services
        self._workspace = workspace
        self._turns = 0

    def turn(self, outstanding: int, per_s: int = 0) -> float:
        """CPU per result in us, when so many units are published and none has a result yet."""
        self._turns += 1
        label = f"{self._cell.configuration.name}-{self._turns}"
        folder = self._workspace.folder(label)
        spec, events = folder / "cell.json", folder / "events"
        events.mkdir()
        with self._services.open_block(self._cell.configuration, label) as space:
            cellspec.write(spec, self._cell, space.settings, events)
            environ = cellspec.environ_for("observer", spec, os.environ)
            place = WorkingPlace(self._workspace, folder, environ)
            with Client.start(place, "observer") as observer:
                start = observer.answer(60)
                tag = publish_on_paper(events, outstanding)
                observer.ask("watch", 60, tags=[f"{tag:016x}"])
                began = time.monotonic()
                self._store(environ, start["reply_to"] or "", tag, outstanding, per_s)
                answer = observer.ask("settle", LIMIT_S, limit_s=60.0, expected=outstanding)
                elapsed_s = time.monotonic() - began
        return report(outstanding, answer, elapsed_s)

    def _store(
        self, environ: dict[str, str], reply_to: str, tag: int, count: int, per_s: int
    ) -> None:
        edges = [count * part // STORING_PROCESSES for part in range(STORING_PROCESSES + 1)]
        command = [sys.executable, __file__, "store", reply_to, f"{tag:x}"]
        processes = [
            subprocess.Popen(
                [*command, *map(str, (*edges[part : part + 2], per_s // STORING_PROCESSES))],
                env=environ,
                stderr=subprocess.DEVNULL,
            )
            for part in range(STORING_PROCESSES)
        ]
        assert [process.wait(LIMIT_S) for process in processes] == [0] * STORING_PROCESSES


def publish_on_paper(events: Path, count: int) -> int:
    """The event log of a client that has published so many units; its tag."""
    tag = new_tag()
    name, recorder = namer(tag), Recorder(str(events), "client")
    for unit in range(count):
        ident = id_bytes(name(unit, 0))
        recorder.record(Kind.PUBLISH, ident, time.monotonic_ns(), unit)
        recorder.record(Kind.PUBLISHED, ident, time.monotonic_ns(), unit)
    recorder.close()
    return tag


def report(outstanding: int, answer: dict[str, Any], elapsed_s: float) -> float:
    """Print one turn. AssertionError if it did not see everything, by pushes alone."""
    assert (answer["seen"], answer["trouble"]) == (outstanding, ""), answer
    cost_us: float = answer["cpu_ns"] / 1e3 / outstanding
    rate = outstanding / elapsed_s
    print(f"{outstanding:>7,} outstanding: {cost_us:5.1f} us per result ({rate:,.0f} results/s)")
    return cost_us


def measure(configuration: str, workspace: Workspace) -> tuple[float, float, float]:
    """The median cost with few and with many outstanding, and the cost at a slow pace."""
    cell = load_plan(
        HERE / "agreement.yaml",
        sets=["loads=[backlog]", f"configurations=[{configuration}]"],
        environ=os.environ,
    ).cells[0]
    print(f"{configuration}:", flush=True)
    with private_servers(
        [cell.configuration], workspace, f"server-logs-{configuration}"
    ) as services:
        bench = Bench(cell, services, workspace)
        turns = [(bench.turn(FEW), bench.turn(MANY)) for _ in range(ROUNDS)]
        slow = bench.turn(SLOW, SLOW_PER_S)
    few, many = (statistics.median(costs) for costs in zip(*turns, strict=True))
    return few, many, slow


def main() -> None:
    """Print the costs and what is claimed of them."""
    with open_workspace(os.environ) as workspace:
        few, many, slow = measure("redis", workspace)
        rpc = measure("rabbitmq", workspace)
    holds = max(few, many, slow) <= 100 and many / few <= 1.2
    print(f"rpc: {rpc[0]:.0f}, {rpc[1]:.0f} and {rpc[2]:.0f} us per result (few, many, slow)")
    print(f"redis: {few:.0f}, {many:.0f} and {slow:.0f} us; many / few: {many / few:.2f}", end=" ")
    print("holds" if holds else "DOES NOT HOLD")
    sys.exit(0 if holds else 1)


if __name__ == "__main__":
    if sys.argv[1:2] == ["store"]:
        store(*sys.argv[2:])
    else:
        main()
