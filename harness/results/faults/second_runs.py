"""Which fault is to blame for which execution that nobody had asked for.

Blamed is a fault that had the execution before it, of the same task, in its hands, and that began
before the message came again; where that says nothing, the one before that is asked. Of several
faults the first one counts that killed its process, or else that cut its worker off from the broker
while it ran, or else any: a warm shutdown lets runs end, and what is killed in the middle of it was
not cut by it. Where no execution was in a fault's hands, the last fault counts that was where the
unit was.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from harness.probe.recording.events import Kind
from harness.results.arrays import Numbers, Truths
from harness.results.block.summary import duplicates
from harness.results.events.executions import Ending, Executions
from harness.results.events.handlings import Handlings
from harness.results.events.merged import MISSING, Merged
from harness.results.faults.notes import FaultNote

NOBODY = -1
FOREVER = np.iinfo(np.int64).max


@dataclass(frozen=True)
class SecondRuns:
    """Which fault is to blame for each execution that nobody had asked for."""

    by: Numbers
    """The fault to blame for each such execution: its index among the notes, or NOBODY."""
    met: Sequence[Truths]
    """Units of which each fault had an execution in its hands before one that nobody had asked for:
    a mask per fault."""


def second_runs(
    merged: Merged, handlings: Handlings, notes: Sequence[FaultNote], there: Sequence[Truths]
) -> SecondRuns:
    """Judge each execution beyond a task's first that the task had not asked for itself.

    `there`: of each fault the units that were where it was."""
    runs = merged.repeats
    held = [_held(note, runs, handlings.parents) for note in notes]
    killed = [_killed(note, runs) for note in notes]
    cut_off = [_cut_off(note, runs) for note in notes]
    met = [np.zeros(len(merged.units.unit), dtype=bool) for _ in notes]
    touched = np.any(held, axis=0) if held else np.zeros(len(runs.task), dtype=bool)
    receptions = _receptions(handlings, runs)
    by = []
    for again in _unasked(merged, runs).tolist():
        row, blamed = int(runs.task[again]) // merged.tasks.per_unit, NOBODY
        started_ns, times = int(runs.started_ns[again]), receptions[int(runs.task[again])]
        for earlier in _earlier(runs, again):
            if not touched[earlier]:
                continue
            moment_ns = _delivered_again_ns(times, int(runs.started_ns[earlier]), started_ns)
            before = _begun_before(notes, moment_ns)
            holding = [index for index in before if held[index][earlier]]
            for index in holding:
                met[index][row] = True
            if blamed == NOBODY and holding:
                surest = [index for index in holding if killed[index][earlier]]
                surest = surest or [index for index in holding if cut_off[index][earlier]]
                blamed = (surest or holding)[0]
        if blamed == NOBODY:  # the unit, not an execution of it, was where a fault was
            before = _begun_before(notes, started_ns)
            blamed = max((index for index in before if there[index][row]), default=NOBODY)
        by.append(blamed)
    return SecondRuns(np.array(by, dtype=np.int64), met)


def _unasked(merged: Merged, runs: Executions) -> Numbers:
    """Indices of the executions that count as duplicates: of each task as many as the ledger has.
    (One that asked to be run again and was not counts as none there.)"""
    left = duplicates(merged).astype(np.int64)
    chosen = []
    for index in np.flatnonzero(runs.unasked).tolist():
        task = runs.task[index]
        if left[task] > 0:
            left[task] -= 1
            chosen.append(index)
    return np.array(chosen, dtype=np.int64)


def _earlier(runs: Executions, index: int) -> range:
    """The same task's executions before one, the latest first."""
    first = int(np.searchsorted(runs.task, runs.task[index]))
    return range(index - 1, first - 1, -1)


def _receptions(handlings: Handlings, runs: Executions) -> Mapping[int, list[int]]:
    """When workers received these tasks, in order."""
    received = handlings.chosen(
        (handlings.kind == Kind.RECEIVED) & np.isin(handlings.place, np.unique(runs.task))
    )
    times: dict[int, list[int]] = {int(task): [] for task in np.unique(runs.task)}
    for place, time_ns in zip(received.place.tolist(), received.time_ns.tolist(), strict=True):
        times[place].append(time_ns)
    return times


def _delivered_again_ns(times: Sequence[int], earlier_ns: int, started_ns: int) -> int:
    """When a message came again at the latest that had been begun before: what broke later is not
    the reason. `started_ns`: of the execution that came of it."""
    after = bisect_right(times, earlier_ns)
    return min(times[after], started_ns) if after < len(times) else started_ns


def _begun_before(notes: Sequence[FaultNote], at_ns: int) -> list[int]:
    """Faults that had begun by a moment, in the order of their begins."""
    return [index for index, note in enumerate(notes) if (note.begin_ns or FOREVER) < at_ns]


def _held(note: FaultNote, runs: Executions, parents: Mapping[int, int]) -> Truths:
    """Executions that the fault's processes, or workers that lost their connection by it, had begun
    by the time that it was over."""
    cuts_off = note.kind.disconnects
    if note.kind.place != "worker" and not cuts_off:  # a backend has no executions
        return np.zeros(len(runs), dtype=bool)
    pids = {*note.died, *note.mains, *note.pool}
    if cuts_off:  # whole workers, of which the note may have main processes only
        pids |= {child for child, parent in parents.items() if parent in note.mains}
    held: Truths = np.isin(runs.process, sorted(pids)) & (
        runs.started_ns <= (note.over_ns or FOREVER)
    )
    return held


def _killed(note: FaultNote, runs: Executions) -> Truths:
    """Executions that never ended because the fault killed their process."""
    if not note.kind.kills:
        return np.zeros(len(runs), dtype=bool)
    cut: Truths = (runs.ending == Ending.CUT) & np.isin(runs.process, sorted(note.died))
    return cut & (runs.started_ns <= (note.struck_ns or FOREVER))


def _cut_off(note: FaultNote, runs: Executions) -> Truths:
    """Executions that were under way when their workers lost the connection."""
    at_ns = note.begin_ns or 0
    under_way: Truths = (runs.ended_ns == MISSING) | (runs.ended_ns >= at_ns)
    return under_way & (runs.started_ns <= at_ns) & note.kind.cuts_off
