"""Do the figures of a mix agree with what the server saw? Scenario `one-queue-or-two`, on Redis.

A recorder listens to Redis' MONITOR while a block is measured. A task's latency is there the time
from the command that puts its message into a queue to the one that stores its result: without the
harness' stamps, clocks, tables and percentiles. Of each part of the mix, with one pool and with two
groups of workers, the units and the medians and 99th percentiles of both are compared.

Holds if the units are the same, and the times differ by no more than 5 % or 25 ms: what client and
worker do before and after Redis has its command.
"""

from __future__ import annotations

import math
import os
import re
import socket
import sys
import tempfile
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from urllib.parse import urlsplit

from servers import private_servers

from harness.results.events.unit_shape import unit_shape
from harness.results.record.run import BlockRecord
from harness.results.store.run_folders import RunFolder
from harness.runner.ahead import BlockStart
from harness.runner.block import run_block
from harness.runner.job import BlockJob
from harness.runner.prepare.stored_plan import stored_cell
from harness.runner.telling.interrupts import Interrupts
from harness.scenario.models.scenario import Cell
from harness.scenario.plan.loader import load_plan
from harness.services.provide import Services
from harness.services.redis.driver import RedisService
from harness.workspace import Workspace, open_workspace

SCENARIO = Path(__file__).parent.parent / "scenarios" / "one-queue-or-two.yaml"
QUEUES = {"fast": "urgent", "slow": "reports"}
"""Part of the mix -> its queue."""
SHARE, LEAST_S = 0.05, 0.025
_SENT = re.compile(rb'^\+([\d.]+) \[[^\]]*\] "LPUSH" "([^"]*)" .*\\"id\\": \\"([0-9a-f-]{36})\\"')
_STORED = re.compile(rb'^\+([\d.]+) \[[^\]]*\] "(?:SETEX|SET)" "celery-task-meta-([0-9a-f-]{36})"')


@dataclass(frozen=True)
class Times:
    """How long the units of one part took, in seconds."""

    units: int
    p50_s: float
    p99_s: float

    @staticmethod
    def of(samples_s: Sequence[float]) -> Times:
        """By the nearest rank."""
        ordered = sorted(samples_s)
        p50_s, p99_s = (ordered[math.ceil(len(ordered) * q) - 1] for q in (0.5, 0.99))
        return Times(len(ordered), p50_s, p99_s)

    def __str__(self) -> str:
        return f"{self.units} units, p50 {1e3 * self.p50_s:.1f} ms, p99 {1e3 * self.p99_s:.1f} ms"


class Monitor:
    """All commands that a Redis server gets while the context lasts."""

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        self._socket = socket.create_connection((parts.hostname or "127.0.0.1", parts.port or 6379))
        self._lines: list[bytes] = []
        if parts.password:
            self._socket.sendall(f"AUTH {parts.password}\r\n".encode())
        self._socket.sendall(b"MONITOR\r\n")
        self._reader = threading.Thread(target=self._read, daemon=True)

    def __enter__(self) -> Monitor:
        self._reader.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        self._socket.shutdown(socket.SHUT_RDWR)
        self._reader.join()
        self._socket.close()

    def _read(self) -> None:
        with self._socket.makefile("rb") as stream:
            self._lines.extend(stream)

    def last_by_part(self, count: int) -> dict[str, Times]:
        """Of the last `count` messages that were put into a queue: before them came the warm-up."""
        sent: dict[bytes, tuple[float, str]] = {}
        stored: dict[bytes, float] = {}
        for line in self._lines:
            if found := _SENT.match(line):
                sent.setdefault(found[3], (float(found[1]), found[2].decode()))
            elif found := _STORED.match(line):
                stored[found[2]] = float(found[1])
        last = sorted(sent.items(), key=lambda one: one[1][0])[-count:]
        return {
            part: Times.of([stored[one] - at_s for one, (at_s, key) in last if queue in key])
            for part, queue in QUEUES.items()
        }


def measured(
    services: Services, workspace: Workspace, folder: RunFolder, cell: Cell, number: int
) -> tuple[BlockRecord, dict[str, Times]]:
    """A block of a cell as the harness has it, and the times of its parts at the server."""
    shape = unit_shape(stored_cell(cell))
    name = f"harness-{number}"
    job = BlockJob(number, number, 0, cell, shape, name, folder, workspace, dict(os.environ))
    broker, _ = services.of(cell.configuration)
    assert isinstance(broker, RedisService)
    with Interrupts() as interrupts, Monitor(broker.url()) as monitor:
        block = run_block(BlockStart(job, services), services, interrupts)
    assert block.sound, block
    return block, monitor.last_by_part(block.units)


def agrees(mine: Times, theirs: Times) -> bool:
    """Whether the harness' times of a part are the server's."""
    pairs = ((mine.p50_s, theirs.p50_s), (mine.p99_s, theirs.p99_s))
    near = all(abs(one - other) <= max(SHARE * other, LEAST_S) for one, other in pairs)
    return near and mine.units == theirs.units


def compared(block: BlockRecord, seen: dict[str, Times]) -> bool:
    """Print a line for each part; whether all of them agree."""
    all_agree = True
    for part in block.by_task:
        p50_s, p99_s = part.latency_s.p50, part.latency_s.p99
        assert p50_s is not None
        assert p99_s is not None
        mine, theirs = Times(part.completed, p50_s, p99_s), seen[part.task]
        verdict = "holds" if agrees(mine, theirs) else "DOES NOT HOLD"
        all_agree &= agrees(mine, theirs)
        print(f"  {part.task}: harness {mine}; server {theirs}: {verdict}", flush=True)
    return all_agree


def main() -> None:
    """One block of each cell; its parts on both sides."""
    plan = load_plan(SCENARIO, sets=["measure.blocks=1"], environ=os.environ)
    all_agree = True
    with (
        open_workspace(os.environ) as workspace,
        tempfile.TemporaryDirectory() as results,
        private_servers([plan.cells[0].configuration], workspace) as services,
    ):
        folder = RunFolder.create(Path(results), "server-side")
        for number, cell in enumerate(plan.cells):
            print(cell.name)
            block, seen = measured(services, workspace, folder, cell, number)
            all_agree &= compared(block, seen)
    sys.exit(0 if all_agree else 1)


if __name__ == "__main__":
    main()
