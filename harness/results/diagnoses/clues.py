"""What event logs hold beside the stamps of units: only diagnoses ask for it.

Few records are of these kinds, so they are read into arrays of their own.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt

from harness.probe.recording.events import RAISED, TIMED_SIGNALS, Kind, Reception, name_of
from harness.results.arrays import Times
from harness.results.events.children import Child, Children, Life
from harness.results.events.eventlog import (
    EVENT,
    Events,
    chunks,
    ident_of,
    identity_of,
    logs_in,
    of_kind,
)
from harness.results.events.merged import MISSING

_NO_EVENTS = np.empty(0, dtype=EVENT)
_NO_TIMES: Times = np.empty(0, dtype=np.int64)
_WAITING = int(Reception.ETA | Reception.LIMITED)

OF_PUBLISHING = ("before_task_publish", "after_task_publish")
"""The timed signals that are sent where a message is published, not where a task runs."""
_NUMBERS_OF_PUBLISHING = [TIMED_SIGNALS.index(name) for name in OF_PUBLISHING]


@dataclass(frozen=True)
class Held:
    """Messages that a worker took though their tasks were not to run at once; one entry each, in
    the order of their arrival."""

    events: Events = field(default_factory=_NO_EVENTS.copy)
    """As they were recorded when they arrived; `flags` is a Reception."""
    started_ns: Times = field(default_factory=_NO_TIMES.copy)
    """When their task ran for the first time after that; MISSING if it did not."""
    worker: npt.NDArray[np.int64] = field(default_factory=_NO_TIMES.copy)
    """Number of the worker that took them."""

    def __len__(self) -> int:
        return len(self.events)

    @property
    def received_ns(self) -> Times:
        """When each message arrived at its worker (CLOCK_MONOTONIC ns)."""
        return self.events["time_ns"].astype(np.int64)

    def only(self, which: npt.NDArray[np.bool_]) -> Held:
        """The messages that a mask chooses."""
        return Held(self.events[which], self.started_ns[which], self.worker[which])

    def because_of(self, why: Reception, but: Reception) -> Held:
        """The messages that had to wait for one reason, and not for another."""
        flags = self.events["flags"]
        return self.only(((flags & why) != 0) & ((flags & but) == 0))

    def halves(self) -> tuple[npt.NDArray[np.uint64], npt.NDArray[np.uint64]]:
        """First and second half of each message's task id, as `Merged.task_ids` has them."""
        return self.events["hi"].astype(np.uint64), self.events["lo"].astype(np.uint64)


@dataclass(frozen=True)
class Unlocked:
    """A chord whose header `celery.chord_unlock` looked at."""

    body: bytes
    """Id of the chord's body."""
    looks_ns: tuple[int, ...]
    header: frozenset[bytes]
    """Ids of the tasks whose results it waited for."""


@dataclass(frozen=True)
class Raised:
    """What handlers of a signal raised."""

    signal: str
    handler: str
    error: str
    """The exception's type."""
    message: str
    """Message of the first of these exceptions."""
    times: int = 0


@dataclass(frozen=True)
class Clues:
    """What the event logs of one block hold for diagnoses alone."""

    held: Held = field(default_factory=Held)
    groups: dict[int, str] = field(default_factory=dict)
    """Number of a worker, as in `Held` -> its group, where a block has several."""
    began_ns: Times = field(default_factory=_NO_TIMES.copy)
    """When any execution began, in order, those of side tasks too; read only where something was
    held, a chord was looked at, or handlers of signals took time."""
    ended_ns: Times = field(default_factory=_NO_TIMES.copy)
    """When any execution ended, in order; read in the same cases as `began_ns`."""
    limited: Events = field(default_factory=_NO_EVENTS.copy)
    """RECEIVED of tasks that have a time limit."""
    redelivered: Events = field(default_factory=_NO_EVENTS.copy)
    """RECEIVED of messages that had been delivered before."""
    children: tuple[Child, ...] = ()
    moments: dict[int, Times] = field(default_factory=dict)
    """Sorted times of CONNECTED, HEARTBEAT, GOSSIP and others that name no task; those of workers
    and clients together."""
    client_moments: dict[int, Times] = field(default_factory=dict)
    """Kind of event -> sorted times of such `moments` in clients only."""
    pool_waits: Events = field(default_factory=_NO_EVENTS.copy)
    """POOL_WAITED of clients."""
    unlocked: tuple[Unlocked, ...] = ()
    chord_events: dict[bytes, dict[int, int]] = field(default_factory=dict)
    """Id of each body and header task of the chords in `unlocked` -> kind of event -> when it was
    last."""
    last_raised_ns: int = MISSING
    """When a task raised for the last time; only where chords were looked at."""
    raised: tuple[Raised, ...] = ()
    """What handlers of signals raised, in workers and clients; the most frequent first."""
    handled: Events = field(default_factory=_NO_EVENTS.copy)
    """HANDLED of signals whose handlers took time: in clients those of publishing, as the publish
    calls that are known are theirs; in workers all others."""


