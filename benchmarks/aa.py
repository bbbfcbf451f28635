"""Can the verdicts be believed? On real Redis, through the same code as `harness run`.

--part aa: identical configurations are compared, again and again, by six pairs of short blocks, or
with `--design twins` of twins. Holds if of 40 comparisons at most 2 find a regression (at most one
in twenty of any number).

--part planted: one of two configurations is slowed down by a tenth. Its worker drains a backlog,
and before each task burns a tenth of the time since the task before: so a task takes a tenth
longer, however fast the machine is at that moment. Holds if every judged metric says regression,
or inconclusive and that it cannot see 10 %.

--part time: the same with callers that wait, and a tenth of the worker's CPU time since the task
before: after how many seconds and pairs does each metric say regression?

What the docs promise of whole comparisons, one run each, is counted by `verdicts.py`.
"""

from __future__ import annotations

import argparse
import os
import statistics
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from harness.results.judge.compare import compare_run
from harness.results.record.comparison import Comparison
from harness.results.record.run import RunRecord
from harness.runner.run import RunOptions, run
from harness.runner.telling.events import BlockEnded, Event, ServersReady
from harness.scenario.plan.loader import load_plan

PARTS = ("aa", "planted", "time")
COMPARISONS = int(os.environ.get("BENCH_COMPARISONS", "40"))
PLANTS = int(os.environ.get("BENCH_PLANTS", "3"))
HEADS = 4
"""Comparisons per run of blocks: their base is measured once for all of them, which saves a third
of the time. Twins are two."""
EFFECT = 0.10
LOOKS = [int(size) for size in os.environ.get("BENCH_LOOKS", "6,10,20").split(",")]
SOLO = {"pool": "solo", "concurrency": 1}
SHORT = {"loads": [{"load": "closed", "in_flight": 4}], "measure": {"units": 300, "warmup": 10}}
BACKLOG = {"loads": ["backlog"], "measure": {"units": 1500, "warmup": 50}}
CLOSED = {"loads": [{"load": "closed", "in_flight": 8}], "measure": {"units": 1500, "warmup": 50}}
REDIS = {"broker": {"service": "redis"}, "backend": {"service": "redis"}}
PLANTED = """
import os, time
from harness.probe import tasks

LONGEST_NS = 50_000_000
last_ns = None

def slower(x, y):
    global last_ns
    began_ns = time.{clock}()
    if last_ns is not None:
        end_ns = began_ns + min(began_ns - last_ns, LONGEST_NS) * {effect}
        while time.{clock}() < end_ns:
            pass
    last_ns = time.{clock}()
    return add(x, y)

if os.environ["HARNESS_ROLE"] == "worker":
    add = tasks.add.run
    tasks.add.run = slower
"""
"""For a worker with one thread. An idle time counts as 50 ms at most."""

Configurations = dict[str, dict[str, Any]]
"""Name -> fields beside broker and backend."""


@dataclass
class Watch:
    """Listens to a run: when each block ended. Says so in the long runs of planted slowdowns."""

    ended_s: list[float] = field(default_factory=list)
    began_s: float = field(default_factory=time.monotonic)
    talks: bool = False

    tick_s = None

    def hear(self, event: Event, at_ns: int) -> None:
        if isinstance(event, ServersReady):
            self.began_s = at_ns / 1e9
        elif isinstance(event, BlockEnded):
            self.ended_s.append(at_ns / 1e9 - self.began_s)
            if self.talks:
                rate = f"{event.block.throughput_per_s or 0:.0f}/s"
                print(f"  {self.ended_s[-1]:.0f} s: {event.cell.configuration.name} {rate}")


