"""Do figures of single tasks make false regressions? Made blocks of identical code.

A mix of ten tasks, two sides of the same code, in pairs of blocks whose noise is like that recorded
on quiet and on loaded machines: what all figures of a block share drifts from block to block, and
each has a part by itself, with heavy tails (t3). Every figure is judged by the harness' own code.

Shown: runs with a false regression among the whole's figures, as if tasks had none, and among all;
how often the whole's verdicts were others for the tasks being there; and how often an interval of a
task's figure missed the truth (1 % is what it says). Holds if no verdict on the whole is another,
at most one run in a hundred has a false regression for its tasks, and no more than 1 % of intervals
missed. --runs says how many of each size.
"""

from __future__ import annotations

import argparse
import math
import random
import sys
from collections.abc import Callable
from itertools import count

from harness.results.judge.compare import compare_run
from harness.results.record.by_task import PartRecord
from harness.results.record.comparison import ComparisonReport
from harness.results.record.distributions import Distribution, Outcomes
from harness.results.record.environment import Environment
from harness.results.record.run import BlockRecord, CellRecord, RunRecord
from harness.runner.order import interleaved

NOISE = {"quiet": (0.02, 0.02), "loaded": (0.08, 0.1), "very loaded": (0.2, 0.25)}
"""Spread of what the figures of a block share, and of what each has by itself."""
PAIRS = (6, 10, 20)
TASKS = {f"shop.t{n}": 0.005 * n for n in range(1, 11)}
"""Seconds: long enough for 5 % of each to be more than the smallest change."""
UNITS = 50


_NOWHERE = Environment(
    hostname="",
    cpu="",
    cores=2,
    memory_bytes=0,
    kernel="",
    python="",
    packages={},
    harness="",
    git_commit=None,
    git_dirty=None,
)


class Blocks:
    """Blocks of one run, each noisier than the truth by what is drawn."""

    def __init__(self, shared: float, own: float, seed: int) -> None:
        self._random = random.Random(seed)  # noqa: S311 - noise
        self._shared, self._own, self._level = shared, own, 0.0

    def next(self, number: int, cell: int, repetition: int) -> BlockRecord:
        """The block after the last one: its level is half that one's, and half new."""
        drawn = self._random.gauss(0, self._shared)
        self._level = 0.5 * self._level + math.sqrt(0.75) * drawn
        tasks = tuple(self._task(name, run_s) for name, run_s in TASKS.items())
        return BlockRecord(
            number=number,
            cell=cell,
            repetition=repetition,
            status="complete",
            started_at="",
            units=UNITS * len(TASKS),
            throughput_per_s=1 / self._noisy(0.005),
            tasks_per_s=200.0,
            latency_s=self._times(0.04),
            worker_cpu_ms_per_task=self._noisy(20),
            outcomes=Outcomes(ok=UNITS * len(TASKS)),
            by_task=tasks,
        )

    def _task(self, name: str, run_s: float) -> PartRecord:
        return PartRecord(
            task=name,
            units=UNITS,
            completed=UNITS,
            run_s=self._times(run_s),
            cpu_s=self._times(run_s * 0.7),
            outcomes=Outcomes(ok=UNITS),
        )

    def _times(self, seconds: float) -> Distribution:
        found = self._noisy(seconds)
        return Distribution(count=UNITS, mean=found, p50=found, p99=found)

    def _noisy(self, value: float) -> float:
        tail = self._random.gauss(0, 1) / math.sqrt(self._random.gammavariate(1.5, 2) / 3)
        return value * math.exp(self._level + self._own * tail / math.sqrt(3))


def compared(blocks: Blocks, pairs: int, seed: int) -> tuple[ComparisonReport, ComparisonReport]:
    """The verdicts with the tasks' figures, and those of the same blocks without them."""
    order = interleaved([pairs, pairs], seed=seed)
    numbers = (count(), count())
    found = [blocks.next(n, cell, next(numbers[cell])) for n, cell in enumerate(order)]
    bare = [block.model_copy(update={"by_task": ()}) for block in found]
    with_tasks, without = (_verdicts(each, tuple(order)) for each in (found, bare))
    return with_tasks, without


def _verdicts(blocks: list[BlockRecord], order: tuple[int, ...]) -> ComparisonReport:
    cells = tuple(
        CellRecord(
            name=f"redis[ab={side}]/mix/closed-8",
            axes={"ab": side},
            config={"name": "redis"},
            workload={"workload": "add"},
            load={"load": "closed"},
            measure={},
            servers={},
            blocks=tuple(block for block in blocks if block.cell == index),
        )
        for index, side in enumerate(("base", "head"))
    )
    record = RunRecord(
        run_id="made",
        status="complete",
        started_at="",
        seed=0,
        source="",
        scenario={},
        environment=_NOWHERE,
        order=order,
        cells=cells,
    )
    return compare_run(record, base="ab=base")


def tried(noise: tuple[float, float], pairs: int, runs: int, say: Callable[[str], None]) -> bool:
    """A line of results; whether they hold."""
    whole = every = other = missed = intervals = 0
    for seed in range(runs):
        with_tasks, without = compared(Blocks(*noise, seed), pairs, seed)
        mine = [one for one in with_tasks.comparisons if one.own]
        bad = [one.verdict == "regression" for one in without.judged if not one.own]
        whole += any(bad)
        every += any(bad) or any(one.judged and one.verdict == "regression" for one in mine)
        verdicts = [
            [(one.metric, one.verdict, one.q_value) for one in report.comparisons if not one.own]
            for report in (with_tasks, without)
        ]
        other += verdicts[0] != verdicts[1]
        intervals += len(mine)
        missed += sum(not (one.low or 0) <= 1 <= (one.high or math.inf) for one in mine)
    share = missed / intervals
    say(f"{pairs:5} {whole:8} {every:8} {other:8} {100 * share:9.2f} %")
    # Three standard deviations of a share of 1 %, of ten intervals to a run that go together.
    allowed = 0.01 + 3 * math.sqrt(0.01 * 0.99 / (2 * runs))
    return every - whole <= runs / 100 and other == 0 and share <= allowed


def main() -> int:
    """0 if it holds, else 1."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--runs", type=int, default=300)
    runs = parser.parse_args().runs
    holds = True
    for name, noise in NOISE.items():
        print(f"{name}: {runs} runs of identical code, how many")
        print("pairs  whole's  with tasks'  others  intervals missed", flush=True)
        for pairs in PAIRS:
            holds &= tried(noise, pairs, runs, lambda line: print(line, flush=True))
    print("holds" if holds else "DOES NOT HOLD")
    return 0 if holds else 1


if __name__ == "__main__":
    sys.exit(main())
