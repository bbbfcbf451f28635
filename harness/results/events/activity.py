"""What happens in a block right now: counts so far, rates and latencies of the last seconds.

For people who wait. It is read from the event logs while they grow, in bounded steps and bounded
memory; every figure of a report is computed afterwards, from all samples.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt

from harness.probe.recording.events import Kind, Outcome, UnitFlag
from harness.probe.recording.ids import WHOLE
from harness.results.arrays import Numbers
from harness.results.events.eventlog import Events, of_kind
from harness.results.events.following import Follower
from harness.results.events.unit_shape import UnitShape
from harness.stats.percentiles import nearest_rank

WINDOW_S = 5.0
_MOST_LATENCIES = 50_000
"""Of the last seconds, from which percentiles are taken."""
_FIRST_SLOTS, _MOST_SLOTS = 1 << 12, 1 << 20
_NUMBER_BITS = 24
"""Of a unit's number, those that its client counts with: see `probe.recording.ids.first_unit`."""
_UNIT_MASK = (1 << 30) - 1
_NOBODY = np.int64(-1)
_WORDS = {
    Outcome.OK: "ok",
    Outcome.FAILED_AS_MEANT: "failed as meant",
    Outcome.FAILED: "failed",
    Outcome.WRONG: "wrong",
    Outcome.TIMED_OUT: "timed out",
}


@dataclass(frozen=True)
class Activity:
    """One look at a block. Counts are of measured units, and of their tasks."""

    published: int = 0
    """Units whose publish call has ended."""
    refused: int = 0
    """Units whose publish call raised."""
    started: int = 0
    """Executions of task functions, repeated ones too."""
    finished: int = 0
    """Executions that returned, raised or asked for a retry."""
    completed: int = 0
    """Units whose result somebody has; where nobody watches, finished tasks divided by the tasks
    of a unit."""
    outcomes: Mapping[str, int] = field(default_factory=dict)
    """Outcome -> how many of the units whose result is known have it: `ok`, `failed as meant`,
    `failed`, `wrong`, `timed out`."""
    published_per_s: float | None = None
    completed_per_s: float | None = None
    """Over the last seconds, as all that follows; None where there was nothing to count."""
    p50_s: float | None = None
    p99_s: float | None = None
    behind: bool = False
    """There was more to read than one look reads: counts lag."""


def without_rates(activity: Activity) -> Activity:
    """The counts alone: nothing is put on any more."""
    return replace(activity, published_per_s=None, completed_per_s=None, p50_s=None, p99_s=None)


class _Client:
    """Units of one client that are under way, by their number, in a ring that grows."""

    def __init__(self) -> None:
        self.first: int | None = None
        """Number of its first measured unit: those before it were warm-up and probes."""
        self._make(_FIRST_SLOTS)

    def _make(self, slots: int) -> None:
        self._number = np.full(slots, _NOBODY)
        self._begin_ns = np.zeros(slots, dtype=np.int64)
        self._left = np.zeros(slots, dtype=np.int64)
        self._worst = np.zeros(slots, dtype=np.uint8)

    def begin(self, number: Numbers, at_ns: Numbers, results: int) -> None:
        """Units that are due or published; the first moment given counts."""
        if not len(number):
            return
        lowest = int(number.min())
        self.first = lowest if self.first is None else min(lowest, self.first)
        while number.max() - self.first >= len(self._number) < _MOST_SLOTS:
            self._grow()
        slot = number % len(self._number)
        new = self._number[slot] != number
        slot = slot[new]
        self._number[slot], self._begin_ns[slot] = number[new], at_ns[new]
        self._left[slot], self._worst[slot] = results, 0

    def end(
        self, number: Numbers, at_ns: Numbers, outcome: npt.NDArray[np.uint8], whole: Numbers
    ) -> tuple[Numbers, npt.NDArray[np.uint8]]:
        """Results that somebody has: latency and outcome of the units that are complete now.

        `whole` is not 0 for a result that stands for its whole unit.
        """
        slot = number % len(self._number)
        known = (self._number[slot] == number) & (self._left[slot] > 0)
        slot, at_ns = slot[known], at_ns[known]
        np.maximum.at(self._worst, slot, outcome[known])
        self._left[slot[whole[known] != 0]] = 1
        np.subtract.at(self._left, slot, 1)
        order = np.lexsort((at_ns, slot))
        slot, at_ns = slot[order], at_ns[order]
        last = np.ones(len(slot), dtype=np.bool_)
        last[:-1] = slot[1:] != slot[:-1]
        slot, at_ns = slot[last], at_ns[last]
        over = self._left[slot] <= 0
        return at_ns[over] - self._begin_ns[slot[over]], self._worst[slot[over]]

    def _grow(self) -> None:
        number, begin_ns = self._number, self._begin_ns
        left, worst = self._left, self._worst
        self._make(len(number) * 2)
        kept = number != _NOBODY
        slot = number[kept] % len(self._number)
        self._number[slot], self._begin_ns[slot] = number[kept], begin_ns[kept]
        self._left[slot], self._worst[slot] = left[kept], worst[kept]


