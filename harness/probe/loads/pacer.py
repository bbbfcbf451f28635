"""When units are due under an open-loop load. Nothing here looks at a clock: time is handed in.

A phase has a rate that is constant or changes linearly. Its arrivals are the moments at which the
integral of the rate passes 0, 1, 2 ... (`constant`) or the points of a Poisson process of that rate
(`poisson`), drawn by stretching a process of rate 1 over the integral. So a phase of 10 s at 100
per second is due 1000 times, however late each unit is sent: a pacer that is late catches up, it
never forgets (Tene's "coordinated omission").
"""

from __future__ import annotations

import math
import random
from collections import Counter, deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any, NamedTuple

_ALMOST = 1e-9


@dataclass(frozen=True)
class Phase:
    """A stretch of a load. Rates are per second; both are 0 while nothing is sent."""

    name: str
    duration_s: float
    rate: float
    to: float

    @property
    def integral(self) -> float:
        """Arrivals that are expected in the whole of it."""
        return (self.rate + self.to) / 2 * self.duration_s

    def time_s(self, count: float) -> float:
        """Seconds until `count` arrivals are expected to have come: the inverse of the rate's
        integral."""
        slope = (self.to - self.rate) / self.duration_s
        root = math.sqrt(max(self.rate**2 + 2 * slope * count, 0.0))
        return 2 * count / (self.rate + root) if count else 0.0


def phases_of(written: Iterable[Mapping[str, Any]]) -> tuple[Phase, ...]:
    """Phases, from their fields in the scenario: phase, duration, rate, to."""
    return tuple(
        Phase(
            one["phase"],
            one["duration"],
            one.get("rate", 0.0),
            one.get("to", one.get("rate", 0.0)),
        )
        for one in written
    )


class Arrival(NamedTuple):
    """One unit to be sent."""

    offset_ns: int
    """Nanoseconds after the load's begin at which the unit is due."""
    phase: int
    """Index of its phase."""


def arrivals(phases: Sequence[Phase], kind: str, seed: int) -> Iterator[Arrival]:
    """Every arrival, in order. The same for the same arguments."""
    chance = random.Random(seed)  # noqa: S311 - not a secret
    begin_s, carried = 0.0, 0.0
    for index, phase in enumerate(phases):
        count = _first(kind, chance, carried)
        while count < phase.integral - _ALMOST:
            yield Arrival(round((begin_s + phase.time_s(count)) * 1e9), index)
            count += 1.0 if kind == "constant" else chance.expovariate(1.0)
        # A Poisson process goes on where the phase ends; an even one begins anew with each.
        carried = count - phase.integral
        begin_s += phase.duration_s


def _first(kind: str, chance: random.Random, carried: float) -> float:
    if kind == "constant":
        return 0.0
    return carried or chance.expovariate(1.0)


def share(of_all: Iterable[Arrival], number: int, clients: int) -> Iterator[Arrival]:
    """Every `clients`-th arrival, from the `number`-th on: together the clients send them all."""
    return islice(of_all, number, None, clients)


class Pacer:
    """Hands out arrivals as they become due.

    `take(elapsed)` and `wait(elapsed)` depend on the time that has really passed and on what was
    taken before, and on nothing else.
    """

    def __init__(self, planned: Iterable[Arrival]) -> None:
        self._rest = iter(planned)
        self._next: deque[Arrival] = deque(islice(self._rest, 1))
        self.taken = 0

    def take(self, elapsed_ns: int, most: int = 1) -> list[Arrival]:
        """Arrivals that are due by now and not taken yet, oldest first, `most` at most."""
        due: list[Arrival] = []
        while self._next and self._next[0].offset_ns <= elapsed_ns and len(due) < most:
            due.append(self._next.popleft())
            self._next.extend(islice(self._rest, 1))
        self.taken += len(due)
        return due

    def wait_ns(self, elapsed_ns: int) -> int | None:
        """How long until the next one is due, 0 if it is; None if there is none."""
        return max(0, self._next[0].offset_ns - elapsed_ns) if self._next else None

    def drop(self) -> Counter[int]:
        """Give up what is left; how many of each phase that were."""
        left = Counter(arrival.phase for arrival in (*self._next, *self._rest))
        self._next.clear()
        return left
