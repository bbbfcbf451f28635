"""The part of a block's record that is about its faults, from notes and event logs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from harness.probe.recording.events import Kind
from harness.probe.recording.ids import first_unit
from harness.results.block.by_queue import EVERYBODY, Takers
from harness.results.block.ledger import BlockEnd
from harness.results.block.load_phases import behind
from harness.results.block.summary import Digest
from harness.results.events.eventlog import all_of_kind
from harness.results.events.handlings import Handlings, read_handlings
from harness.results.events.merged import MISSING, Merged
from harness.results.events.ran_with import RanWith
from harness.results.faults.attribution import FaultyBlock, Refused, blame
from harness.results.faults.notes import Fallen, FaultNote
from harness.results.faults.orphans import orphans, without_kept
from harness.results.faults.promises import promises
from harness.results.faults.recovery import Recovery, level_before, recovery, units_in_order
from harness.results.faults.second_runs import FOREVER, NOBODY
from harness.results.record.faults import FaultRecord, Trouble
from harness.results.record.parts import NO_FAULTS, FaultFigures, LogFigures
from harness.results.record.run import RecordedWarning

SILENT_S = 5.0
"""So long messages have waited at least when a worker that receives none is called silent: a client
of a broker that is back tries again after some seconds."""


@dataclass(frozen=True)
class Aftermath:
    """What is read of a block's logs beside its units and tasks, while they are there."""

    notes: Sequence[FaultNote]
    handlings: Handlings
    refused: Refused
    load_end_ns: int
    """When the last unit was due, as planned."""
    fallen: tuple[Fallen, ...] = ()
    """Workers that ended by themselves."""
    over_ns: int = 0
    """When nobody waited for results any more."""
    takers: Takers = EVERYBODY

    @property
    def fallen_pids(self) -> tuple[int, ...]:
        """Their main processes."""
        return tuple(one.pid for one in self.fallen)


def aftermath(
    events: Path,
    merged: Merged,
    notes: Sequence[FaultNote],
    reasons: Sequence[Sequence[str]],
    load_end_ns: int,
    fallen: tuple[Fallen, ...] = (),
    over_ns: int = 0,
    takers: Takers = EVERYBODY,
) -> Aftermath:
    """Read the logs. `reasons`: what publishing raised in each client, in the order in which the
    events number it. RecordError if the logs contradict themselves."""
    handlings, published = read_handlings(events, merged.tasks.per_unit)
    failed = all_of_kind(events, Kind.PUBLISH_FAILED)
    rows = published.rows(failed["unit"].astype(np.uint32))
    at_ns: dict[int, int] = {}
    reason: dict[int, str] = {}
    for row, event in zip(rows.tolist(), failed, strict=True):
        if row < 0:
            continue
        at_ns[row] = int(event["time_ns"])
        client, number = int(event["unit"]) // first_unit(1), int(event["position"])
        own = reasons[client] if client < len(reasons) else ()
        if 1 <= number <= len(own):
            reason[row] = own[number - 1].partition(":")[0]
    refused = Refused(at_ns, reason)
    return Aftermath(notes, handlings, refused, load_end_ns, fallen, over_ns, takers)


def with_orphans(end: BlockEnd, merged: Merged, found: Aftermath, unacknowledged: int) -> BlockEnd:
    """How the block ended, where a living worker does not say that it holds what it received."""
    orphaned = orphans(merged, found.handlings, found.notes, found.fallen_pids)
    kept, waiting = without_kept(merged, orphaned, end.waiting, unacknowledged)
    return BlockEnd(waiting, end.workers_alive, end.cut_short, kept)


def with_faults(
    result: Digest,
    found: Aftermath,
    config: Mapping[str, Any],
    ran: RanWith,
    held_by_broker: int,
) -> LogFigures:
    """Fields of `BlockRecord` by name: the block's own, and what there is to say of its faults."""
    silent = silent_workers(found, result.merged)
    fields: LogFigures = {
        **result.fields,
        **_fault_figures(result, found, config, ran, held_by_broker),
        "silent_workers": len(silent),
        "fallen_workers": len(found.fallen),
        "warnings": (*result.fields["warnings"], *silent),
    }
    first_ns = min((n.begin_ns for n in found.notes if n.begin_ns is not None), default=None)
    if first_ns is not None and (data := _fell_behind(result.merged, first_ns)):
        warning = RecordedWarning(code="client_limited", data=data)
        fields["client_limited"], fields["warnings"] = True, (*fields["warnings"], warning)
    return fields


