"""The workload of users' own tasks: one of them, or several mixed by weight."""

from __future__ import annotations

from collections.abc import Mapping
from difflib import get_close_matches
from typing import Any

from celery import Celery, current_app
from celery.result import AsyncResult

from harness.probe.spoken import WorkloadSpec
from harness.probe.workloads.drawing import Arguments
from harness.probe.workloads.messages import Options
from harness.probe.workloads.mix import Mixed

_MOST_NAMED = 20


class OwnTasks(Mixed):
    """Units of one task each. Which one, and its arguments, the unit's number decides."""

    def __init__(self, spec: WorkloadSpec) -> None:
        """`parts`, each with its options, and `seed` of the cell spec. LookupError for a task that
        the app does not have."""
        self._tasks = [task_of(current_app, part["task"]) for part in spec["parts"]]
        self._arguments = [Arguments(part, spec["seed"]) for part in spec["parts"]]
        self._options = [Options(part) for part in spec["parts"]]
        names = [str(task.name) for task in self._tasks]
        super().__init__(names, [part["weight"] for part in spec["parts"]], spec["seed"])

    def publish(self, unit: int, name: Any, producer: Any = None) -> AsyncResult:
        """Publish a unit as the user would: by the task's own `apply_async`, with drawn
        arguments."""
        part = self.part(unit)
        args, kwargs = self._arguments[part].of(unit)
        task = self._tasks[part]
        options = self._options[part].of(unit)
        return task.apply_async(args, kwargs, task_id=name(unit, 0), producer=producer, **options)

    def expected(self, unit: int) -> Any:
        """The value, the Failure, or UNCHECKED."""
        return self._arguments[self.part(unit)].expected(unit)


def task_of(app: Celery, name: str) -> Any:
    """The app's task of that name. LookupError, worded for the user, if there is none."""
    known: Mapping[str, Any] = app.tasks
    if name in known:
        return known[name]
    own = sorted(one for one in known if not one.startswith(("celery.", "harness.probe.")))
    alike = get_close_matches(name, own, n=1)
    guess = f' (did you mean "{alike[0]}"?)' if alike else ""
    shown = [*own[:_MOST_NAMED], *(["..."] if len(own) > _MOST_NAMED else [])]
    raise LookupError(f"it has no task {name}{guess}; its tasks: {', '.join(shown) or 'none'}")
