"""The workload of users' own tasks: one of them, or several mixed by weight."""

from __future__ import annotations

from collections.abc import Mapping
from difflib import get_close_matches
from typing import Any

from celery import Celery, current_app
from celery.result import AsyncResult

from harness.probe.spoken import WorkloadSpec
from harness.probe.workloads.drawing import Arguments, table
from harness.probe.workloads.messages import Options

_MOST_NAMED = 20


class OwnTasks:
    """Units of one task each. Which one, and its arguments, the unit's number decides."""

    tasks_per_unit = 1
    joins = False

    def __init__(self, spec: WorkloadSpec) -> None:
        """`parts`, each with its options, and `seed` of the cell spec. LookupError for a task that
        the app does not have."""
        self._tasks = [task_of(current_app, part["task"]) for part in spec["parts"]]
        self._arguments = [Arguments(part, spec["seed"]) for part in spec["parts"]]
        self._options = [Options(part) for part in spec["parts"]]
        self._table = table([part["weight"] for part in spec["parts"]], spec["seed"])
        self.round_units = len(self._table)

    def part(self, unit: int) -> int:
        """Index of the part of the mix that the unit runs."""
        return self._table[unit % len(self._table)]

    def first_units(self, after: range) -> list[int]:
        """The first unit behind `after` of each part of the mix that none of the units `after`
        runs."""
        called = set(map(self.part, after[: self.round_units]))
        found: list[int] = []
        unit = after.stop
        while len(called) < len(self._tasks):
            if self.part(unit) not in called:
                called.add(self.part(unit))
                found.append(unit)
            unit += 1
        return found

    def task_name(self, part: int) -> str:
        """Name of the task that a part of the mix runs."""
        return str(self._tasks[part].name)

    def publish(self, unit: int, name: Any, producer: Any = None) -> AsyncResult:
        """Publish a unit as the user would: by the task's own `apply_async`, with drawn
        arguments."""
        part = self.part(unit)
        args, kwargs = self._arguments[part].of(unit)
        task = self._tasks[part]
        options = self._options[part].of(unit)
        return task.apply_async(args, kwargs, task_id=name(unit, 0), producer=producer, **options)

    def result(self, unit: int, name: Any) -> AsyncResult:
        """The AsyncResult of a unit that was published."""
        return AsyncResult(name(unit, 0))

    def wait(self, result: AsyncResult, timeout_s: float) -> Any:
        """The unit's result. Raises what `get` raises."""
        return result.get(timeout=timeout_s)

    def expected(self, unit: int) -> Any:
        """The value, the Failure, or UNCHECKED."""
        return self._arguments[self.part(unit)].expected(unit)


def task_of(app: Celery, name: str) -> Any:
    """The app's task of that name. LookupError, worded for the user, if there is none."""
    known: Mapping[str, Any] = app.tasks
    if name in known:
        return known[name]
    own = sorted(one for one in known if not one.startswith(("celery.", "harness.")))
    alike = get_close_matches(name, own, n=1)
    guess = f' (did you mean "{alike[0]}"?)' if alike else ""
    shown = [*own[:_MOST_NAMED], *(["..."] if len(own) > _MOST_NAMED else [])]
    raise LookupError(f"it has no task {name}{guess}; its tasks: {', '.join(shown) or 'none'}")
