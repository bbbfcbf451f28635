"""Units of several kinds, mixed by weight: what all mixes share, and the workload `mix`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from celery.result import AsyncResult

from harness.probe.recording.ids import parsed
from harness.probe.spoken import WorkloadSpec
from harness.probe.workloads.base import Name, OneResult, Workload
from harness.probe.workloads.drawing import UNCHECKED, Failure, table
from harness.probe.workloads.registry import units_of


class Mixed(OneResult):
    """Units of one task each, of which each is one of several parts; the unit's number decides."""

    def __init__(self, labels: Sequence[str], weights: Sequence[int], seed: int) -> None:
        self._labels = labels
        self._table = table(weights, seed)
        self.round_units = len(self._table)

    def part(self, unit: int) -> int:
        """Index of the part of the mix that the unit is of."""
        return self._table[unit % len(self._table)]

    def first_units(self, after: range) -> list[int]:
        """The first unit behind `after` of each part of the mix that none of the units `after`
        is of."""
        called = set(map(self.part, after[: len(self._table)]))
        found: list[int] = []
        unit = after.stop
        while len(called) < len(self._labels):
            if self.part(unit) not in called:
                called.add(self.part(unit))
                found.append(unit)
            unit += 1
        return found

    def label(self, part: int) -> str:
        """What a part of the mix is called where one of its results is wrong."""
        return self._labels[part]


class Mix(Mixed):
    """Parts that are units of the harness' own workloads, or of a plug-in's."""

    def __init__(self, spec: WorkloadSpec) -> None:
        """`parts`, each as its own workload is told, with its `units`, `label`, `weight` and
        `expect`; `seed`."""
        told, seed = spec["parts"], spec["seed"]
        super().__init__([one["label"] for one in told], [one["weight"] for one in told], seed)
        self.parts: list[Workload] = [units_of({**one, "seed": seed}) for one in told]
        self._expected = [_expected_instead(one["expect"]) for one in told]

    def _of(self, unit: int) -> Workload:
        return self.parts[self.part(unit)]

    def publish(self, unit: int, name: Name, producer: Any = None) -> Any:
        return self._of(unit).publish(unit, name, producer)

    def result(self, unit: int, name: Name) -> AsyncResult:
        result: AsyncResult = self._of(unit).result(unit, name)
        return result

    def wait(self, result: AsyncResult, timeout_s: float) -> Any:
        found = parsed(result.id)
        if found is None:  # nobody's unit
            return super().wait(result, timeout_s)
        return self._of(found[1]).wait(result, timeout_s)

    def expected(self, unit: int) -> Any:
        instead = self._expected[self.part(unit)]
        return self._of(unit).expected(unit) if instead is None else instead


def _expected_instead(said: dict[str, Any] | None) -> Any:
    """What a part's `expect` stands for; None where its workload says it."""
    if not said:
        return None
    return UNCHECKED if "unchecked" in said else Failure(said["raises"], said.get("message"))
