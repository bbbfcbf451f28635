"""How long a block took to be as usual again after a fault.

Usual is the time before the first fault: the p99 of the total latency of the units that were due,
and over, by then. Afterwards units are looked at in windows by the moment at which they were due.
A window is good if every unit of it was completed and their p99 is back within the limit. Back is
the begin of the first window after the last bad one, where good windows last for HOLD_S or until
nobody looks any more, and nothing is broken any more.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from harness.results.arrays import Times, Truths
from harness.results.block.phases import Phases
from harness.results.events.merged import MISSING, Merged
from harness.results.record.faults import FaultLevel
from harness.stats.percentiles import nearest_rank

BACK_RATIO = 1.5
"""A p99 of up to so many times the usual one is back ..."""
SLACK_S = 0.01
"""... and so is one that is higher by this: what a scheduler does to a fast task."""
LATE_RATIO = 2.0
"""A unit that starts later than so many times the usual p99 of starting (and SLACK_S) is late."""
FEWEST = 20
"""Units without which nothing is known: before the first fault, and in a window."""
WINDOW_S = 1.0
STEP_S = 0.1
HOLD_S = 2.0


@dataclass(frozen=True)
class Recovery:
    """Times from the fault's begin. None: not while it was watched, or not known."""

    first_s: float | None
    p99_s: float | None
    disturbed: bool | None
    """Whether any window was bad; None where the usual level is not known."""
    watched_s: float


@dataclass(frozen=True)
class UnitsInOrder:
    """The units of a block in the order in which they were due."""

    due_ns: Times
    started_ns: Times
    """When the unit's first task was started; MISSING where none was."""
    end_ns: Times
    """When the unit was over: due plus total latency; MISSING where it was not completed."""

    @property
    def completed(self) -> Truths:
        """Whether each unit ended as it was meant to, at a known time."""
        done: Truths = self.end_ns != MISSING
        return done


def units_in_order(merged: Merged, timing: Phases, completed: Truths) -> UnitsInOrder:
    """The units of a block as recovery looks at them: when due, first started, and back."""
    order = np.argsort(merged.units.due_ns, kind="stable")
    due_ns = merged.units.due_ns
    end_ns = np.where(completed & timing.known, due_ns + timing.total_ns, MISSING)
    return UnitsInOrder(due_ns[order], first_starts(merged)[order], end_ns[order])


def first_starts(merged: Merged) -> Times:
    """When the first task of each unit was started; MISSING where none was."""
    started = merged.tasks.started_ns.reshape(-1, merged.tasks.per_unit)
    never = np.iinfo(np.int64).max
    first = np.where(started == MISSING, never, started).min(axis=1)
    found: Times = np.where(first == never, MISSING, first)
    return found


def level_before(units: UnitsInOrder, first_fault_ns: int) -> FaultLevel:
    """What was usual before the first fault: how long units took to start, and to come back."""
    usual = units.completed & (units.due_ns < first_fault_ns) & (units.end_ns <= first_fault_ns)
    count = int(usual.sum())
    if count < FEWEST:
        return FaultLevel(units=count)
    p99_s = _p99(units.end_ns[usual] - units.due_ns[usual]) / 1e9
    started = usual & (units.started_ns != MISSING)
    start_s = _p99(units.started_ns[started] - units.due_ns[started]) / 1e9
    return FaultLevel(
        units=count,
        p99_s=p99_s,
        back_limit_s=max(BACK_RATIO * p99_s, p99_s + SLACK_S),
        late_limit_s=max(LATE_RATIO * start_s, start_s + SLACK_S),
    )


def recovery(
    units: UnitsInOrder,
    level: FaultLevel,
    moments_ns: tuple[int, int | None, int | None],
    until_ns: int,
) -> Recovery:
    """How soon a block was as usual after one fault: `moments_ns` are when it began, was done, and
    was over (None: never); the block is watched until the next one began or the load ended."""
    begin_ns, struck_ns, over_ns = moments_ns
    watched_s = max(0.0, (until_ns - begin_ns) / 1e9)
    first_s = _first_back_s(units, begin_ns, struck_ns or begin_ns)
    if level.back_limit_s is None:
        return Recovery(first_s, None, None, watched_s)
    begins_ns, good = _windows(units, level.back_limit_s, begin_ns, until_ns)
    if not len(good):
        return Recovery(first_s, None, None, watched_s)
    if over_ns is None:
        return Recovery(first_s, None, not good.all(), watched_s)
    hold = round(HOLD_S / STEP_S)
    later = np.flatnonzero(begins_ns >= over_ns - round(STEP_S * 1e9))
    held = next((index for index in later if good[index : index + hold].all()), None)
    if held is None:
        return Recovery(first_s, None, not good.all(), watched_s)
    bad = np.flatnonzero(~good[:held])
    if not len(bad):
        return Recovery(first_s, 0.0, False, watched_s)
    back_ns = begins_ns[bad[-1] + 1]
    return Recovery(first_s, float(back_ns - begin_ns) / 1e9, True, watched_s)


def _first_back_s(units: UnitsInOrder, begin_ns: int, struck_ns: int) -> float | None:
    after = units.completed & (units.due_ns >= struck_ns)
    return float(units.end_ns[after].min() - begin_ns) / 1e9 if after.any() else None


def _windows(
    units: UnitsInOrder, limit_s: float, begin_ns: int, until_ns: int
) -> tuple[Times, Truths]:
    """Begin of each window, and whether it is good. Only windows that end while it is watched;
    they are as long as FEWEST units take, where that is longer than WINDOW_S."""
    step_ns = round(STEP_S * 1e9)
    length_ns = _length_ns(units, begin_ns, until_ns)
    begins_ns = np.arange(begin_ns, until_ns - length_ns + 1, step_ns, dtype=np.int64)
    first = np.searchsorted(units.due_ns, begins_ns)
    last = np.searchsorted(units.due_ns, begins_ns + length_ns)
    good = np.zeros(len(begins_ns), dtype=bool)
    for index, (low, high) in enumerate(zip(first, last, strict=True)):
        window = slice(low, high)
        whole = high > low and bool(units.completed[window].all())
        good[index] = whole and (_p99(units.end_ns[window] - units.due_ns[window]) / 1e9 <= limit_s)
    return begins_ns, good


def _length_ns(units: UnitsInOrder, begin_ns: int, until_ns: int) -> int:
    within = int(((units.due_ns >= begin_ns) & (units.due_ns < until_ns)).sum())
    each_s = (until_ns - begin_ns) / 1e9 / max(1, within)
    return round(max(WINDOW_S, FEWEST * each_s) * 1e9)


def _p99(times_ns: Times) -> float:
    return float(nearest_rank(np.sort(times_ns), 0.99))