def _fell_behind(merged: Merged, first_fault_ns: int) -> dict[str, float]:
    """Whether the client could not keep up before anything was broken. Afterwards, that it could
    not send in time is what the fault did."""
    due_ns, publish_ns = merged.units.due_ns, merged.units.publish_ns
    due = due_ns < first_fault_ns
    planned, in_time = int(due.sum()), int((due & (publish_ns <= first_fault_ns)).sum())
    if not planned or not behind(planned, in_time):
        return {}
    seconds = max(1e-9, float(first_fault_ns - due_ns[due].min()) / 1e9)
    return {"planned_per_s": planned / seconds, "sent_per_s": in_time / seconds}


def _fault_figures(
    result: Digest,
    found: Aftermath,
    config: Mapping[str, Any],
    ran: RanWith,
    held_by_broker: int,
) -> FaultFigures:
    notes = sorted(
        (note for note in found.notes if note.begin_ns is not None),
        key=lambda note: note.begin_ns or 0,
    )
    never = [note for note in found.notes if note.begin_ns is None]
    if not notes:
        return {**NO_FAULTS, "faults": tuple(_record(note) for note in never)}
    units = units_in_order(result.merged, result.phases, result.ledger.completed)
    begins = [note.begin_ns or 0 for note in notes]
    level = level_before(units, begins[0])
    untils = [*begins[1:], max(found.load_end_ns, begins[-1])]
    backs = [
        recovery(units, level, (begin, note.struck_ns, _over_ns(note)), until)
        for note, begin, until in zip(notes, begins, untils, strict=True)
    ]
    blamed = _blamed_until(notes, begins, backs)
    block = result.merged, result.ledger, found.handlings, found.refused
    faulty = FaultyBlock(*block, level, notes, blamed, found.takers)
    judged = blame(faulty)
    consequences = (
        _Consequences(
            judged.trouble(index, found.refused),
            judged.errors(index, found.refused),
            back,
            _came_back(note, found, result.merged),
            _fell_after(note, begins[index + 1 :], found),
        )
        for index, (note, back) in enumerate(zip(notes, backs, strict=True))
    )
    return {
        **NO_FAULTS,
        "faults": (*map(_record, notes, consequences), *(_record(note) for note in never)),
        "fault_level": level,
        "unattributed": judged.trouble(NOBODY, found.refused),
        "promises": promises(config, ran, faulty, judged, held_by_broker),
    }


def _over_ns(note: FaultNote) -> int | None:
    """None: it was to be undone and never was."""
    if note.mended_ns is None and note.mending_ns is not None:
        return None
    return note.over_ns


def _blamed_until(
    notes: Sequence[FaultNote], begins: Sequence[int], backs: Sequence[Recovery]
) -> list[int]:
    """Until when each fault is to blame for what goes wrong."""
    return [
        _blame_until(begin, _over_ns(note), back, begins[index + 1 :])
        for index, (note, begin, back) in enumerate(zip(notes, begins, backs, strict=True))
    ]


def _blame_until(begin: int, over: int | None, back: Recovery, later: Sequence[int]) -> int:
    """Until the p99 was back; where that is not known, until the next fault began. While it is
    broken in any case."""
    if back.p99_s is not None:
        return max(begin + round(back.p99_s * 1e9), over or 0)
    return max(later[0], over or 0) if later and over is not None else FOREVER


@dataclass(frozen=True)
class _CameBack:
    """Which workers received tasks again, once nothing was broken any more."""

    workers: int = 0
    by_itself: int = 0
    restarted: int = 0
    known: bool = False
    idle: int = 0


_NOT_WATCHED = Recovery(first_s=None, p99_s=None, disturbed=None, watched_s=0.0)


@dataclass(frozen=True)
class _Consequences:
    """What came of a fault; by default, of one that was not done."""

    trouble: Trouble = field(default_factory=Trouble)
    errors: Mapping[str, int] = field(default_factory=dict)
    back: Recovery = _NOT_WATCHED
    workers: _CameBack = field(default_factory=_CameBack)
    fell: Mapping[str, str] = field(default_factory=dict)


def _record(note: FaultNote, after: _Consequences = _Consequences()) -> FaultRecord:
    def at_s(time_ns: int | None) -> float | None:
        return None if time_ns is None else (time_ns - note.load_begin_ns) / 1e9

    return FaultRecord(
        number=note.number,
        fault=note.fault,
        target=note.target,
        parameters={name: value for name, value in note.model.items() if name != "fault"},
        planned_at_s=(note.planned_ns - note.load_begin_ns) / 1e9,
        begin_at_s=at_s(note.begin_ns),
        struck_at_s=at_s(note.struck_ns),
        mending_at_s=at_s(note.mending_ns),
        mended_at_s=at_s(note.mended_ns),
        facts=dict(note.facts),
        not_done=note.not_done,
        trouble=after.trouble,
        errors=dict(after.errors),
        disturbed=after.back.disturbed,
        first_back_s=after.back.first_s,
        p99_back_s=after.back.p99_s,
        watched_s=after.back.watched_s,
        workers=after.workers.workers,
        back_by_itself=after.workers.by_itself,
        back_restarted=after.workers.restarted,
        back_known=after.workers.known,
        back_idle=after.workers.idle,
        fell=dict(after.fell),
    )


