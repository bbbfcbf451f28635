"""A task of known duration, timed by a second clock inside it; phases that add up.

The tasks are those of the counters' block (`counters.steady_order`).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from harness.figures.of_units import PHASES
from harness.probe.recording.ids import parsed
from harness.results.events.merged import MISSING
from harness.results.samples.reading import Columns
from harness.selftest.bench import Bench, Order
from harness.selftest.check_result import CheckResult, within
from harness.selftest.counters import DURATION_S
from harness.selftest.samples import Taken

TOLERANCE = 0.01
SHARE = 0.8
"""Of the tasks: the machine may stop any process between a stamp and the task's own clock."""


def measure_canvases(bench: Bench, broker: str) -> None:
    """Blocks whose units are several tasks, for `judge_sums`."""
    for workload in ({"workload": "chain", "length": 3}, {"workload": "group", "size": 3}):
        order = Order(
            name=f"canvas-{workload['workload']}",
            workload=workload,
            load={"load": "closed", "in_flight": 4},
            measure={"units": 100, "warmup": 10},
        )
        bench.measure(broker, order)


def judge(taken: Taken) -> Iterator[CheckResult]:
    """The `run` phase against the clock that the tasks had in their own bodies."""
    yield _run_phase(taken)


def judge_sums(taken: Sequence[Taken]) -> CheckResult:
    """Phases of every unit of every block of the selftest."""
    apart, timed = 0, 0
    for one in taken:
        rows = one.units["total_ns"] != MISSING
        whole = sum(one.units[f"{name}_ns"][rows] for name in PHASES)
        timed += int(rows.sum())
        apart += int((whole != one.units["total_ns"][rows]).sum())
    return CheckResult(
        check="phases add up",
        broker="all",
        planted=f"{timed} timed units of {len(taken)} blocks",
        expected="the sum of the phases is the total latency, to the ns, for each",
        measured=f"{apart} that differ",
        ok=timed > 0 and apart == 0,
    )


def _run_phase(taken: Taken) -> CheckResult:
    clock_ns = _by_unit(taken.confessed)
    run_ns, own_ns = _paired(taken.units, clock_ns)
    ratio = run_ns / own_ns
    near = int((abs(ratio - 1) <= TOLERANCE).sum())
    typical = float(np.median(ratio)) if len(ratio) else 0.0
    shorter = int((run_ns < own_ns).sum())
    count = len(taken.units["unit"])
    return CheckResult(
        check="run phase",
        broker=taken.broker,
        planted=f"{count} tasks of {DURATION_S * 1e3:.0f} ms; by the clock inside them "
        f"{_mean_ms(own_ns):.3f} ms",
        expected=f"run phases as long within {TOLERANCE:.0%}, none shorter",
        measured=f"{_mean_ms(run_ns):.3f} ms, median {typical - 1:+.3%}, {near} tasks within "
        f"{TOLERANCE:.0%}, {shorter} shorter",
        ok=len(ratio) == count
        and within(typical, 1 - TOLERANCE, 1 + TOLERANCE)
        and near >= SHARE * count > 0
        and not shorter,
    )


def _by_unit(confessed: Sequence[Mapping[str, Any]]) -> dict[int, int]:
    """Unit -> ns from the begin of its task's first step to the end of its last one."""
    longest: dict[int, int] = {}
    for step in confessed:
        known = parsed(step["task"])
        if known is not None:
            slept_ns = int(step["last_ns"] - step["first_ns"])
            longest[known[1]] = max(slept_ns, longest.get(known[1], 0))
    return longest


def _paired(
    units: Columns, clock_ns: Mapping[int, int]
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Run phase and the tasks' own clock, of units that have both."""
    both = [
        (int(run_ns), clock_ns[int(unit)])
        for unit, run_ns in zip(units["unit"], units["run_ns"], strict=True)
        if int(unit) in clock_ns and run_ns != MISSING
    ]
    pairs = np.array(both, dtype=np.int64).reshape(-1, 2)
    return pairs[:, 0], pairs[:, 1]


def _mean_ms(times_ns: npt.NDArray[np.int64]) -> float:
    return float(times_ns.mean()) / 1e6 if len(times_ns) else 0.0
