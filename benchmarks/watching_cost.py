"""What does the live view cost? Runs that are watched against runs with --quiet, on one Redis.

Each pair is two runs of `harness run` itself, in an order that is drawn, each of one block: a
backlog, whose consume rate is measured without a client beside it, or a closed load. The watched
one draws its view every second into a real pseudo-terminal, which is read and thrown away. Of each
run counts what its record says, and the CPU time of the harness' own process from start to end.
Holds if the rate with the view is at least 0.98 of that without, workers' CPU per task at most
1.02, and the view takes at most 3 % of one core.
"""

from __future__ import annotations

import json
import os
import pty
import sys
import tempfile
import threading
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from pairs import PAIRS, interleave, ratio

from harness.results.store import read_run

HERE = Path(__file__).parent
LOADS: Mapping[str, list[str]] = {
    "backlog": ["loads=[backlog]", "measure.units=8000"],
    "closed": ["measure.units=5000"],
}
MOST_OF_A_CORE = 0.03


@dataclass(frozen=True)
class Watched:
    """One run of one block."""

    rate_per_s: float
    cpu_ms_per_task: float
    harness_cpu_s: float
    """Of the harness' own process, from its start to its end."""
    wall_s: float

    @property
    def cores(self) -> float:
        return self.harness_cpu_s / self.wall_s


def measured(load: str, *, view: bool) -> Watched:
    """One run in a process of its own. Its standard error is a terminal in either case."""
    master, slave = pty.openpty()
    reader = threading.Thread(target=_read_all, args=(master,), daemon=True)
    reader.start()
    with tempfile.TemporaryDirectory() as results:
        sets = [word for pair in LOADS[load] for word in ("--set", pair)]
        arguments = [sys.executable, "-m", "harness", "run", str(HERE / "agreement.yaml"), *sets]
        arguments += ["--out", results, *([] if view else ["--quiet"])]
        environ = {**os.environ, "TERM": "xterm-256color", "COLUMNS": "120", "LINES": "40"}
        began_s = _now_s()
        pid = os.posix_spawn(
            sys.executable,
            arguments,
            environ,
            file_actions=[
                (os.POSIX_SPAWN_OPEN, 1, os.devnull, os.O_WRONLY, 0),
                (os.POSIX_SPAWN_DUP2, slave, 2),
            ],
        )
        os.close(slave)
        cpu_s = _own_cpu_s(pid)
        wall_s = _now_s() - began_s
        (folder,) = Path(results).iterdir()
        (block,) = read_run(folder).blocks
    assert block.sound, block.error
    assert block.throughput_per_s is not None
    assert block.worker_cpu_ms_per_task is not None
    return Watched(block.throughput_per_s, block.worker_cpu_ms_per_task, cpu_s, wall_s)


def _now_s() -> float:
    from harness.clock import monotonic_ns  # noqa: PLC0415 - beside its use

    return monotonic_ns() / 1e9


def _own_cpu_s(pid: int) -> float:
    """CPU of the process alone when it has ended: it is looked at as a zombie, before its children
    are added to it."""
    os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
    os.waitpid(pid, 0)
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _read_all(master: int) -> None:
    with suppress(OSError):
        while os.read(master, 65536):
            pass
    os.close(master)


def judged(load: str, pairs: int) -> bool:
    """Print the ratios of one load; whether they hold."""
    off, on = interleave(
        lambda _: measured(load, view=False), lambda _: measured(load, view=True), pairs
    )
    rate = ratio([one.rate_per_s for one in off], [one.rate_per_s for one in on])
    cpu = ratio([one.cpu_ms_per_task for one in off], [one.cpu_ms_per_task for one in on])
    cores_on = sum(one.harness_cpu_s for one in on) / sum(one.wall_s for one in on)
    cores_off = sum(one.harness_cpu_s for one in off) / sum(one.wall_s for one in off)
    extra = sum(one.harness_cpu_s for one in on) - sum(one.harness_cpu_s for one in off)
    view = extra / sum(one.wall_s for one in on)
    holds = rate.estimate >= 0.98 and cpu.estimate <= 1.02 and view <= MOST_OF_A_CORE
    print(f"{load}: rate, view on / off: {rate} {_holds(rate.estimate >= 0.98)}")
    print(f"{load}: worker CPU per task, view on / off: {cpu} {_holds(cpu.estimate <= 1.02)}")
    print(
        f"{load}: the view takes {view:.1%} of one core {_holds(view <= MOST_OF_A_CORE)} "
        f"(harness in all: {cores_on:.1%} with it, {cores_off:.1%} without, start and report "
        "included)",
        flush=True,
    )
    print(json.dumps({"load": load, "rate": rate.estimate, "cpu": cpu.estimate, "view": view}))
    return holds


def _holds(it_does: bool) -> str:
    return "holds" if it_does else "DOES NOT HOLD"


def main() -> None:
    """Both loads, each in half of the pairs."""
    found = [judged(load, max(2, PAIRS // 2)) for load in LOADS]
    sys.exit(0 if all(found) else 1)


if __name__ == "__main__":
    main()
