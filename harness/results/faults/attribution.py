"""Which fault is to blame for which unit that was lost, doubled, failed, wrong or late.

Two kinds of evidence, the first before the second:

- *held*: a process that the fault ended, stopped or cut off had the unit's task at that moment;
- *touched*: the unit was where the fault was while it was there: on its way to or from the broker
  (publish call to the end of its last task), or to or from the backend (its last task's end to the
  result seen), at any time between the fault's begin and the moment the p99 was back (or the next
  fault's begin, where it was not).

Where both say nothing, a unit that had been published when a worker died, and that nobody ever
received, is that worker's: its message had left the broker for it.

Of several faults the last one that began is blamed, one that only delays (a pause, a slow network)
after all others. For a loss it is the first of those that were there when the unit had last been
seen, or after that: it cut the worker off that had the task, or took the message along that waited
with the broker, which a network does not. Executions that nobody asked for are judged one by one
(`second_runs`). What no fault explains stays unattributed.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from harness.probe.recording.events import Kind
from harness.results.arrays import Numbers, Truths
from harness.results.block.by_queue import EVERYBODY, Takers
from harness.results.block.ledger import Final, Ledger, Stage
from harness.results.events.handlings import Handlings
from harness.results.events.merged import MISSING, Merged
from harness.results.faults.notes import FaultNote
from harness.results.faults.recovery import first_starts
from harness.results.faults.second_runs import FOREVER, NOBODY, second_runs
from harness.results.record.faults import FaultLevel, Trouble


@dataclass(frozen=True)
class Refused:
    """Units whose publish call raised: when it did, and what."""

    at_ns: Mapping[int, int]
    """Row of the unit -> CLOCK_MONOTONIC."""
    reason: Mapping[int, str]
    """Row of the unit -> type of the exception, where it is known."""


@dataclass(frozen=True)
class FaultyBlock:
    """Everything that is known of a block with faults."""

    merged: Merged
    ledger: Ledger
    handlings: Handlings
    """What workers did with each message, execution by execution."""
    refused: Refused
    level: FaultLevel
    """What was usual before the first fault."""
    notes: Sequence[FaultNote]
    """The faults that were begun, in the order of their begins."""
    blame_until_ns: Sequence[int]
    """When all was as usual again after each fault of `notes`, or the next one began."""
    takers: Takers = EVERYBODY


@dataclass(frozen=True)
class Blame:
    """Which fault is to blame for each unit in trouble: its index in `notes`, or NOBODY."""

    by: Mapping[str, Numbers]
    """Kind of trouble -> one entry per unit; meaningful where the unit has that trouble."""
    has: Mapping[str, Truths]
    """Kind of trouble -> which units have it."""
    again_by: Numbers
    """The fault to blame for each execution that nobody had asked for: its index in `notes`,
    or NOBODY."""
    failures: Mapping[int, str]
    """Row of a unit that failed unmeant -> type of the exception in its result, as in
    `Merged.failures`."""
    met: Sequence[Truths]
    """Units that each fault met, a mask per fault: it held them, they were where it was, or they
    waited for it."""

    def trouble(self, index: int, refused: Refused) -> Trouble:
        """What one fault is to blame for; NOBODY: what none is."""
        counts = {
            name: int((self.has[name] & (self.by[name] == index)).sum())
            for name in ("lost", "timed_out", "failed", "wrong", "late")
        }
        rows = np.flatnonzero(self.has["failed"] & (self.by["failed"] == index))
        return Trouble(
            **counts,
            duplicated=int((self.again_by == index).sum()),
            refused=sum(int(row) in refused.at_ns for row in rows),
        )

    def errors(self, index: int, refused: Refused) -> dict[str, int]:
        """What publishing raised, or else the result held, of the failed units that one fault is to
        blame for."""
        rows = np.flatnonzero(self.has["failed"] & (self.by["failed"] == index)).tolist()
        reasons = (refused.reason.get(row) or self.failures.get(row) for row in rows)
        return dict(Counter(reason or "unknown" for reason in reasons))


def blame(faulty: FaultyBlock) -> Blame:
    """Look at every unit in trouble."""
    merged, ledger = faulty.merged, faulty.ledger
    has = {
        "lost": ledger.final == Final.LOST,
        "timed_out": ledger.final == Final.TIMED_OUT,
        "failed": (ledger.final == Final.FAILED) & ~ledger.as_meant,
        "wrong": ledger.final == Final.WRONG,
        "late": _late(faulty),
    }
    spans = _spans(faulty)
    found = [_evidence(faulty, spans, index) for index in range(len(faulty.notes))]
    waited = ledger.stage == Stage.NEVER_RECEIVED
    by = {name: _blamed(name, found, waited) for name in has}
    there = [one.touched | one.passed_on for one in found]
    again = second_runs(merged, faulty.handlings, faulty.notes, there)
    met = [one.met | rows for one, rows in zip(found, again.met, strict=True)]
    return Blame(by, has, again.by, merged.failures, met)


@dataclass(frozen=True)
class _Evidence:
    """What speaks for one fault: units, by how it had to do with them."""

    held: Truths
    passed_on: Truths
    """Held, and not to the end of it: a worker that stood still goes on, and what a dead one had
    another one may have received since. A later fault may have had it then."""
    touched: Truths
    unstored: Truths
    """Of those, the ones whose result the backend refused while it was broken."""
    waited: Truths
    vanished: Truths
    later: Truths
    """Units that were last seen before the fault was over: it may have been what became of them."""
    at_broker: bool
    """The broker itself was broken, and with it what waited there."""
    pauses: bool
    """It was a pause: it did nothing but make units wait."""
    delays: bool
    """It can lose nothing by itself."""

    @property
    def met(self) -> Truths:
        """All that it had to do with."""
        met = self.held | self.touched | self.vanished
        return met | self.waited if self.pauses else met


def _evidence(faulty: FaultyBlock, spans: _Spans, index: int) -> _Evidence:
    note = faulty.notes[index]
    pauses = note.kind.only_waits
    tasks = faulty.merged.tasks
    held = _held(faulty, note)
    kept = held & ~_received_elsewhere(faulty, note)
    return _Evidence(
        tasks.some(held),
        tasks.some(held) & (pauses | ~tasks.some(kept)),
        *_touched(faulty, spans, index),
        _waited(faulty, spans, index),
        _vanished(faulty, note),
        spans.last_seen_ns <= (note.over_ns or FOREVER),
        note.kind.place == "broker",
        pauses,
        note.kind.delays,
    )


def _blamed(trouble: str, found: Sequence[_Evidence], waited: Truths) -> Numbers:
    """For each unit the fault that is to blame if it has this trouble. Of those that overwrite
    each other the last one stays. `waited`: units whose message was nowhere but at the broker."""
    chosen = np.full(len(waited), NOBODY, dtype=np.int64)
    faults = list(enumerate(found))
    if trouble == "late":
        for index, one in faults:
            chosen[one.waited] = index
        return chosen
    unstored = np.logical_or.reduce([one.unstored for one in found])
    for index, one in sorted(faults, key=lambda fault: not fault[1].delays):
        chosen[np.where(unstored, one.unstored, one.touched | one.passed_on)] = index
    if trouble == "lost":
        first = [(index, one) for index, one in reversed(faults) if not one.delays]
        for index, one in first:
            chosen[one.touched & one.later & ~unstored] = index
        for index, one in first:
            if one.at_broker:
                chosen[one.touched & one.later & waited & ~unstored] = index
        for index, one in faults:
            chosen[one.vanished & (chosen == NOBODY)] = index
    for index, one in faults:
        chosen[one.held & ~one.passed_on] = index
    return chosen


def _late(faulty: FaultyBlock) -> Truths:
    started = first_starts(faulty.merged)
    if faulty.level.late_limit_s is None:
        return np.zeros(len(started), dtype=bool)
    limit_ns = round(faulty.level.late_limit_s * 1e9)
    late: Truths = (started != MISSING) & (started - faulty.merged.units.due_ns > limit_ns)
    return late


@dataclass(frozen=True)
class _Spans:
    """When each unit was where. FOREVER: it never left."""

    begin_ns: Numbers
    """Its publish call."""
    worked_ns: Numbers
    """The end of its last task, or of the publish call that raised."""
    over_ns: Numbers
    """Its result was seen."""
    unstored_ns: Numbers
    """When the backend refused the result of one of its tasks, and it was left at that; MISSING."""
    started_ns: Numbers
    last_seen_ns: Numbers
    """The last stamp of what it lacks: see `_last_seen_ns`."""


def _spans(faulty: FaultyBlock) -> _Spans:
    units, tasks = faulty.merged.units, faulty.merged.tasks
    finished = tasks.finished_ns.reshape(-1, tasks.per_unit)
    worked = np.where((finished == MISSING).any(axis=1), FOREVER, finished.max(axis=1))
    for row, at_ns in faulty.refused.at_ns.items():
        worked[row] = at_ns
    over = np.where(units.seen_ns == MISSING, FOREVER, units.seen_ns)
    started = first_starts(faulty.merged)
    return _Spans(
        begin_ns=units.publish_ns,
        worked_ns=worked,
        over_ns=np.maximum(over, 0),
        unstored_ns=_unstored_ns(faulty).reshape(-1, tasks.per_unit).max(axis=1),
        started_ns=np.where(started == MISSING, 0, started),
        last_seen_ns=_last_seen_ns(faulty),
    )


def _last_seen_ns(faulty: FaultyBlock) -> Numbers:
    """Of each unit the earliest last stamp among its tasks that have not finished and whose turn
    had come; of one that no worker received, when its message came to be. Of a unit all of whose
    tasks have finished, the earliest last stamp of all."""
    tasks = faulty.merged.tasks
    shape = (-1, tasks.per_unit)
    last = faulty.handlings.last_by_task()
    seen_ns = np.broadcast_to(
        faulty.ledger.origin_ns, (len(last) // tasks.per_unit, tasks.per_unit)
    )
    seen_ns = seen_ns.reshape(-1).copy()
    seen_ns[last >= 0] = faulty.handlings.time_ns[last[last >= 0]]
    counts = (tasks.finished_ns == MISSING) & (seen_ns != MISSING)
    counts |= np.repeat(tasks.every(tasks.finished_ns != MISSING), tasks.per_unit)
    earliest: Numbers = np.where(counts, seen_ns, FOREVER).reshape(shape).min(axis=1)
    return np.where(earliest == FOREVER, 0, earliest)


def _unstored_ns(faulty: FaultyBlock) -> Numbers:
    """Of each task when the backend refused its result, if that was the last of it."""
    last = faulty.handlings.last_by_task()
    found = np.full(len(last), MISSING, dtype=np.int64)
    refused = np.flatnonzero(last >= 0)
    refused = refused[faulty.handlings.kind[last[refused]] == Kind.UNSTORED]
    found[refused] = faulty.handlings.time_ns[last[refused]]
    return found


def _waited(faulty: FaultyBlock, spans: _Spans, index: int) -> Truths:
    """Units that waited while something was broken, wherever that was."""
    begin, until = faulty.notes[index].begin_ns or 0, faulty.blame_until_ns[index]
    waited: Truths = (faulty.merged.units.due_ns < until) & (spans.started_ns >= begin)
    return waited


def _touched(faulty: FaultyBlock, spans: _Spans, index: int) -> tuple[Truths, Truths]:
    """Units that were where the fault was, while it was there; and those of them that were lost
    because the backend refused their results then."""
    note = faulty.notes[index]
    begin, until = note.begin_ns or 0, faulty.blame_until_ns[index]
    touched = np.zeros(len(spans.begin_ns), dtype=bool)
    unstored = np.zeros_like(touched)
    if note.kind.place == "worker":
        return touched, unstored
    to = str(note.model.get("to", ""))
    if note.kind.place == "broker" or to in ("broker", "both"):
        touched |= (spans.begin_ns < until) & (spans.worked_ns >= begin)
    holds_results = note.kind.place == "backend" or bool(note.facts.get("holds_results"))
    if holds_results or to in ("backend", "both"):
        stored = (spans.worked_ns < until) & (spans.worked_ns < FOREVER)
        touched |= stored & (spans.over_ns >= begin)
        then = (spans.unstored_ns >= begin) & (spans.unstored_ns < until)
        unstored = touched & then & (faulty.ledger.final == Final.LOST)
    return touched, unstored


def _vanished(faulty: FaultyBlock, note: FaultNote) -> Truths:
    """Units published by the time that a worker was gone, and never received or refused by any:
    their message left the broker and did not arrive. It was on its way to the worker, or in its
    hands and not yet looked at."""
    tasks = faulty.merged.tasks
    never = tasks.some((tasks.received_ns == MISSING) & (tasks.refused_ns == MISSING))
    vanished: Truths = never & (faulty.merged.units.publish_ns <= (note.struck_ns or FOREVER))
    vanished &= faulty.takers.may_take(note.mains, len(vanished))
    return vanished & (faulty.ledger.final == Final.LOST) if note.died else np.zeros_like(vanished)


def _held(faulty: FaultyBlock, note: FaultNote) -> Truths:
    """Tasks that the fault's processes had, and had not brought to an end: when it began (a broker
    may deliver again while they die), or when it was done. A warm shutdown lets them come to an
    end, so only what they have left then is its own."""
    if note.begin_ns is None or note.kind.place != "worker":
        return np.zeros(len(faulty.merged.tasks), dtype=bool)
    pids = [*note.died, *note.mains, *note.pool]
    if note.kind.one_process:
        pids = list(note.died)
    left = _in_hand(faulty, pids, note.struck_ns or FOREVER)
    if note.kind.lets_finish:
        return left
    return left | _in_hand(faulty, pids, note.begin_ns)


def _in_hand(faulty: FaultyBlock, pids: Sequence[int], at_ns: int) -> Truths:
    """Tasks whose last stamp by a moment is one of these processes', and not that of their end: the
    result was stored, or the backend refused it. Nor had the worker forgotten it: what it had
    received and not begun when it was cut off is the broker's again."""
    before = faulty.handlings.chosen(faulty.handlings.time_ns <= at_ns)
    last = before.last_by_task()
    found = last >= 0
    index = last[found]
    over = np.isin(before.kind[index], (Kind.STORED, Kind.UNSTORED))
    received = before.kind[index] == Kind.RECEIVED
    for note in faulty.notes:
        if note.kind.cuts_off and (note.struck_ns or FOREVER) <= at_ns:
            theirs = np.isin(before.pid[index], note.mains)
            over |= received & theirs & (before.time_ns[index] <= (note.begin_ns or 0))
    found[found] = np.isin(before.pid[index], pids) & ~over
    return found


def _received_elsewhere(faulty: FaultyBlock, note: FaultNote) -> Truths:
    """Tasks that another process received since the fault began."""
    received, since_ns = faulty.handlings.of_kind(Kind.RECEIVED), note.begin_ns or 0
    others = ~np.isin(received.pid, [*note.died, *note.mains])
    found = np.zeros(len(faulty.merged.tasks), dtype=bool)
    found[received.place[others & (received.time_ns > since_ns)]] = True
    return found
