"""Does a task cost more when a hundred thousand others are under way? On real Redis, observed.

Two open loops publish prebuilt messages for as long as it takes to have 10,000 and 100,000 units
under way; workers then need minutes for them. Holds if every unit is seen and right, and neither
the workers' CPU per task nor the observer's per result is more than 1.2 times as high with ten
times as many. (The ratio is of one block each: not of pairs, which would take an hour.)
"""

from __future__ import annotations

import os
import sys
import tempfile
from pathlib import Path

import yaml

from harness.results.record.run import BlockRecord
from harness.runner.run import RunOptions, run
from harness.runner.telling.events import BlockEnded, BlockStarts, Event
from harness.scenario.plan.loader import load_plan

UNITS = int(os.environ.get("BENCH_IN_FLIGHT", "100000"))
PER_S = 10_000
MOST = 1.2
REDIS = {"broker": {"service": "redis"}, "backend": {"service": "redis"}}


class Progress:
    """A line per block."""

    tick_s = None

    def hear(self, event: Event, at_ns: int) -> None:  # noqa: ARG002 - a Listener's signature
        if isinstance(event, BlockStarts):
            print(f"{event.cell.measure.units:,} units ...", flush=True)
        elif isinstance(event, BlockEnded):
            self._ended(event.block)

    def _ended(self, block: BlockRecord) -> None:
        most = max(phase.in_flight_at_end for phase in block.load_phases)
        print(
            f"{block.units:,} units, {most:,} under way at most: {block.outcomes.ok:,} ok, "
            f"{block.throughput_per_s:.0f}/s, workers {block.worker_cpu_ms_per_task:.3f} ms a "
            f"task, observer {block.observer['cpu_us_per_result']:.0f} us a result",
            flush=True,
        )


def measured(folder: Path) -> list[BlockRecord]:
    """The block with a tenth of the units, and the one with all of them."""
    loads = [
        {"load": "rate", "rate": PER_S, "publish": "prebuilt", "measure": {"units": units}}
        for units in (UNITS // 10, UNITS)
    ]
    scenario = {
        "name": "in-flight",
        "configurations": ["redis.yaml"],
        "workloads": ["add"],
        "loads": loads,
        "measure": {"warmup": 200, "timeout": "10min"},
    }
    (folder / "redis.yaml").write_text(yaml.safe_dump({"name": "redis", **REDIS}))
    (folder / "scenario.yaml").write_text(yaml.safe_dump(scenario))
    plan = load_plan(folder / "scenario.yaml", environ=os.environ)
    options = RunOptions(
        provider=None,
        results=folder,
        seed=1,
        project=Path.cwd(),
        environ=os.environ,
    )
    record, _ = run(plan, options, Progress())
    return [cell.blocks[0] for cell in record.cells]


def main() -> None:
    """Print both blocks and the ratios."""
    with tempfile.TemporaryDirectory() as folder:
        few, many = measured(Path(folder))
    assert few.worker_cpu_ms_per_task is not None
    assert many.worker_cpu_ms_per_task is not None
    workers = many.worker_cpu_ms_per_task / few.worker_cpu_ms_per_task
    observer = many.observer["cpu_us_per_result"] / few.observer["cpu_us_per_result"]
    right = all(block.outcomes.ok == block.units for block in (few, many))
    right = right and many.units == UNITS and not many.unsent
    print(f"every unit ok: {'holds' if right else 'DOES NOT HOLD'}")
    print(
        f"worker CPU per task, {UNITS:,} / {UNITS // 10:,} units: {workers:.3f} {_holds(workers)}"
    )
    print(f"observer CPU per result, the same: {observer:.3f} {_holds(observer)}")
    sys.exit(0 if right and max(workers, observer) <= MOST else 1)


def _holds(ratio: float) -> str:
    return "holds" if ratio <= MOST else "DOES NOT HOLD"


if __name__ == "__main__":
    main()
