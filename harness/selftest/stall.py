"""Processes that stand still for a second: an open loop has to show it, whoever stood still.

Under `rate` load every unit that was due meanwhile is late by what was left of the stall. A closed
loop sends nothing while it waits, so it has as many slow units as callers: that is shown beside it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from harness.results.events.merged import MISSING
from harness.results.samples.reading import Columns
from harness.selftest.bench import Bench, Order
from harness.selftest.check_result import CheckResult, within
from harness.selftest.inside import Inside, Stall
from harness.selftest.samples import Taken

STALL_S = 1.0
CALLERS = 4
_SETTLE_S = 1.2
"""Undisturbed time before, between and after stalls."""
_SLACK_S = 0.5
"""Until what has piled up is worked off; on top of the longest latency at other times, which is
what the machine's other tenants do."""
_SEEN_LATE_S = 0.001
"""Clocks of a stall are read next to the signals, not in them."""


@dataclass(frozen=True)
class Stalls:
    """What stood still, and when."""

    workers: Stall
    client: Stall | None = None


def check(bench: Bench, broker: str, *, short: bool) -> Iterator[CheckResult]:
    """An open loop with both stalls, and a closed one with that of the workers."""
    rate = 50.0 if short else 100.0  # a slow machine has to work off a stall while it goes on
    length_s = 2 * STALL_S + 3 * _SETTLE_S if short else 10.0
    taken = bench.measure(broker, _open_order(rate, length_s), _stall_both)
    yield judge_workers(taken, rate)
    yield judge_client(taken, rate)
    yield judge_closed(bench.measure(broker, _closed_order(), _stall_workers), rate)


def _open_order(rate: float, length_s: float) -> Order:
    return Order(
        name="stall-open",
        workload={"workload": "add"},
        load={"load": "rate", "rate": rate},
        measure={"duration": length_s, "warmup": 20, "timeout": 30},
    )


def _closed_order() -> Order:
    return Order(
        name="stall-closed",
        workload={"workload": "add"},
        load={"load": "closed", "in_flight": CALLERS},
        measure={"duration": STALL_S + 2 * _SETTLE_S, "warmup": 20, "timeout": 30},
    )


def _stall_workers(inside: Inside) -> Stalls:
    inside.wait_begin()
    inside.pause(_SETTLE_S)
    return Stalls(inside.stall("worker", STALL_S))


def _stall_both(inside: Inside) -> Stalls:
    workers = _stall_workers(inside).workers
    inside.pause(_SETTLE_S)
    return Stalls(workers, inside.stall("client", STALL_S))


# --- judging ------------------------------------------------------------------------------------


def judge_workers(taken: Taken, rate: float) -> CheckResult:
    """Workers that stood still, under an open loop."""
    stall = taken.planted.workers
    return _judged("workers stopped, open loop", taken, stall, rate, stands="workers")


def judge_client(taken: Taken, rate: float) -> CheckResult:
    """A load generator that stood still: its units count from the moment they were due."""
    stall = taken.planted.client
    return _judged("client stopped, open loop", taken, stall, rate, stands="client")


def _judged(check: str, taken: Taken, stall: Stall, rate: float, *, stands: str) -> CheckResult:
    units = taken.units
    hit = _due_within(units, stall)
    due_ns, total_ns = units["due_ns"][hit], units["total_ns"][hit]
    beyond_s = (due_ns + total_ns - stall.end_ns) / 1e9
    too_early = int((beyond_s < -_SEEN_LATE_S).sum())
    delayed, expected = len(due_ns) - too_early, stall.duration_s * rate
    tolerance = max(2.0, 0.02 * expected)
    slack_s = _SLACK_S + _longest_s(units["total_ns"][_elsewhere(taken)])
    late_s = float(beyond_s.max(initial=0.0))
    return CheckResult(
        check=check,
        broker=taken.broker,
        planted=f"{stands} stood still for {stall.duration_s:.3f} s at {rate:g} units/s",
        expected=f"{expected:.0f} +- {tolerance:.0f} units delayed, each by what was left of the "
        f"stall, and by {slack_s:.3f} s more at most",
        measured=f"longest latency {_longest_s(total_ns):.3f} s; {delayed} of {len(units['unit'])} "
        f"units delayed, by {late_s:.3f} s more at most; {too_early} not delayed",
        ok=within(delayed, expected - tolerance, expected + tolerance)
        and too_early == 0
        and late_s <= slack_s,
    )


def judge_closed(taken: Taken, rate: float) -> CheckResult:
    """The same stall in a closed loop: as many slow units as callers, of many more."""
    stall = taken.planted.workers
    slow, whole = _slow(taken.units, stall), len(taken.units["unit"])
    hidden = stall.duration_s * rate
    return CheckResult(
        check="workers stopped, closed loop",
        broker=taken.broker,
        planted=f"workers stood still for {stall.duration_s:.3f} s, {CALLERS} callers",
        expected=f"1 to {CALLERS} units delayed: it hides what an open loop shows ({hidden:.0f} "
        f"at {rate:g} units/s)",
        measured=f"{slow} of {whole} units ({slow / max(whole, 1):.2%})",
        ok=within(slow, 1, CALLERS),
    )


def _due_within(units: Columns, stall: Stall) -> npt.NDArray[np.bool_]:
    due_ns = units["due_ns"]
    known = units["total_ns"] != MISSING
    hit: npt.NDArray[np.bool_] = known & (due_ns >= stall.begin_ns) & (due_ns < stall.end_ns)
    return hit


def _elsewhere(taken: Taken) -> npt.NDArray[np.bool_]:
    """Units due at a good distance from any stall."""
    due_ns, far = taken.units["due_ns"], taken.units["total_ns"] != MISSING
    for stall in (taken.planted.workers, taken.planted.client):
        if stall is not None:
            margin_ns = round(_SETTLE_S / 3 * 1e9)
            near = (due_ns >= stall.begin_ns - margin_ns) & (due_ns <= stall.end_ns + margin_ns)
            far &= ~near
    found: npt.NDArray[np.bool_] = far
    return found


def _slow(units: Columns, stall: Stall) -> int:
    """Units due around a stall that took longer than half of it."""
    half_ns = (stall.end_ns - stall.begin_ns) // 2
    due_ns = units["due_ns"]
    near = (due_ns >= stall.begin_ns - half_ns) & (due_ns < stall.end_ns)
    return int((near & (units["total_ns"] > half_ns)).sum())


def _longest_s(times_ns: npt.NDArray[np.int64]) -> float:
    return float(times_ns.max(initial=0)) / 1e9
