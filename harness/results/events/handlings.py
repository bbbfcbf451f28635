"""Which process handled which task, and when: every stamp with its writer, none merged away.

`merge` keeps the earliest stamp of each kind. What a fault did to a task shows in the others: who
received it last, who was running it when it died. Only blocks with faults are read this way.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from harness.probe.recording.events import Kind
from harness.results.arrays import Numbers
from harness.results.events.eventlog import identity_of, logs_in
from harness.results.events.published import Published, placed, published_in

KINDS = (Kind.RECEIVED, Kind.STARTED, Kind.FINISHED, Kind.STORED, Kind.UNSTORED)


@dataclass(frozen=True)
class Handlings:
    """All stamps of the measured tasks that workers made, in the order of time."""

    place: Numbers
    """Index of the stamp's task in `Merged.tasks`."""
    time_ns: Numbers
    kind: Numbers
    pid: Numbers
    """Id of the process that made the stamp."""
    tasks: int
    """How many tasks there are."""
    parents: Mapping[int, int]
    """Process id -> its parent's, of all processes that wrote a log."""

    def of_kind(self, kind: Kind) -> Handlings:
        """Only the stamps of one kind."""
        return self.chosen(self.kind == kind)

    def chosen(self, mask: npt.NDArray[np.bool_]) -> Handlings:
        """Only some of the stamps."""
        return Handlings(
            self.place[mask],
            self.time_ns[mask],
            self.kind[mask],
            self.pid[mask],
            self.tasks,
            self.parents,
        )

    def last_by_task(self) -> Numbers:
        """Index of the last stamp of each task, one per task; -1 where it has none."""
        found = np.full(self.tasks, -1, dtype=np.int64)
        found[self.place] = np.arange(len(self.place))  # of several the last one stays
        return found


def read_handlings(folder: Path, tasks_per_unit: int) -> tuple[Handlings, Published]:
    """From the event logs of a block. RecordError if they contradict themselves."""
    published = published_in(folder, tasks_per_unit)
    logs = [path for path in logs_in(folder) if path.stem.split("-")[0] in ("worker", "child")]
    parts = [part for path in logs for part in _stamps(path, published)]
    parents = {_pid(path): int(identity_of(path).get("ppid", 0)) for path in logs}
    empty = np.empty((0, 4), dtype=np.int64)
    rows = np.concatenate([empty, *parts])
    rows = rows[np.argsort(rows[:, 1], kind="stable")]
    count = len(published.unit) * published.per_unit
    return Handlings(rows[:, 0], rows[:, 1], rows[:, 2], rows[:, 3], count, parents), published


def _pid(path: Path) -> int:
    """The writer of a log; the file's name holds its number."""
    return int(path.stem.split("-")[1])


def _stamps(path: Path, published: Published) -> list[Numbers]:
    pid = _pid(path)
    found = []
    for kind, events, places in placed(path, KINDS, published):
        mine = places >= 0
        times = events["time_ns"].astype(np.int64)[mine]
        ones = np.ones(len(times), dtype=np.int64)
        found.append(np.stack([places[mine], times, ones * kind, ones * pid], axis=1))
    return found