class ActivityMeter:
    """Looks at a block's event logs now and then. Bounded: see `Follower` and `_MOST_SLOTS`."""

    def __init__(self, events: Path, shape: UnitShape, window_s: float = WINDOW_S) -> None:
        self._follower = Follower(events)
        self._shape = shape
        self._window_ns = round(window_s * 1e9)
        self._clients: dict[int, _Client] = {}
        self._counts = dict.fromkeys(("published", "refused", "started", "finished"), 0)
        self._outcomes = np.zeros(len(Outcome), dtype=np.int64)
        self._checked = np.zeros(len(Outcome), dtype=np.int64)
        self._history: deque[tuple[int, int, int]] = deque()
        self._latencies: deque[tuple[int, Numbers]] = deque()

    def begin_stage(self, at_ns: int) -> None:
        """Rates and latencies count from here on."""
        self._latencies.clear()
        self._history.clear()
        self._history.append((at_ns, self._counts["published"], self._completed()))

    def look(self, now_ns: int) -> Activity:
        """Read what is new. Raises nothing when the logs are gone: then nothing is new."""
        events = self._follower.new()
        self._publications(events)
        for kind, name in ((Kind.STARTED, "started"), (Kind.FINISHED, "finished")):
            unit = of_kind(events, kind)["lo"].astype(np.uint64) >> np.uint64(32)
            measured = self._is_measured(unit.astype(np.int64) & _UNIT_MASK)
            self._counts[name] += int(measured.sum())
        self._results(of_kind(events, Kind.SEEN), now_ns)
        checked = of_kind(events, Kind.CHECKED)
        checked = checked[self._is_measured(checked["unit"].astype(np.int64))]
        self._checked += np.bincount(checked["flags"], minlength=len(Outcome))[: len(Outcome)]
        return self._summed_up(now_ns)

    def _publications(self, events: Events) -> None:
        results = self._shape.members if self._shape.grouped else 1
        due, published = of_kind(events, Kind.DUE), of_kind(events, Kind.PUBLISH)
        published = published[published["flags"] == UnitFlag.MEASURED]
        for part in (due, published):  # latency counts from when a unit was due, where it was
            for client, mine in self._by_client(part, make=True):
                number = mine["unit"].astype(np.int64)
                client.begin(number, mine["time_ns"].astype(np.int64), results)
        self._counts["published"] += len(published)
        refused = of_kind(events, Kind.PUBLISH_FAILED)["unit"].astype(np.int64)
        self._counts["refused"] += int(self._is_measured(refused).sum())

    def _results(self, seen: Events, now_ns: int) -> None:
        for client, mine in self._by_client(seen):
            whole = mine["position"] == WHOLE if self._shape.grouped else mine["position"] >= 0
            latency_ns, outcome = client.end(
                mine["unit"].astype(np.int64),
                mine["time_ns"].astype(np.int64),
                mine["flags"].copy(),
                whole.astype(np.int64),
            )
            self._outcomes += np.bincount(outcome, minlength=len(Outcome))[: len(Outcome)]
            in_time = outcome != Outcome.TIMED_OUT
            self._latencies.append((now_ns, latency_ns[in_time][-_MOST_LATENCIES:]))

    def _by_client(self, events: Events, *, make: bool = False) -> list[tuple[_Client, Events]]:
        owner = events["unit"] >> np.uint32(_NUMBER_BITS)
        found = []
        for number in np.unique(owner).tolist():
            if make:
                self._clients.setdefault(number, _Client())
            if number in self._clients:
                found.append((self._clients[number], events[owner == number]))
        return found

    def _is_measured(self, units: Numbers) -> npt.NDArray[np.bool_]:
        """Which of these numbers are of measured units."""
        owner, measured = units >> _NUMBER_BITS, np.zeros(len(units), dtype=np.bool_)
        for number, client in self._clients.items():
            if client.first is not None:
                measured |= (owner == number) & (units >= client.first)
        return measured

    def _summed_up(self, now_ns: int) -> Activity:
        published, completed = self._counts["published"], self._completed()
        self._history.append((now_ns, published, completed))
        while len(self._history) > 2 and self._history[1][0] <= now_ns - self._window_ns:
            self._history.popleft()
        then = self._history[0]
        elapsed_s = (now_ns - then[0]) / 1e9
        p50_s, p99_s = self._percentiles(now_ns)
        outcomes = self._outcomes if self._shape.watched else self._checked
        return Activity(
            **self._counts,
            completed=completed,
            outcomes={word: int(outcomes[one]) for one, word in _WORDS.items() if outcomes[one]},
            published_per_s=(published - then[1]) / elapsed_s if elapsed_s > 0 else None,
            completed_per_s=(completed - then[2]) / elapsed_s if elapsed_s > 0 else None,
            p50_s=p50_s,
            p99_s=p99_s,
            behind=self._follower.behind,
        )

    def _completed(self) -> int:
        if self._shape.watched:
            return int(self._outcomes.sum())
        return self._counts["finished"] // self._shape.tasks_per_unit

    def _percentiles(self, now_ns: int) -> tuple[float | None, float | None]:
        kept = self._latencies
        while kept and kept[0][0] < now_ns - self._window_ns:
            kept.popleft()
        while len(kept) > 1 and sum(len(part) for _, part in kept) > _MOST_LATENCIES:
            kept.popleft()
        together = np.concatenate([np.empty(0, dtype=np.int64), *(part for _, part in kept)])
        if not len(together):
            return None, None
        together.sort()
        return nearest_rank(together, 0.50) / 1e9, nearest_rank(together, 0.99) / 1e9
