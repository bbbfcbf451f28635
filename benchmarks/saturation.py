"""Do two searches for saturation of the same configuration agree within their ranges?

Each search is a run of BENCH_BLOCKS blocks of `add` on Redis, which answers with a range; two in a
row are a pair, BENCH_PAIRS of them. Holds if the ranges of at least nine pairs of ten meet.
"""

from __future__ import annotations

import os
import sys
import tempfile
from pathlib import Path

import yaml
from pairs import PAIRS, ratio

from harness.results.costs.capacity import SaturationRange, saturation_range
from harness.runner.run import RunOptions, run
from harness.runner.telling.events import Event
from harness.scenario.plan.loader import load_plan

BLOCKS = int(os.environ.get("BENCH_BLOCKS", "3"))
STEP = os.environ.get("BENCH_STEP", "3s")
REDIS = {"name": "redis", "broker": {"service": "redis"}, "backend": {"service": "redis"}}


class Silent:
    """Hears a run, and says nothing."""

    tick_s = None

    def hear(self, event: Event, at_ns: int) -> None:
        """Nothing to do."""


def search(folder: Path) -> SaturationRange:
    """One answer. Ends the benchmark where no block found a rate."""
    load = {"load": "saturate", "start": 200, "step": STEP, "arrivals": "poisson"}
    scenario = {
        "name": "saturation",
        "configurations": ["redis"],
        "workloads": ["add"],
        "loads": [load],
        "measure": {"blocks": BLOCKS, "warmup": 50},
    }
    for name, text in (("configs/redis", REDIS), ("scenarios/saturation", scenario)):
        path = folder / f"{name}.yaml"
        path.parent.mkdir(exist_ok=True)
        path.write_text(yaml.safe_dump(text), encoding="utf-8")
    environ = dict(os.environ)
    plan = load_plan(folder / "scenarios/saturation.yaml", environ=environ)
    options = RunOptions("local", folder / "results", None, folder, environ)
    record, _ = run(plan, options, Silent())
    found = saturation_range(record.blocks)
    if found is None:
        sys.exit(f"the run is {record.status}, and no search found a rate")
    return found


def _words(found: SaturationRange) -> str:
    return f"{found.median_per_s:.0f}/s ({found.low_per_s:.0f} to {found.high_per_s:.0f})"


def main() -> None:
    """A line per pair, then the claim."""
    sys.stdout.reconfigure(line_buffering=True)  # type: ignore[union-attr] # a terminal, file or pipe
    sides: tuple[list[float], list[float]] = ([], [])
    agreed = 0
    with tempfile.TemporaryDirectory() as folder:
        for number in range(1, PAIRS + 1):
            one, other = search(Path(folder)), search(Path(folder))
            meet = max(one.low_per_s, other.low_per_s) <= min(one.high_per_s, other.high_per_s)
            agreed += meet
            sides[0].append(one.median_per_s)
            sides[1].append(other.median_per_s)
            print(
                f"pair {number}: {_words(one)} and {_words(other)}: {'agree' if meet else 'APART'}"
            )
    holds = agreed >= 0.9 * PAIRS
    if PAIRS > 1:
        print(f"second search / first: {ratio(*sides)}")
    print(
        f"ranges of two searches of {BLOCKS} blocks meet: {agreed} of {PAIRS} pairs "
        f"{'holds' if holds else 'DOES NOT HOLD'}"
    )
    sys.exit(0 if holds else 1)


if __name__ == "__main__":
    main()