_KINDS = 256
_MOMENTS = (Kind.CONNECTED, Kind.HEARTBEAT, Kind.GOSSIP)
_OF_CHORDS = (Kind.RECEIVED, Kind.STARTED, Kind.FINISHED, Kind.STORED)


def clues_in(folder: Path, redact: Callable[[str], str] = str) -> Clues:
    """Read all event logs in `folder`. `redact` takes credentials out of what was said."""
    reading = _Reading()
    for number, path in enumerate(logs_in(folder)):
        reading.read(number, path)
    held, unlocked = reading.held(), reading.unlocked()
    handled = _joined(reading.handlers.took)
    asked = len(held) or unlocked or len(handled)
    executions = _executions(folder, held) if asked else _Executions()
    return Clues(
        held=replace(held, started_ns=executions.of_held_ns),
        groups=reading.groups,
        began_ns=executions.began_ns,
        ended_ns=executions.ended_ns,
        limited=_joined(reading.limited),
        redelivered=_joined(reading.redelivered),
        children=reading.children.all(),
        moments={kind: _times(parts) for kind, parts in reading.moments.items()},
        client_moments={kind: _times(parts) for kind, parts in reading.client_moments.items()},
        pool_waits=_joined(reading.pool_waits),
        unlocked=unlocked,
        chord_events=_events_of(folder, unlocked),
        last_raised_ns=executions.last_raised_ns,
        raised=reading.handlers.raised(redact),
        handled=handled,
    )


class _Reading:
    """Takes logs one after the other."""

    def __init__(self) -> None:
        self._held: list[tuple[int, Events]] = []
        self.groups: dict[int, str] = {}
        self.limited: list[Events] = []
        self.redelivered: list[Events] = []
        self.children = Children()
        self.moments: dict[int, list[Events]] = defaultdict(list)
        self.client_moments: dict[int, list[Events]] = defaultdict(list)
        self.pool_waits: list[Events] = []
        self._looks: dict[bytes, list[int]] = defaultdict(list)
        self._headers: dict[bytes, set[bytes]] = defaultdict(set)
        self.handlers = _Handlers()

    def read(self, number: int, path: Path) -> None:
        identity = identity_of(path)
        role = identity.get("role", "")
        life = Life(identity)
        self.groups.update({number: identity["group"]} if "group" in identity else {})
        for chunk in chunks(path):
            counts = np.bincount(chunk["kind"], minlength=_KINDS)
            if counts[Kind.RECEIVED]:
                self._note_received(number, chunk)
            for kind in filter(counts.__getitem__, _MOMENTS):
                found = of_kind(chunk, kind)
                self.moments[kind].append(found)
                if role == "client":
                    self.client_moments[kind].append(found)
            if role == "client" and counts[Kind.POOL_WAITED]:
                self.pool_waits.append(of_kind(chunk, Kind.POOL_WAITED))
            if counts[Kind.UNLOCKING] or counts[Kind.HEADER]:
                self._note_looks(chunk)
            if counts[Kind.HANDLER] or counts[Kind.HANDLED]:
                self.handlers.note(number, chunk, publishes=role == "client")
            self.children.note(identity, life, chunk)
        self.children.add(life)

    def _note_received(self, number: int, chunk: Events) -> None:
        received = chunk["kind"] == Kind.RECEIVED
        flags = chunk["flags"]
        waiting = received & ((flags & _WAITING) != 0)
        if waiting.any():
            self._held.append((number, chunk[waiting]))
        again = received & ((flags & Reception.REDELIVERED) != 0)
        if again.any():
            self.redelivered.append(chunk[again])
        limited = received & (chunk["unit"] != 0)
        if limited.any():
            self.limited.append(chunk[limited])

    def _note_looks(self, chunk: Events) -> None:
        body = b""
        for event in chunk[np.isin(chunk["kind"], (Kind.UNLOCKING, Kind.HEADER))]:
            if event["kind"] == Kind.UNLOCKING:
                body = ident_of(event)
                self._looks[body].append(int(event["time_ns"]))
            elif body:
                self._headers[body].add(ident_of(event))

    def unlocked(self) -> tuple[Unlocked, ...]:
        return tuple(
            Unlocked(body, tuple(sorted(looks)), frozenset(self._headers.get(body, ())))
            for body, looks in self._looks.items()
        )

    def held(self) -> Held:
        events = _joined([events for _, events in self._held])
        worker = np.repeat(
            np.array([number for number, _ in self._held], dtype=np.int64),
            [len(events) for _, events in self._held],
        )
        order = np.argsort(events["time_ns"], kind="stable")
        started_ns = np.full(len(events), MISSING, dtype=np.int64)
        return Held(events[order], started_ns, worker[order])