@dataclass(frozen=True)
class Project:
    """Configurations and a scenario in a temporary folder."""

    folder: Path

    def measure(self, configurations: Configurations, **scenario: Any) -> tuple[RunRecord, Watch]:
        """One run to its end. Anything but sound, complete blocks ends the benchmark."""
        record, watch = self.run_once(configurations, **scenario)
        if record.status != "complete" or not all(block.sound for block in record.blocks):
            sys.exit(f"a run is {record.status}, or a block of it is not sound")
        return record, watch

    def run_once(self, configurations: Configurations, **scenario: Any) -> tuple[RunRecord, Watch]:
        """The same, however it ends."""
        for name, fields in configurations.items():
            self.write(f"configs/{name}.yaml", {"name": name, **REDIS, **fields})
        if "compare" in scenario:  # the same code twice: what differs would be a regression
            scenario["compare"] = {"kind": "change", **scenario["compare"]}
        whole = {"name": "aa", "configurations": [*configurations], "workloads": ["add"]}
        path = self.write("scenarios/aa.yaml", whole | scenario)
        environ = {**os.environ, "PYTHONPATH": str(self.folder)}
        plan = load_plan(path, environ=environ)
        options = RunOptions("local", self.folder / "results", None, self.folder, environ)
        watch = Watch(talks="compare" in scenario and "pairs" in scenario["compare"])
        record, _ = run(plan, options, watch)
        return record, watch

    def plant(self, clock: str) -> dict[str, list[str]]:
        """Settings that make every `add` of a worker burn a tenth of what `clock` has gone on."""
        text = PLANTED.format(clock=clock, effect=EFFECT)
        (self.folder / "planted.py").write_text(text, encoding="utf-8")
        return {"imports": ["planted"]}

    def write(self, name: str, text: Any) -> Path:
        """A YAML file."""
        path = self.folder / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(yaml.safe_dump(text), encoding="utf-8")
        return path


# --- identical configurations -------------------------------------------------------------------


def identical(project: Project, comparisons: int, design: str) -> bool:
    """How often is a difference found where there is none?"""
    verdicts: Counter[str] = Counter()
    began = time.monotonic()
    while verdicts.total() < comparisons:
        heads = min(HEADS if design == "blocks" else 1, comparisons - verdicts.total())
        names = ["base", *(f"head{number}" for number in range(1, heads + 1))]
        configurations: Configurations = {name: {"worker": SOLO} for name in names}
        record, _ = project.measure(configurations, **_blocks(SHORT, 6), compare={"design": design})
        for head, found in _by_head(record):
            worst = min(found, key=_severity)
            verdicts[worst.verdict] += 1
            ratios = ", ".join(_words(one) for one in found)
            so_far = f"{verdicts['regression']} false of {verdicts.total()}"
            print(f"A/A {verdicts.total()}: {head}: {worst.verdict} ({ratios}); {so_far}")
    total, false = verdicts.total(), verdicts["regression"]
    holds = false <= comparisons / 20
    minutes = (time.monotonic() - began) / 60
    counted = ", ".join(f"{count} {name}" for name, count in verdicts.most_common())
    print(
        f"false regressions of identical code: {false} of {total} comparisons "
        f"({counted}; {minutes:.1f} min) {_holds(holds)}"
    )
    return holds


def _by_head(record: RunRecord) -> Iterator[tuple[str, list[Comparison]]]:
    assert record.comparison is not None
    heads = dict.fromkeys(one.head for one in record.comparison.judged)
    for head in heads:
        yield head, [one for one in record.comparison.judged if one.head == head]


def _severity(one: Comparison) -> int:
    return ("regression", "inconclusive", "improved", "no_change").index(one.verdict)


def _words(one: Comparison) -> str:
    return f"{one.metric} {one.ratio:.3f} [{one.low:.3f}, {one.high:.3f}]"


# --- a planted tenth ----------------------------------------------------------------------------


def planted(project: Project, times: int) -> bool:
    """Is a worker that takes a tenth longer per task ever called unchanged?"""
    holds = True
    for number in range(1, times + 1):
        record, _ = _against_planted(project, BACKLOG, "monotonic_ns")
        [(_, found)] = _by_head(record)
        seen = all(_is_honest(one) for one in found)
        holds = holds and seen
        verdicts = "; ".join(map(_verdict, found))
        print(f"planted {number}, really {_share(record):.1%}: {verdicts} {_holds(seen)}")
    print(f"a tenth more time per task is never called unchanged: {times} times {_holds(holds)}")
    return holds


def _share(record: RunRecord) -> float:
    """What was burnt, of what else a task took: a check on the plant itself.

    The recorder wraps the task, not what is planted around it, so burning shows as dispatch.
    """
    base_s, slow_s = (
        statistics.median(block.phases_s["dispatch"].mean or 0.0 for block in cell.blocks)
        for cell in record.cells
    )
    rate = statistics.median(block.tasks_per_s or 0.0 for block in record.cells[1].blocks)
    burnt_s = slow_s - base_s
    return burnt_s / (1 / rate - burnt_s)


