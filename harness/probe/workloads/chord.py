"""Workloads of which one task waits for many: `chord`, and `nested`, a group in a chain.

Every task of a unit gets an id of `probe.recording.ids`, in the order in which its step comes: a
chord's header tasks, then its body. Celery keeps the ids when it upgrades a chain with a group in
it to a chord.
"""

from __future__ import annotations

from typing import Any

from celery import chain, chord, group
from celery.result import AsyncResult, GroupResult

from harness.probe import tasks
from harness.probe.recording.ids import WHOLE
from harness.probe.spoken import WorkloadSpec
from harness.probe.workloads.base import Name, OneResult, own_value, places, resolved
from harness.probe.workloads.messages import Options


class _Joined(OneResult):
    """What workloads have in common whose last task gets the results of many."""

    def __init__(self, spec: WorkloadSpec) -> None:
        self._places = places(spec)
        self.tasks_per_unit = self._places[-1].stop
        self._payload = "x" * spec["payload_bytes"]
        self._follow_parents: bool = spec["follow_parents"]
        self._last = resolved(tasks.put_together)
        self._options = Options(spec)

    def wait(self, result: AsyncResult, timeout_s: float) -> Any:
        return result.get(timeout=timeout_s, follow_parents=self._follow_parents)


class Chord(_Joined):
    """`chord([buy_milk(volume), buy_bread(count), ...])(put_together())`: a body that gets all
    results."""

    def __init__(self, spec: WorkloadSpec) -> None:
        super().__init__(spec)
        self._header, (self._body,) = self._places
        self._kinds = (resolved(tasks.buy_milk), resolved(tasks.buy_bread))

    def expected(self, unit: int) -> list[Any]:
        first = unit * len(self._header)
        return [own_value(self._payload, first + i) for i in range(len(self._header))]

    def publish(self, unit: int, name: Name, producer: Any = None) -> AsyncResult:
        options = self._options.of(unit)
        header = [
            self._kinds[i % 2].s(value).set(task_id=name(unit, place), **options)
            for i, (place, value) in enumerate(zip(self._header, self.expected(unit)))
        ]
        body = self._last.s().set(**self._options.of_link(unit))
        last = name(unit, self._body)
        return chord(header, body).apply_async(task_id=last, producer=producer)

    def result(self, unit: int, name: Name) -> AsyncResult:
        return AsyncResult(name(unit, self._body))


class Nested(_Joined):
    """`buy_milk(volume) | group(add(0), add(1), ...) | put_together()`: a group in a chain."""

    def __init__(self, spec: WorkloadSpec) -> None:
        super().__init__(spec)
        (self._before,), self._members, (self._behind,) = self._places
        self._first = resolved(tasks.buy_milk)
        self._member = resolved(tasks.add)

    def _added(self, i: int) -> Any:
        return str(i) if self._payload else i

    def expected(self, unit: int) -> list[Any]:
        carried = own_value(self._payload, unit)
        return [carried + self._added(i) for i in range(len(self._members))]

    def publish(self, unit: int, name: Name, producer: Any = None) -> AsyncResult:
        options, further = self._options.of(unit), self._options.of_link(unit)
        members = [
            self._member.s(self._added(i)).set(task_id=name(unit, place), **further)
            for i, place in enumerate(self._members)
        ]
        first, last = name(unit, self._before), name(unit, self._behind)
        links = (
            self._first.s(own_value(self._payload, unit)).set(task_id=first, **options),
            group(members),
            self._last.s().set(task_id=last, **further),
        )
        return chain(*links).apply_async(task_id=last, producer=producer)

    def result(self, unit: int, name: Name) -> AsyncResult:
        first = AsyncResult(name(unit, self._before))
        members = [AsyncResult(name(unit, place)) for place in self._members]
        whole = GroupResult(name(unit, WHOLE), members, parent=first)
        return AsyncResult(name(unit, self._behind), parent=whole)
