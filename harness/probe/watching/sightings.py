"""Results as an observer meets them: judged, and recorded with the time of the meeting, once."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from functools import lru_cache
from typing import Any

from celery import states

from harness.probe.recording.events import Kind, Outcome, id_bytes
from harness.probe.recording.ids import namer, parsed
from harness.probe.recording.recorder import Recorder
from harness.probe.workloads.base import Workload
from harness.probe.workloads.mismatches import Mismatches
from harness.probe.workloads.units import judge_failure, judge_value, record_failure

Place = tuple[int, int, int]
"""Tag, unit and position."""
Decode = Callable[[Any], Any]
"""What a backend holds -> Celery's own description of a result, with `status` and `result`.
May raise anything."""

_GROUPS_REMEMBERED = 256
"""Members of a group come one by one, and the expected values of all are made at once."""


class Sightings:
    """Sorts results out, judges them and records SEEN.

    A unit's results are those of its last task, or of all members of the group that it ends with:
    one record each.
    Ids of other tags, other links of a chain and states that are not final are passed over.
    """

    def __init__(self, recorder: Recorder, workload: Workload) -> None:
        self._recorder = recorder
        self._workload = workload
        self._mismatches = Mismatches()
        self._is_group = workload.joins
        self._expected: Callable[[int], Any] = workload.expected
        if self._is_group:
            self._expected = lru_cache(_GROUPS_REMEMBERED)(workload.expected)
        last = workload.tasks_per_unit
        results = len(workload.expected(0)) if self._is_group else 1
        self._positions = range(last - results, last)
        self._seen: dict[int, set[int]] = {}
        self.seen = 0
        """Results recorded."""
        self.undecodable = 0
        """Those among them that could not be decoded."""

    def watch(self, tags: Iterable[int]) -> None:
        """Results under these tags count from now on."""
        for tag in tags:
            self._seen.setdefault(tag, set())

    def wanted(self, task_id: str) -> Place | None:
        """The place of a task whose result counts and was not seen yet; None of any other."""
        place = parsed(task_id)
        if place is None:
            return None
        tag, unit, position = place
        seen = self._seen.get(tag)
        if seen is None or position not in self._positions or unit << 16 | position in seen:
            return None
        return place

    def missing(self, tag: int, unit: int) -> Iterator[str]:
        """Ids of the unit's tasks whose results count and were not seen yet."""
        name, seen = namer(tag), self._seen.get(tag, set())
        for position in self._positions:
            if unit << 16 | position not in seen:
                yield name(unit, position)

    def note(self, task_id: str, time_ns: int, payload: Any, decode: Decode) -> None:
        """A payload that came for this id at that time."""
        place = self.wanted(task_id)
        if place is None:
            return
        try:
            description = decode(payload)
            outcome = self._outcome(place, description)
        except Exception:  # whatever a serializer or an exception's own class raises  # noqa: BLE001
            self.note_undecodable(task_id, time_ns)
        else:
            self._keep(task_id, place, time_ns, outcome, description)

    def note_described(self, task_id: str, time_ns: int, description: Any) -> bool:
        """Note a result that is decoded, for this id at that time. False if its state is not final.

        KeyError or TypeError if that is no description of a result.
        """
        place = self.wanted(task_id)
        if place is None:
            return True
        outcome = self._outcome(place, description)
        self._keep(task_id, place, time_ns, outcome, description)
        return outcome is not None

    def note_undecodable(self, task_id: str, time_ns: int) -> None:
        """A result came, but nobody can read it: it is not what was expected."""
        place = self.wanted(task_id)
        if place is not None:
            self.undecodable += 1
            self._mismatches.note_undecodable(self._workload, place[1])
            self._keep(task_id, place, time_ns, Outcome.WRONG)

    def _outcome(self, place: Place, description: Any) -> Outcome | None:
        """None while the state is not final."""
        _, unit, position = place
        status = description["status"]
        if status not in states.READY_STATES:
            return None
        expected = self._expected(unit)
        if self._is_group:
            expected = expected[position - self._positions.start]
        found = description["result"]
        if status != states.SUCCESS:
            return judge_failure(expected, found)
        outcome = judge_value(expected, found)
        if outcome is Outcome.WRONG:
            self._mismatches.note(self._workload, unit, expected, found)
        return outcome

    def _keep(
        self,
        task_id: str,
        place: Place,
        time_ns: int,
        outcome: Outcome | None,
        description: Any = None,
    ) -> None:
        if outcome is None:
            return
        tag, unit, position = place
        recorder = self._recorder
        recorder.record(Kind.SEEN, id_bytes(task_id), time_ns, unit, position, outcome)
        if outcome is Outcome.FAILED:
            record_failure(recorder, unit, time_ns, description["result"])
        self._seen[tag].add(unit << 16 | position)
        self.seen += 1