def _is_honest(one: Comparison) -> bool:
    blind = one.smallest_regression is None or one.smallest_regression > EFFECT
    return one.verdict == "regression" or (one.verdict == "inconclusive" and blind)


def _verdict(one: Comparison) -> str:
    finds = f", finds {one.smallest_regression:.1%}" if one.smallest_regression else ""
    return f"{_words(one)} {one.verdict}{finds} ({one.pairs} pairs)"


def _blocks(scenario: dict[str, Any], blocks: int) -> dict[str, Any]:
    return {**scenario, "measure": {**scenario["measure"], "blocks": blocks}}


def _against_planted(
    project: Project, scenario: dict[str, Any], clock: str
) -> tuple[RunRecord, Watch]:
    configurations: Configurations = {
        "base": {"worker": SOLO},
        "slow": {"worker": SOLO, "settings": project.plant(clock)},
    }
    pairs = {"min": LOOKS[0], "max": LOOKS[-1]}
    return project.measure(
        configurations, **scenario, compare={"base": "base", "pairs": pairs, "looks": LOOKS}
    )


# --- time to verdict ----------------------------------------------------------------------------


def time_to_verdict(project: Project, times: int) -> bool:
    """After how long does each metric say regression? A figure, not a claim."""
    spent: dict[str, list[float]] = {}
    for number in range(1, times + 1):
        record, watch = _against_planted(project, CLOSED, "process_time_ns")
        [(_, last)] = _by_head(record)
        for one in last:
            found = _first_regression(record, watch, one.metric)
            took = "not within the budget"
            if found is not None:
                spent.setdefault(one.metric, []).append(found[1])
                took = f"regression after {found[0]} pairs, {found[1]:.0f} s"
            print(f"time {number}: {_words(one)}: {took}")
    for metric, seconds in spent.items():
        median = statistics.median(seconds)
        print(
            f"time to verdict for a tenth more worker CPU, add on Redis, by {metric}: "
            f"median {median:.0f} s ({len(seconds)} of {times} runs)"
        )
    if not spent:
        print(f"time to verdict: none of {times} runs found it within {LOOKS[-1]} pairs")
    return True


def _first_regression(record: RunRecord, watch: Watch, metric: str) -> tuple[int, float] | None:
    """Pairs and seconds at the first look that found it; the later looks are hidden."""
    for pairs in LOOKS:
        if pairs > record.order.count(0):
            return None
        then = _at_look(record, pairs)
        found = [one for one in compare_run(then).judged if one.metric == metric]
        if found and found[0].verdict == "regression":
            return pairs, watch.ended_s[len(then.blocks) - 1]
    return None


def _at_look(record: RunRecord, pairs: int) -> RunRecord:
    cells = tuple(
        cell.model_copy(
            update={"blocks": tuple(one for one in cell.blocks if one.repetition < pairs)}
        )
        for cell in record.cells
    )
    return record.model_copy(update={"cells": cells, "order": record.order[: 2 * pairs]})


# --- the command --------------------------------------------------------------------------------


def main() -> None:
    """Print progress, then a line per claim."""
    parser = argparse.ArgumentParser(description="Can the verdicts be believed?")
    parser.add_argument("--part", choices=PARTS, action="append", help="default: all of them")
    parser.add_argument(
        "--comparisons", type=int, default=COMPARISONS, help="of identical code; four per run"
    )
    parser.add_argument(
        "--plants", type=int, default=PLANTS, help="runs with a planted slowdown, of each kind"
    )
    parser.add_argument(
        "--design", choices=("blocks", "twins"), default="blocks", help="of --part aa"
    )
    arguments = parser.parse_args()
    sys.stdout.reconfigure(line_buffering=True)  # type: ignore[union-attr] # a terminal, file or pipe
    held = True
    with tempfile.TemporaryDirectory() as folder:
        project = Project(Path(folder))
        sys.path.append(folder)  # settings may only name modules that are there
        for part in arguments.part or PARTS:
            if part == "aa":
                held &= identical(project, arguments.comparisons, arguments.design)
            elif part == "planted":
                held &= planted(project, arguments.plants)
            else:
                held &= time_to_verdict(project, arguments.plants)
    sys.exit(0 if held else 1)


def _holds(it_does: bool) -> str:
    return "holds" if it_does else "DOES NOT HOLD"


if __name__ == "__main__":
    main()