def _came_back(note: FaultNote, found: Aftermath, merged: Merged) -> _CameBack:
    over_ns = _over_ns(note)
    received = found.handlings.of_kind(Kind.RECEIVED)
    if over_ns is None:
        return _CameBack(len(note.mains))
    later = received.chosen(received.time_ns > over_ns)
    alive = set(later.pid.tolist())
    since = merged.units.published_ns > over_ns
    successors = dict(zip(note.mains, note.started, strict=False))  # a restart may have failed
    idle = [
        pid
        for pid in note.mains
        if alive.isdisjoint((pid, successors.get(pid)))
        and not (found.takers.may_take([pid], len(since)) & since).any()
    ]
    if note.kind.one_process:
        alive = _with_new_child(note, found) & alive
    return _CameBack(
        workers=len(note.mains),
        by_itself=sum(pid in alive for pid in note.mains),
        restarted=sum(pid in alive for pid in note.started),
        known=bool(alive) or len(idle) < len(note.mains),
        idle=len(idle) if alive else 0,
    )


def _fell_after(note: FaultNote, later: Sequence[int], found: Aftermath) -> dict[str, str]:
    """Workers that ended by themselves from a fault's begin until that of the next one."""
    begin_ns, until_ns = note.begin_ns or 0, min(later, default=FOREVER)
    return {one.worker: one.why for one in found.fallen if begin_ns <= one.at_ns < until_ns}


def _with_new_child(note: FaultNote, found: Aftermath) -> set[int]:
    """The worker, if a pool process that did not run a task before has run one since."""
    started = found.handlings.of_kind(Kind.STARTED)
    at_ns = note.struck_ns or 0
    before = set(started.pid[started.time_ns <= at_ns].tolist())
    new = set(started.pid[started.time_ns > at_ns].tolist()) - before
    parents = {found.handlings.parents.get(pid) for pid in new}
    return {pid for pid in note.mains if pid in parents}


# --- workers that live and do nothing -----------------------------------------------------------


def silent_workers(found: Aftermath, merged: Merged) -> tuple[RecordedWarning, ...]:
    """One warning for each worker that lived and received nothing any more once nothing was broken,
    although messages that were published since waited for SILENT_S or more, to the very end."""
    begun = [note for note in found.notes if note.begin_ns is not None]
    overs = [_over_ns(note) for note in begun]
    known = [at_ns for at_ns in overs if at_ns is not None]
    if not known or len(known) < len(overs):
        return ()
    back_ns = max(known)
    published_ns = merged.units.published_ns
    never = merged.tasks.some(
        (merged.tasks.received_ns == MISSING) & (merged.tasks.refused_ns == MISSING)
    )
    warnings = []
    for pid in _silent(found, begun, back_ns):
        waiting = never & (published_ns > back_ns) & found.takers.may_take([pid], len(never))
        if not waiting.any():
            continue
        if (found.over_ns - int(published_ns[waiting].min())) / 1e9 >= SILENT_S:
            silent_s = (found.over_ns - back_ns) / 1e9
            data = {"pid": pid, "silent_s": silent_s, "units": int(waiting.sum())}
            warnings.append(RecordedWarning(code="silent_worker", data=data))
    return tuple(warnings)


def _silent(found: Aftermath, notes: Sequence[FaultNote], back_ns: int) -> list[int]:
    """Main processes that live, have had tasks or were started for those that had, and received
    none since. One whose pool is still in a task may have no room for another."""
    received = found.handlings.of_kind(Kind.RECEIVED)
    mains = set(received.pid.tolist()) | {pid for note in notes for pid in note.started}
    gone = {pid for note in notes for pid in note.died} | set(found.fallen_pids)
    since = set(received.pid[received.time_ns > back_ns].tolist())
    return sorted(mains - gone - since - _busy(found.handlings))


def _busy(handlings: Handlings) -> set[int]:
    """Main processes of which a process has begun a task and not come to its end."""
    in_task = {
        int(handlings.pid[index])
        for index in handlings.last_by_task()
        if index >= 0 and handlings.kind[index] == Kind.STARTED
    }
    return in_task | {handlings.parents.get(pid, 0) for pid in in_task}
