"""Watches any backend by asking it again and again for what is not there yet.

Ids come from the clients' event logs, in the order of publishing. Each round asks for the oldest
ones, batch by batch, until a batch brings nothing; and goes on, with a share of the interval, with
a slow sweep over all the others. So results that come about in the order of their publishing are
seen within a round, however many are outstanding, and all others within a sweep.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping
from itertools import islice
from typing import Any

from celery import Celery
from celery.backends.base import BaseKeyValueStoreBackend

from harness.probe.loads.published import PublishedUnits
from harness.probe.watching.base import Troubles
from harness.probe.watching.rows import NOBODY, Rows, is_database
from harness.probe.watching.sightings import Sightings

DEFAULT_INTERVAL_S = 0.1
_QUIET_S = 0.5
_SWEEP_SHARE = 0.25
"""Of the interval, for the sweep: an observer has to leave the machine to those it watches."""
_LONGEST_ROUND_S = 1.0
_BATCH = 200
_BATCH_ONE_BY_ONE = 20


class Polling:
    """Rounds at an interval; its resolution is measured, not promised."""

    method = "polling"
    reply_to: str | None = None

    def __init__(
        self,
        app: Celery,
        events: str,
        sightings: Sightings,
        troubles: Troubles,
        interval_s: float = DEFAULT_INTERVAL_S,
    ) -> None:
        self._events = events
        self._sightings = sightings
        self._troubles = troubles
        self._interval_s = interval_s
        self._look, self._batch = _way_of(app.backend, sightings)
        self._published = PublishedUnits(events, frozenset())
        self._outstanding: dict[str, int] = {}
        """Id -> when it was last looked for, at first when it was published."""
        self._sweep: list[str] = []
        self._sweep_began_s = self._sweep_s = self._next_round_s = 0.0
        self._longest_gap_ns = 0
        self.caught_up = 0

    @property
    def resolution_s(self) -> float:
        """The longest time between two looks at one id so far; at least the interval."""
        return max(self._interval_s, self._longest_gap_ns / 1e9)

    @property
    def moment_s(self) -> float:
        """Two rounds; and two sweeps while something is outstanding."""
        sweep_s = self._sweep_s if self._outstanding else 0.0
        if self._sweep:
            sweep_s = max(sweep_s, time.monotonic() - self._sweep_began_s)
        return max(_QUIET_S, 2 * self._interval_s, 2 * sweep_s)

    def open(self) -> None:
        """Ask once, to see that there is somebody to ask."""
        self._look([NOBODY])

    def watch(self, tags: frozenset[int]) -> None:
        """Whose units to look for."""
        self._published = PublishedUnits(self._events, tags)
        self._outstanding.clear()

    def step(self, wait_s: float) -> None:
        """A round, if it is time for one."""
        now_s = time.monotonic()
        if now_s < self._next_round_s:
            time.sleep(min(wait_s, self._next_round_s - now_s))
            return
        self._next_round_s = now_s + self._interval_s
        try:
            self._learn()
            if self._outstanding:
                self._round(now_s)
        except Exception as error:  # whatever a backend's client raises  # noqa: BLE001
            self._troubles.note("the backend could not be asked", error)

    def close(self) -> None:
        """Do nothing: polling holds nothing on the backend."""

    def _learn(self) -> None:
        """Ids of what was published meanwhile."""
        for sent in self._published.fresh():
            for task_id in self._sightings.missing(sent.tag, sent.unit):
                if sent.failed:
                    self._outstanding.pop(task_id, None)
                else:
                    self._outstanding[task_id] = sent.time_ns

    def _round(self, began_s: float) -> None:
        start, found = 0, 1
        while found and time.monotonic() - began_s < _LONGEST_ROUND_S:
            batch = list(islice(self._outstanding, start, start + self._batch))
            found = self._look_at(batch)
            start += len(batch) - found
        if start >= len(self._outstanding):  # all of them
            self._sweep, self._sweep_s = [], time.monotonic() - began_s
            return
        enough_s = began_s + _SWEEP_SHARE * self._interval_s
        self._go_on_sweeping()
        while time.monotonic() < enough_s:
            self._go_on_sweeping()

    def _go_on_sweeping(self) -> None:
        if not self._sweep:
            self._sweep_began_s = time.monotonic()
            self._sweep = list(reversed(self._outstanding))
        batch: list[str] = []
        while self._sweep and len(batch) < self._batch:
            task_id = self._sweep.pop()
            if task_id in self._outstanding:
                batch.append(task_id)
        self._look_at(batch)
        if not self._sweep:
            self._sweep_s = time.monotonic() - self._sweep_began_s

    def _look_at(self, batch: list[str]) -> int:
        """How many of them are outstanding no more."""
        if not batch:
            return 0
        self._look(batch)
        now_ns, found = time.monotonic_ns(), 0
        for task_id in batch:
            self._longest_gap_ns = max(self._longest_gap_ns, now_ns - self._outstanding[task_id])
            if self._sightings.wanted(task_id) is None:
                del self._outstanding[task_id]
                found += 1
            else:
                self._outstanding[task_id] = now_ns
        return found


def _way_of(backend: Any, sightings: Sightings) -> tuple[Callable[[list[str]], None], int]:
    """How to ask this backend, and for how many results at once."""
    if isinstance(backend, BaseKeyValueStoreBackend):
        return _Store(backend, sightings).look, _BATCH
    if is_database(backend):
        return _Database(Rows(backend), sightings).look, _BATCH
    return _OneByOne(backend, sightings).look, _BATCH_ONE_BY_ONE


class _Store:
    """Backends that map keys to values: asked for many at once, where they can be."""

    def __init__(self, backend: Any, sightings: Sightings) -> None:
        self._backend = backend
        self._sightings = sightings
        self._doubtful: dict[str, Any] = {}
        """What could not be decoded at the last look: it may have been half written."""

    def look(self, ids: list[str]) -> None:
        """Ask for all of them."""
        now = time.monotonic_ns
        # Stamped one by one while they are read: some backends read one by one.
        found = [(task_id, value, now()) for task_id, value in self._values(ids)]
        for task_id, value, time_ns in found:
            if value:  # empty: a file that is about to be written
                self._note(task_id, value, time_ns)

    def _note(self, task_id: str, value: Any, time_ns: int) -> None:
        try:
            self._sightings.note_described(task_id, time_ns, self._backend.decode_result(value))
        except Exception:  # whatever a serializer raises  # noqa: BLE001
            if self._doubtful.get(task_id) == value:
                self._sightings.note_undecodable(task_id, time_ns)
            self._doubtful[task_id] = value

    def _values(self, ids: list[str]) -> Iterable[tuple[str, Any]]:
        keys = [self._backend.get_key_for_task(task_id) for task_id in ids]
        try:
            values = self._backend.mget(keys)
        except NotImplementedError:
            values = (self._backend.get(key) for key in keys)
        if isinstance(values, Mapping):
            by_key = {_text(key): value for key, value in values.items()}
            values = [by_key.get(_text(key)) for key in keys]
        return zip(ids, values)


class _Database:
    """Databases: many rows at once."""

    def __init__(self, rows: Rows, sightings: Sightings) -> None:
        self._rows = rows
        self._sightings = sightings
        self._doubtful: set[str] = set()
        """What could not be decoded at the last look."""

    def look(self, ids: list[str]) -> None:
        """Ask for all of them."""
        found = self._rows.final(ids)
        now_ns = time.monotonic_ns()
        for task_id, row in found:
            try:
                self._sightings.note_described(task_id, now_ns, self._rows.described(row))
            except Exception:  # whatever a serializer raises  # noqa: BLE001
                if task_id in self._doubtful:
                    self._sightings.note_undecodable(task_id, now_ns)
                self._doubtful.add(task_id)


class _OneByOne:
    """Backends that can be asked for one result at a time: those of plug-ins, such as MongoDB."""

    def __init__(self, backend: Any, sightings: Sightings) -> None:
        self._backend = backend
        self._sightings = sightings
        self._doubtful: set[str] = set()
        """What could not be had at the last look, though others could."""

    def look(self, ids: list[str]) -> None:
        """Ask for each. Raises what the backend raises if it cannot be asked at all."""
        failed: set[str] = set()
        for task_id in ids:
            try:
                description = self._backend.get_task_meta(task_id, cache=False)
                self._sightings.note_described(task_id, time.monotonic_ns(), description)
            except Exception as error:  # a serializer's or a client's  # noqa: BLE001
                failed.add(task_id)
                if isinstance(error, OSError):
                    break  # the others would wait for the same timeout
        if failed:  # is it the results, or the backend?
            self._backend.get_task_meta(NOBODY, cache=False)
        for task_id in failed & self._doubtful:
            self._sightings.note_undecodable(task_id, time.monotonic_ns())
        self._doubtful |= failed


def _text(key: Any) -> str:
    return key.decode() if isinstance(key, bytes) else str(key)
