"""Does the shipped speed gate keep its word? Identical code by its plan, on real Redis.

Each run ends with its verdicts or after the scenario's minutes. Holds if of the runs at most one in
twenty calls a figure a regression (2 of 40), for each figure. How many end as "no change", and
after how long, is printed and claims nothing: that is the machine's noise.

Forty runs take hours. --runs measures fewer, and --noise FILE keeps the log ratios of their pairs:
all that the file holds are then drawn from, again and again, and judged as a run judges them.
--runs 0 only draws.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import yaml
from aa import Project
from designs import Design, ended
from scipy import special

from harness.report.words.first_looks import target_words
from harness.results.judge.compare import pair_ratios
from harness.scenario.models.compare import Compare
from harness.stats.looks import confidence_of

SCENARIO = Path(__file__).parents[1] / "scenarios" / "speed-gate.yaml"
DRAWN = 20_000
"""Runs that are drawn from the noise of measured ones."""


@dataclass(frozen=True)
class Noise:
    """The pairs of one run of identical code, of one figure."""

    metric: str
    verdict: str
    pair_s: float
    log_ratios: tuple[float, ...]


def measured(runs: int, design: str, changes: Mapping[str, Any]) -> Iterator[Noise]:
    """Run the gate, with these changes to its scenario, on two configurations that are the same,
    by this `compare.design`."""
    scenario = yaml.safe_load(SCENARIO.read_text(encoding="utf-8"))
    plan = {key: scenario[key] for key in ("workloads", "loads", "measure", "gates")} | dict(
        changes
    )
    with tempfile.TemporaryDirectory() as folder:
        project = Project(Path(folder))
        for number in range(1, runs + 1):
            began_s = time.monotonic()
            record, _ = project.measure(
                {"base": {}, "head": {}},
                **plan,
                compare={**scenario["compare"], "base": "base", "design": design},
            )
            took_s = time.monotonic() - began_s
            pairs = record.order.count(0)
            assert record.comparison is not None
            told = target_words(record.target) if record.target else ""
            print(f"A/A {number}: {pairs} pairs in {took_s:.0f} s. {told}")
            for one in record.comparison.judged:
                ratios = tuple(map(math.log, pair_ratios(record, one)))
                print(
                    f"  {one.metric} {one.ratio:.3f} [{one.low:.3f}, {one.high:.3f}] {one.verdict}"
                )
                yield Noise(one.metric, one.verdict, took_s / pairs, ratios)


def kept(path: Path | None, new: list[Noise]) -> list[Noise]:
    """What earlier runs left in the file, and the new ones, which are added to it."""
    old = []
    if path is not None and path.exists():
        for line in path.read_text(encoding="utf-8").splitlines():
            stored = json.loads(line)
            old.append(Noise(**{**stored, "log_ratios": tuple(stored["log_ratios"])}))
    if path is not None:
        with path.open("a", encoding="utf-8") as file:
            file.writelines(json.dumps(vars(one)) + "\n" for one in new)
    return old + new


def judged(noise: list[Noise]) -> bool:
    """Count the verdicts of each figure."""
    holds = True
    for metric in dict.fromkeys(one.metric for one in noise):
        verdicts = [one.verdict for one in noise if one.metric == metric]
        false = verdicts.count("regression")
        fine = verdicts.count("no_change") + verdicts.count("improved")
        good = false <= max(1, len(verdicts) / 20)
        holds = holds and good
        said = "holds" if good else "DOES NOT HOLD"
        print(f"{metric}: {false} false, {fine} no change of {len(verdicts)} runs: {said}")
    return holds


def drawn(noise: list[Noise]) -> None:
    """What the runs would have said, were there many: pairs drawn with either sign."""
    plan = Compare.model_validate(yaml.safe_load(SCENARIO.read_text(encoding="utf-8"))["compare"])
    pair_s = statistics.median(one.pair_s for one in noise)
    within = 60 * (plan.minutes or 0) / pair_s
    looks = [size for size in plan.look_sizes if size <= within] or [plan.look_sizes[0]]
    confidence = confidence_of(plan.look_sizes)
    design = Design(looks, [special.stdtrit(n - 1, (1 + confidence) / 2) for n in looks])
    print(f"drawn from these pairs, {DRAWN} runs of at most {looks[-1]} pairs of {pair_s:.1f} s:")
    random = np.random.default_rng(1)
    for metric in dict.fromkeys(one.metric for one in noise):
        ratios = np.array([d for one in noise if one.metric == metric for d in one.log_ratios])
        shape = (DRAWN, looks[-1])
        pairs = random.choice(ratios, shape) * random.choice((-1.0, 1.0), shape)
        false, fine, at = ended(pairs, design)
        found, _, sooner = ended(pairs + math.log(1 - (plan.effect or 0)), design)
        print(
            f"  {metric}: spread {ratios.std(ddof=1):.1%}; false {false:.2%}, no change {fine:.1%} "
            f"in {np.median(at) * pair_s:.0f} s; a slowdown of {plan.effect:.0%} found {found:.1%} "
            f"in {np.median(sooner) * pair_s:.0f} s"
        )


def main() -> None:
    """Print a line per run, then what they come to."""
    parser = argparse.ArgumentParser(description="Does the speed gate keep its word?")
    runs = int(os.environ.get("BENCH_RUNS", "4"))
    parser.add_argument("--runs", type=int, default=runs, help="of identical code, 5 min at most")
    parser.add_argument("--design", choices=("auto", "blocks", "twins"), default="auto")
    parser.add_argument("--rate", type=float, help="units per second, instead of callers that wait")
    parser.add_argument("--units", type=int, help="of a side and pair, instead of a time")
    parser.add_argument("--noise", type=Path, help="file of pairs, added to and drawn from")
    arguments = parser.parse_args()
    sys.stdout.reconfigure(line_buffering=True)  # type: ignore[union-attr] # a terminal, file or pipe
    changes: dict[str, Any] = {}
    if arguments.rate:
        changes["loads"] = [{"load": "rate", "rate": arguments.rate}]
    if arguments.units:
        changes["measure"] = {"units": arguments.units, "warmup": 50}
    noise = kept(arguments.noise, list(measured(arguments.runs, arguments.design, changes)))
    if not noise:
        sys.exit("nothing was measured: --runs, or a --noise file of earlier runs")
    holds = judged(noise)
    drawn(noise)
    sys.exit(0 if holds else 1)


if __name__ == "__main__":
    main()
