"""Who wrote which log of a block: groups of workers, and the queues that each of them numbered.

Both stand only in the logs of blocks that have several; else every answer here is None, and nothing
is allocated for it.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from harness.probe.recording.events import MOST_QUEUES, is_last_part, name_of, queues_in
from harness.results.arrays import Flags
from harness.results.events.eventlog import Events, ident_of, identity_of, logs_in

_MOST = int(np.iinfo(np.uint8).max)
"""Different queues, or groups, that are told apart; what comes beyond is not told."""


class Writers:
    """Reads a block's logs one after the other: `begin` says whose turn it is."""

    def __init__(self, groups: tuple[str, ...], processes: Mapping[int, int]) -> None:
        self.groups = groups
        """Names of the groups, sorted."""
        self.processes = processes
        """Id of a worker's process -> the place of its group in `groups`, from 1."""
        self._queues: list[str] = []
        self._group = 0

    @staticmethod
    def of(folder: Path) -> Writers:
        """By the headers of the logs in `folder`. A pool's process is of its parent's group where
        it does not name one itself."""
        said: dict[int, str] = {}
        parents: dict[int, int] = {}
        for path in logs_in(folder):
            identity, pid = identity_of(path), _pid(path)
            parents[pid] = int(identity.get("ppid", 0))
            if group := identity.get("group", ""):
                said[pid] = group
        names = tuple(sorted(set(said.values())))[:_MOST]
        known = {pid: said.get(pid) or said.get(parent) for pid, parent in parents.items()}
        places = {name: place for place, name in enumerate(names, 1)}
        return Writers(names, {pid: places[g] for pid, g in known.items() if g in places})

    def begin(self, path: Path) -> None:
        """What comes next is of this log: it has numbers for queues of its own."""
        self._group = self.processes.get(_pid(path), 0)
        self._parts: dict[int, list[bytes]] = {}
        self._places = np.zeros(0, dtype=np.uint8)

    def name_queues(self, events: Events | None) -> None:
        """Take names of queues (Kind.QUEUE), before the receptions that they are the names of."""
        for event in events if events is not None else ():
            number, parts = int(event["unit"]), self._parts.setdefault(int(event["unit"]), [])
            if 0 < number <= MOST_QUEUES and int(event["position"]) == len(parts):
                parts.append(ident_of(event))
                if is_last_part(parts[-1]):
                    self._place(number, name_of(parts))

    def _place(self, number: int, name: str) -> None:
        if name not in self._queues:
            self._queues.append(name)
        place = self._queues.index(name) + 1
        if number >= len(self._places):
            grown = np.zeros(number + 1, dtype=np.uint8)
            grown[: len(self._places)] = self._places
            self._places = grown
        self._places[number] = place if place <= _MOST else 0

    @property
    def queues(self) -> tuple[str, ...]:
        """Names of the queues so far, in the order in which they were met."""
        return tuple(self._queues[:_MOST])

    def queues_of(self, receptions: Events) -> Flags | None:
        """The place in `queues`, from 1, of the queue of each reception of this log; 0 where it is
        not told; None where no queue is."""
        if not len(self._places):
            return None
        numbers = queues_in(receptions["position"].astype(np.int64))
        numbers[numbers >= len(self._places)] = 0
        places: Flags = self._places[numbers]
        return places

    def group_of(self, events: Events) -> Flags | None:
        """The place in `groups`, from 1, of the writer of each event of this log; None where there
        are no groups."""
        return np.full(len(events), self._group, dtype=np.uint8) if self.groups else None


def _pid(path: Path) -> int:
    """The writer of a log; the file's name holds its number."""
    return int(path.stem.split("-")[1])
