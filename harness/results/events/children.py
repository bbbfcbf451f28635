"""The processes of prefork pools, one by one: what they say, and what their worker says of them."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, replace

import numpy as np

from harness.probe.recording.events import ChildEnd, Kind
from harness.results.events.eventlog import Events, Identity, ident_of
from harness.results.events.merged import MISSING

_KINDS = 256
_IS_OF_TASKS = np.zeros(_KINDS, dtype=np.bool_)
_IS_OF_TASKS[[Kind.STARTED, Kind.FINISHED, Kind.RETRIED]] = True
_IS_WORK = _IS_OF_TASKS.copy()
_IS_WORK[[Kind.STORING, Kind.STORED, Kind.UNSTORED, Kind.STORING_STARTED]] = True
_BY_WORKER = (Kind.CHILD_FORKED, Kind.CHILD_GONE)


@dataclass(frozen=True)
class Child:
    """A process of a prefork pool. Times are CLOCK_MONOTONIC ns; MISSING: that never was, or nobody
    said so."""

    pid: int
    worker_pid: int
    """Id of its worker's main process."""
    ready_ns: int
    """When it was initialised."""
    tasks: int
    """Functions that it called."""
    last_ns: int
    """Time of the last event of a task that the process recorded; MISSING if it ran none."""
    cut: bytes
    """Id of the task that it began and did not end; empty if it ended what it began."""
    first_ns: int = MISSING
    """When it began its first task."""
    forked_ns: int = MISSING
    """When its worker began to start it."""
    slot: int = -1
    """Its place in the pool, from 0, which its successor has, too; -1 where the worker did not
    say."""
    leaves_ns: int = MISSING
    """When it began to end in good order."""
    leaving: ChildEnd = ChildEnd.NOT_TOLD
    """Why, as it said itself."""
    peak_rss_bytes: int = 0
    """The most memory that it had had by then; 0 where it did not say."""
    gone_ns: int = MISSING
    """When its worker found that it had ended."""
    gone: ChildEnd = ChildEnd.NOT_TOLD
    """What its worker had done to it."""


class Life:
    """Reads the log of one process, chunk by chunk: what it says of itself, if it is a pool's."""

    def __init__(self, identity: Identity) -> None:
        self.is_child = identity.get("role") == "child"
        self._opened_ns = int(identity.get("monotonic_ns", 0))
        self._child = Child(
            int(identity.get("pid", 0)), int(identity.get("ppid", 0)), MISSING, 0, MISSING, b""
        )

    def note(self, chunk: Events) -> None:
        """Take the records of a chunk."""
        kinds, child = chunk["kind"], self._child
        starts = np.flatnonzero(kinds == Kind.STARTED)
        if len(starts) and child.first_ns == MISSING:
            child = replace(child, first_ns=int(chunk["time_ns"][starts[0]]))
        ready = np.flatnonzero(kinds == Kind.PROCESS_READY)
        if len(ready) and child.ready_ns == MISSING:
            child = replace(child, ready_ns=int(chunk["time_ns"][ready[0]]))
        work = np.flatnonzero(_IS_WORK[kinds])
        if len(work):
            last_ns = max(child.last_ns, int(chunk["time_ns"][work].max()))
            child = replace(child, last_ns=last_ns)
        of_tasks = np.flatnonzero(_IS_OF_TASKS[kinds])
        if len(of_tasks):
            last = chunk[of_tasks[-1]]
            cut = ident_of(last) if last["kind"] == Kind.STARTED else b""
            child = replace(child, cut=cut, tasks=child.tasks + len(starts))
        for event in chunk[kinds == Kind.CHILD_LEAVES]:
            child = replace(
                child,
                leaves_ns=int(event["time_ns"]),
                leaving=ChildEnd(int(event["flags"])),
                peak_rss_bytes=int(event["unit"]) * 1024,
            )
        self._child = child

    def over(self) -> tuple[int, Child]:
        """When the process opened its log, and what stood there."""
        return self._opened_ns, self._child


class Children:
    """Puts together what pool processes and their workers said, each in a log of its own."""

    def __init__(self) -> None:
        self._lives: dict[tuple[int, int], list[tuple[int, Child]]] = defaultdict(list)
        self._by_worker: dict[tuple[int, int], list[Child]] = defaultdict(list)

    def add(self, life: Life) -> None:
        """Take what a whole log has told, if it is that of a pool process."""
        opened_ns, child = life.over()
        if life.is_child:
            self._lives[child.worker_pid, child.pid].append((opened_ns, child))

    def note(self, identity: Identity, life: Life, chunk: Events) -> None:
        """Take a chunk of a log: a pool process' own life, or what a worker did with others."""
        if life.is_child:
            life.note(chunk)
            return
        worker_pid = int(identity.get("pid", 0))
        for event in chunk[np.isin(chunk["kind"], _BY_WORKER)]:
            pid, at_ns = int(event["unit"]), int(event["time_ns"])
            known = self._by_worker[worker_pid, pid]
            if event["kind"] == Kind.CHILD_FORKED:
                slot = int(event["position"])
                one = Child(pid, worker_pid, MISSING, 0, MISSING, b"", forked_ns=at_ns, slot=slot)
                known.append(one)
            elif known:
                known[-1] = replace(known[-1], gone_ns=at_ns, gone=ChildEnd(int(event["flags"])))

    def all(self) -> tuple[Child, ...]:
        """Every process, in the order of their beginnings as far as these are known."""
        found = [
            child
            for key in self._lives.keys() | self._by_worker.keys()
            for child in self._joined(key)
        ]
        return tuple(sorted(found, key=lambda one: (one.forked_ns, one.ready_ns, one.pid)))

    def _joined(self, key: tuple[int, int]) -> list[Child]:
        """Of one process id, which the system may have given several times: a log belongs to the
        last process that was forked before it was opened."""
        forked = list(self._by_worker[key])
        found = []
        for opened_ns, child in self._lives[key]:
            at = max((i for i, one in enumerate(forked) if one.forked_ns <= opened_ns), default=-1)
            if at < 0:
                found.append(child)
                continue
            mine = forked.pop(at)
            found.append(
                replace(
                    child,
                    forked_ns=mine.forked_ns,
                    slot=mine.slot,
                    gone_ns=mine.gone_ns,
                    gone=mine.gone,
                )
            )
        return found + forked
