"""Merges the event logs of one block into units and tasks. Arrays only, no Python loop per task.

The logs are read twice and held never: first for what was published, which gives every task its
place, then chunk by chunk, each stamp going straight to its place. So memory is that of the
result, about 90 bytes per unit of one task. Tasks that ran again: see `executions`.

Times are CLOCK_MONOTONIC ns of one host; MISSING stands for "did not happen".
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from harness.probe.recording.events import (
    RAISED,
    REFUSALS,
    REPLACED,
    Kind,
    Outcome,
    Stop,
    is_last_part,
    name_of,
)
from harness.probe.recording.ids import WHOLE
from harness.results.arrays import Flags, Times
from harness.results.events.earliest import Earliest
from harness.results.events.eventlog import Events, by_kind, chunks, ident_of, logs_in
from harness.results.events.executions import cpu_times, end_by_storing, read_executions
from harness.results.events.merged import MISSING, NOT_TOLD, Merged, Tasks, Tracked, Units
from harness.results.events.noted_ids import NotedIds, SideEnds
from harness.results.events.published import FOREIGN, Places, Published, published_in
from harness.results.events.writers import Writers


def merge(folder: Path, tasks_per_unit: int, *, grouped: bool, members: int = 0) -> Merged:
    """Read all event logs in `folder`. `grouped`: a unit ends with tasks side by side, whose
    results may have been seen one by one; they are the last `members` of its tasks, or all.
    RecordError if the logs contradict themselves."""
    writers = Writers.of(folder)
    published = published_in(folder, tasks_per_unit)
    block = _Block(published, writers, members=(members or tasks_per_unit) * grouped)
    for path in logs_in(folder):
        writers.begin(path)
        for chunk in chunks(path):
            found = dict(by_kind(chunk))
            writers.name_queues(found.pop(Kind.QUEUE, None))
            for kind, events in found.items():
                block.note(kind, events)
    return block.merged(folder)


_TASK_KINDS = (
    *(Kind.RECEIVED, Kind.STARTED, Kind.FINISHED, Kind.STORING, Kind.STORED),
    *(Kind.STORING_STARTED, Kind.REFUSED),
)
_UNIT_KINDS = (
    *(Kind.DUE, Kind.PUBLISHED, Kind.PUBLISH_FAILED, Kind.SEEN, Kind.CHECKED),
    Kind.STARTED_SEEN,
)
_MOMENTS = (Kind.MEASURE_BEGIN, Kind.MEASURE_END, Kind.RELEASE)
_OUTCOMES = (Kind.SEEN, Kind.CHECKED)

_BY_SEVERITY = np.array(
    [
        *(Outcome.NONE, Outcome.OK, Outcome.TIMED_OUT),
        *(Outcome.FAILED_AS_MEANT, Outcome.FAILED, Outcome.WRONG),
    ],
    dtype=np.uint8,
)
"""What a group is when its members ended differently: the worst of them, the last in this row."""
_SEVERITY = np.zeros(256, dtype=np.uint8)
_SEVERITY[_BY_SEVERITY] = np.arange(len(_BY_SEVERITY))


class _Block:
    """Takes events in any order and puts each in its place."""

    def __init__(self, published: Published, writers: Writers, *, members: int) -> None:
        self._writers = writers
        units, tasks = len(published.unit), len(published.unit) * published.per_unit
        self._published = published
        self._members = members
        self._of_tasks = {kind: Earliest(tasks) for kind in _TASK_KINDS}
        self._of_units = {kind: Earliest(units) for kind in _UNIT_KINDS}
        self._of_members = Earliest(tasks)
        self._executions = np.zeros(tasks, dtype=np.int32)
        self._received = np.zeros(tasks, dtype=np.int32)
        self._cpu_ns = np.broadcast_to(np.int64(0), tasks)
        self._retries: npt.NDArray[np.int32] = np.broadcast_to(np.int32(0), tasks)
        self._replaced = self._retries
        self._strangers = NotedIds()
        self._first_ns = int(published.publish_ns.min(initial=np.iinfo(np.int64).max))
        self._side = SideEnds()
        self._moments: dict[int, list[int]] = {kind: [] for kind in _MOMENTS}
        self._unlock_looks = 0
        self._looks: npt.NDArray[np.int64] | None = None
        self._failures: dict[int, list[bytes]] = {}
        self._refused: dict[str, NotedIds] = {}
        self._stopped: dict[int, list[Places]] = {}

    def note(self, kind: int, events: Events) -> None:
        """Take the events of one kind from one chunk. Kinds of no meaning here are left out."""
        if kind in self._of_tasks:
            self._note_tasks(Kind(kind), events)
        elif kind == Kind.RETRIED:
            self._note_retries(events)
        elif kind == Kind.SPAWNED:
            self._side.spawned(events)
        elif kind in self._of_units:
            self._note_units(Kind(kind), events)
        elif kind in self._moments:
            self._moments[kind] += events["time_ns"].tolist()
        elif kind == Kind.LOOKED:
            self._note_looks(events)
        elif kind == Kind.UNLOCKING:
            self._unlock_looks += int((self._places(events) >= 0).sum())
        elif kind == Kind.FAILURE:
            self._note_failures(events)
        elif kind == Kind.STOPPED:
            self._note_stops(events)

    def _note_stops(self, events: Events) -> None:
        places = self._places(events)
        for stop in np.unique(events["position"]).tolist():
            mine = (places >= 0) & (events["position"] == stop)
            self._stopped.setdefault(stop, []).append(places[mine])

    def _note_looks(self, events: Events) -> None:
        rows = self._published.rows(events["unit"].astype(np.uint32))
        if self._looks is None:
            self._looks = np.full(len(self._published.unit), NOT_TOLD, dtype=np.int64)
        counts = events["flags"].astype(np.int64) << 16 | events["position"]  # see `looks_fields`
        self._looks[rows[rows >= 0]] = counts[rows >= 0]

    def _note_failures(self, events: Events) -> None:
        rows = self._published.rows(events["unit"].astype(np.uint32))
        for row, event in zip(rows.tolist(), events, strict=True):
            parts = self._failures.setdefault(row, [])
            # Members of a group fail one by one: the first one's name stays.
            whole = bool(parts) and is_last_part(parts[-1])
            if row >= 0 and not whole and event["position"] == len(parts):
                parts.append(ident_of(event))

    def _places(self, events: Events) -> Places:
        return self._published.places(
            events["hi"].astype(np.uint64), events["lo"].astype(np.uint64)
        )

    def _note_tasks(self, kind: Kind, events: Events) -> None:
        hi, lo = events["hi"].astype(np.uint64), events["lo"].astype(np.uint64)
        places = self._published.places(hi, lo)
        mine = places >= 0
        if kind == Kind.REFUSED:
            for reason in np.unique(events["position"]).tolist():
                with_it = events["position"] == reason
                why = REFUSALS[reason if reason < len(REFUSALS) else 0]
                self._refused.setdefault(why, NotedIds()).note(hi[with_it], lo[with_it])
        if kind == Kind.RECEIVED:
            np.add.at(self._received, places[mine], np.int32(1))
        if kind == Kind.STARTED:
            np.add.at(self._executions, places[mine], np.int32(1))
            foreign = (places == FOREIGN) & (events["time_ns"] >= self._first_ns)
            self._strangers.note(hi[foreign], lo[foreign])
        if kind == Kind.FINISHED:
            self._side.finished(events[places == FOREIGN])
            self._note_cpu(places[mine], cpu_times(events[mine]))
        marks = self._marks(kind, events[mine])
        self._of_tasks[kind].note(places[mine], events["time_ns"].astype(np.int64)[mine], marks)

    def _marks(self, kind: Kind, events: Events) -> Flags | None:
        """What is to be known of each stamp beside its time."""
        if kind == Kind.RECEIVED:
            return self._writers.queues_of(events)
        if kind == Kind.STARTED:
            return self._writers.group_of(events)
        return events["flags"] & np.uint8(RAISED) if kind == Kind.FINISHED else None

    def _note_cpu(self, places: Places, cpu_ns: Times) -> None:
        if cpu_ns.any():
            if not self._cpu_ns.flags.writeable:
                self._cpu_ns = self._cpu_ns.copy()
            self._cpu_ns[places] = cpu_ns

    def _note_retries(self, events: Events) -> None:
        hi, lo = events["hi"].astype(np.uint64), events["lo"].astype(np.uint64)
        places = self._published.places(hi, lo)
        if not self._retries.flags.writeable:
            self._retries, self._replaced = self._retries.copy(), self._replaced.copy()
        np.add.at(self._retries, places[places >= 0], np.int32(1))
        replaced = (places >= 0) & (events["flags"] == REPLACED)
        np.add.at(self._replaced, places[replaced], np.int32(1))

    def _note_units(self, kind: Kind, events: Events) -> None:
        rows = self._published.rows(events["unit"].astype(np.uint32))
        events, rows = events[rows >= 0], rows[rows >= 0]
        if kind == Kind.SEEN and self._members:
            whole = events["position"] == WHOLE
            self._note_members(events[~whole], rows[~whole])
            events, rows = events[whole], rows[whole]
        if len(rows):
            marks = _SEVERITY[events["flags"]] if kind in _OUTCOMES else None
            self._of_units[kind].note(rows, events["time_ns"].astype(np.int64), marks)

    def _note_members(self, events: Events, rows: Places) -> None:
        per_unit = self._published.per_unit
        known = events["position"] < per_unit
        events, rows = events[known], rows[known]
        if len(rows):
            places = rows * per_unit + events["position"]
            marks = _SEVERITY[events["flags"]]
            self._of_members.note(places, events["time_ns"].astype(np.int64), marks)

    def merged(self, folder: Path) -> Merged:
        """All. `folder` has the logs, of which tasks that ran again need a second look."""
        again = (self._executions > 1) | (self._received > 1) | (self._retries > 0)
        begin, end, release = (self._moments[kind] for kind in _MOMENTS)
        repeats = read_executions(folder, self._published, again)
        if self._cpu_ns.any():  # of several executions any may have come last
            decisive = repeats.decisive()
            self._cpu_ns[repeats.task] = 0
            self._cpu_ns[decisive.task] = decisive.cpu_ns
        return Merged(
            units=self._units(),
            tasks=self._tasks(),
            tags=self._published.tags,
            foreign_tasks=self._strangers.different(),
            measure_begin_ns=min(begin, default=MISSING),
            measure_end_ns=max(end, default=MISSING),
            release_ns=min(release, default=MISSING),
            slices_ns=slice_begins(begin, end),
            side_end_ns=self._side.end_ns(self._first_ns),
            tracked=self._tracked(),
            repeats=repeats,
            unlock_looks=self._unlock_looks or None,
            stopped={stop: np.concatenate(parts) for stop, parts in self._stopped.items()},
            refusals={why: ids.messages() for why, ids in self._refused.items()},
            failures={row: name_of(parts) for row, parts in self._failures.items() if parts},
            queues=self._writers.queues,
            groups=self._writers.groups,
            group_of=self._writers.processes,
        )

    def _tracked(self) -> Tracked | None:
        if self._looks is None:
            return None
        return Tracked(
            looks=self._looks,
            started_seen_ns=self._of_units[Kind.STARTED_SEEN].times(),
            storing_started_ns=self._of_tasks[Kind.STORING_STARTED].times(),
        )

    def _units(self) -> Units:
        published, kinds = self._published, self._of_units
        self._gather_members()
        due_ns, publish_ns = kinds[Kind.DUE].times(), published.publish_ns
        if kinds[Kind.DUE].noted:
            np.copyto(due_ns, publish_ns, where=due_ns == MISSING)
        seen_ns, seen = kinds[Kind.SEEN].times(), _BY_SEVERITY[kinds[Kind.SEEN].marks()]
        if kinds[Kind.SEEN].noted:
            seen_ns[seen == Outcome.TIMED_OUT] = MISSING
        return Units(
            unit=published.unit,
            client=published.client,
            due_ns=due_ns if kinds[Kind.DUE].noted else publish_ns,
            publish_ns=publish_ns,
            published_ns=kinds[Kind.PUBLISHED].times(),
            publish_failed=kinds[Kind.PUBLISH_FAILED].times() != MISSING,
            seen_ns=seen_ns,
            seen=seen,
            checked=_BY_SEVERITY[kinds[Kind.CHECKED].marks()],
            checked_ns=kinds[Kind.CHECKED].times(),
        )

    def _gather_members(self) -> None:
        """A group watched member by member was seen when all of them were: at the last one's
        time, with the worst one's outcome."""
        if not self._of_members.noted:
            return
        per_unit = self._published.per_unit
        first = per_unit - self._members
        times = self._of_members.times().reshape(-1, per_unit)[:, first:]
        rows = np.flatnonzero((times != MISSING).all(axis=1))
        worst = self._of_members.marks().reshape(-1, per_unit)[rows, first:].max(axis=1)
        self._of_units[Kind.SEEN].note(rows, times[rows].max(axis=1), worst)

    def _tasks(self) -> Tasks:
        kinds = self._of_tasks
        started_ns = kinds[Kind.STARTED].times()
        finished_ns = kinds[Kind.FINISHED].times()
        storing_ns = kinds[Kind.STORING].times()
        raised = kinds[Kind.FINISHED].marks() != 0
        decided = raised.copy()
        for stop in (Stop.REVOKED, Stop.TERMINATED):
            for places in self._stopped.get(stop, ()):
                decided[places] = True
        end_by_storing(decided, started_ns, finished_ns, storing_ns)
        return Tasks(
            per_unit=self._published.per_unit,
            refused_ns=kinds[Kind.REFUSED].times(),
            received_ns=kinds[Kind.RECEIVED].times(),
            started_ns=started_ns,
            finished_ns=finished_ns,
            storing_ns=storing_ns,
            stored_ns=kinds[Kind.STORED].times(),
            raised=raised,
            cpu_ns=self._cpu_ns,
            executions=self._executions,
            retries=self._retries,
            replaced=self._replaced,
            queue=kinds[Kind.RECEIVED].marks(),
            group=kinds[Kind.STARTED].marks(),
        )


def slice_begins(begins_ns: Sequence[int], ends_ns: Sequence[int]) -> tuple[int, ...]:
    """When a load began of which nothing was under way before, in any client. What was broken off
    has no end in the log of its client."""
    marks = sorted([(at, 1) for at in begins_ns] + [(at, -1) for at in ends_ns])
    found, running = list[int](), 0
    for at, step in marks:
        if step > 0 and running <= 0:
            found.append(at)
        running += step
    return tuple(found)