class _Handlers:
    """What handlers of signals raised, and how long they took."""

    def __init__(self) -> None:
        self.took: list[Events] = []
        self._parts: dict[tuple[int, int], dict[int, bytes]] = defaultdict(dict)
        self._times: Counter[tuple[int, int]] = Counter()

    def note(self, log: int, chunk: Events, *, publishes: bool) -> None:
        """`publishes`: the log is a client's."""
        for event in of_kind(chunk, Kind.HANDLER):
            self._parts[log, int(event["unit"])][int(event["position"])] = ident_of(event)
        handled = of_kind(chunk, Kind.HANDLED)
        failed = (handled["flags"] & RAISED) != 0
        in_place = np.isin(handled["position"], _NUMBERS_OF_PUBLISHING) == publishes
        self.took.append(handled[~failed & in_place])
        numbers, counts = np.unique(handled["unit"][failed], return_counts=True)
        for number, count in zip(numbers.tolist(), counts.tolist(), strict=True):
            self._times[log, number] += count

    def raised(self, redact: Callable[[str], str]) -> tuple[Raised, ...]:
        """Numbers are a log's own: the same failure of several processes counts together."""
        found: dict[tuple[str, str, str], Raised] = {}
        for which, times in self._times.items():
            parts = self._parts.get(which, {})
            lines = name_of(parts[place] for place in sorted(parts)).split("\n")
            signal, handler, error, message = (*lines, "", "", "", "")[:4]
            known = found.get((signal, handler, error))
            said = Raised(signal, handler, error, redact(message)) if known is None else known
            found[signal, handler, error] = replace(said, times=said.times + times)
        return tuple(sorted(found.values(), key=lambda one: (-one.times, one.handler, one.signal)))


@dataclass(frozen=True)
class _Executions:
    """Of all tasks: when they began and ended, in order."""

    of_held_ns: Times = field(default_factory=_NO_TIMES.copy)
    """The first start after each arrival of a held message: a task may arrive several times."""
    began_ns: Times = field(default_factory=_NO_TIMES.copy)
    ended_ns: Times = field(default_factory=_NO_TIMES.copy)
    last_raised_ns: int = MISSING


def _executions(folder: Path, held: Held) -> _Executions:
    of_held, began, ended = [], [], []
    for path in logs_in(folder):
        for chunk in chunks(path):
            begun = of_kind(chunk, Kind.STARTED)
            began.append(begun["time_ns"].astype(np.int64))
            of_held.append(begun[np.isin(begun["lo"], held.events["lo"])].copy())
            over = chunk[np.isin(chunk["kind"], (Kind.FINISHED, Kind.RETRIED))]
            ended.append(over[["time_ns", "flags", "kind"]].copy())
    over = np.concatenate(ended)
    raised = over["time_ns"][(over["kind"] == Kind.FINISHED) & ((over["flags"] & RAISED) != 0)]
    return _Executions(
        of_held_ns=_next_start(held.events, _joined(of_held)),
        began_ns=np.sort(np.concatenate(began)),
        ended_ns=np.sort(over["time_ns"].astype(np.int64)),
        last_raised_ns=int(raised.max(initial=MISSING)),
    )


def _next_start(received: Events, began: Events) -> Times:
    if not len(received):
        return _NO_TIMES
    both = np.concatenate([received, began])
    idents = np.stack([both["hi"].astype(np.uint64), both["lo"].astype(np.uint64)], axis=1)
    _, task = np.unique(idents, axis=0, return_inverse=True)
    task = task.reshape(-1)
    times = both["time_ns"].astype(np.int64) - int(both["time_ns"].min())
    keys = task * (int(times.max()) + 1) + times
    wanted, starts = keys[: len(received)], np.sort(keys[len(received) :])
    found = np.searchsorted(starts, wanted)
    there = found < len(starts)
    span = int(times.max()) + 1
    next_key = starts[np.minimum(found, max(len(starts) - 1, 0))] if len(starts) else wanted * 0
    same = there & (next_key // span == task[: len(received)])
    begin_ns = int(both["time_ns"].min())
    started: Times = np.where(same, next_key % span + begin_ns, MISSING)
    return started


def _events_of(folder: Path, chords: tuple[Unlocked, ...]) -> dict[bytes, dict[int, int]]:
    found: dict[bytes, dict[int, int]] = {
        ident: {} for one in chords for ident in (one.body, *one.header)
    }
    if not found:
        return found
    halves = np.array([int.from_bytes(ident[8:], "big") for ident in found], dtype=np.uint64)
    for path in logs_in(folder):
        for chunk in chunks(path):
            some = chunk[np.isin(chunk["kind"], _OF_CHORDS)]
            for event in some[np.isin(some["lo"].astype(np.uint64), halves)]:
                of_one = found.get(ident_of(event))
                if of_one is not None:
                    kind = int(event["kind"])
                    of_one[kind] = max(of_one.get(kind, 0), int(event["time_ns"]))
    return found


def _joined(parts: list[Events]) -> Events:
    return np.concatenate([_NO_EVENTS, *parts])


def _times(parts: list[Events]) -> Times:
    found: Times = np.sort(_joined(parts)["time_ns"].astype(np.int64))
    return found
