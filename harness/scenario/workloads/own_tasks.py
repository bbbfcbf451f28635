"""The workload `task` as a frozen value: tasks of an application of the user's own."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Annotated, Any, ClassVar, Literal

from pydantic import AfterValidator, Field, model_validator

from harness.probe.spoken import WorkloadSpec
from harness.scenario.files.document import Conflict, Location
from harness.scenario.files.fields import Items, NonEmptyItems
from harness.scenario.files.kinds import CellWord
from harness.scenario.files.unknown import as_far_as_known
from harness.scenario.loads.base import LoadBase
from harness.scenario.models.configuration import Configuration
from harness.scenario.models.measure import Measure
from harness.scenario.models.messages import MessageOptions
from harness.scenario.workloads.base import KindOfUnit, WorkloadBase
from harness.scenario.workloads.mix import (
    PartOfAMix,
    check_parts,
    first_calls,
    short_name,
    unmet_weights,
)
from harness.scenario.workloads.own_task_expressions import Argument, Expectation, SchemaOnly

_APP = r"^[^\W\d]\w*(\.[^\W\d]\w*)*(:[^\W\d]\w*(\.[^\W\d]\w*)*)?$"


def _app_name(name: str) -> str:
    if not re.match(_APP, name):
        raise ValueError('expected "package.module:attribute", as `celery -A` takes it')
    return name


def _task_name(name: str) -> str:
    if not name or name.split() != [name]:
        raise ValueError("expected the name of a task, such as shop.tasks.resize")
    return name


TaskName = Annotated[str, Field(max_length=200), AfterValidator(_task_name)]
AppName = Annotated[
    str, Field(max_length=200, json_schema_extra={"pattern": _APP}), AfterValidator(_app_name)
]
"""`package.module:attribute`, as `celery -A` takes it."""


# --- the workload -------------------------------------------------------------------------------


class Part(PartOfAMix):
    """One task of a mix. Loads and measure are the whole mix's."""

    task: TaskName
    """Name under which the app knows the task."""
    args: Items[Argument] = ()
    kwargs: dict[str, Argument] = {}
    expect: Expectation = {"unchecked": True}
    """What its result has to be, type and all; without it, only that it succeeds."""

    @property
    def label(self) -> str:
        """How reports call the task."""
        return self.name or self.task

    @property
    def unchecked(self) -> bool:
        """Whether any result will do."""
        return "unchecked" in self.expect

    def texts(self) -> Iterator[tuple[Location, int]]:
        """Arguments that are texts of a length that the file says."""
        given: list[tuple[Location, object]]
        given = [(("args", place), one) for place, one in enumerate(self.args)]
        given += [(("kwargs", name), one) for name, one in self.kwargs.items()]
        for place, one in given:
            if isinstance(one, Mapping) and "text" in one:
                yield place, one["text"]


class OwnTaskWorkload(WorkloadBase):
    """A task of an application of your own, or several mixed. Its code stays as it is."""

    not_prebuilt: ClassVar[str] = (
        "your own tasks are published by their own apply_async: use publish: api"
    )

    part_of_mixes: ClassVar[bool] = False

    workload: Literal["task"]
    app: AppName
    project: str | None = None
    """The folder that the app is imported from, relative to the scenario's file. Without it, the
    one where `harness` is started."""
    task: TaskName | None = None
    args: Items[Argument] = ()
    kwargs: dict[str, Argument] = {}
    expect: Expectation = {"unchecked": True}
    mix: NonEmptyItems[Part] | None = None
    """Several tasks instead of `task`, each with its arguments and a weight."""

    @model_validator(mode="after")
    def _one_or_several(self) -> OwnTaskWorkload:
        if (self.task is None) == (self.mix is None):
            raise ValueError('give "task:" or "mix:"')
        given = {"args", "kwargs", "expect"} & self.model_fields_set
        if self.mix is not None and any(getattr(self, name) != _default(name) for name in given):
            raise ValueError("in a mix, args, kwargs and expect belong to its entries")
        check_parts(self.options, self.parts)
        return self

    @property
    def parts(self) -> tuple[Part, ...]:
        """The tasks of the mix; a single task is a mix of one."""
        if self.mix is not None:
            return self.mix
        task = self.task or ""
        return (Part(task=task, args=self.args, kwargs=self.kwargs, expect=self.expect),)

    @property
    def least_run_s(self) -> None:
        """Nobody can say: it is your code."""

    @property
    def mixed(self) -> tuple[KindOfUnit, ...]:
        """The tasks, with the options that hold for each: the mix's own, and above them what the
        part says."""
        return tuple(
            KindOfUnit(part.label, part.weight, part.asked.above(self.options), part.unchecked)
            for part in self.parts
        )

    def options_said(self) -> Iterator[tuple[Location, MessageOptions]]:
        """Options of the whole, and of each entry of the mix, with the place of each."""
        yield ("workload", "options"), self.options
        for index, part in enumerate(self.mix or ()):
            yield ("workload", "mix", index, "options"), part.asked

    def queues_said(self) -> Iterator[tuple[Location, str | None]]:
        """Of each task."""
        for place, part in self._placed_parts():
            if self.mix is None:
                yield from super().queues_said()
            else:
                yield part.queue_said(place, self.options)

    def payloads(self) -> Iterator[tuple[Location, int]]:
        """Places of texts whose length the file says, and their bytes."""
        for within, part in self._placed_parts():
            for place, size in part.texts():
                yield (*within, *place), size

    def result_payloads(self) -> Iterator[tuple[Location, int]]:
        """Places of texts that a result is expected to give back, and their bytes; of other results
        nothing is known."""
        for within, part in self._placed_parts():
            key = part.expect.get("argument") if isinstance(part.expect, Mapping) else None
            for place, size in part.texts():
                if place in (("args", key), ("kwargs", key)):
                    yield (*within, *place), size

    def _placed_parts(self) -> Iterator[tuple[Location, Part]]:
        for index, part in enumerate(self.parts):
            yield ("workload",) if self.mix is None else ("workload", "mix", index), part

    def beyond_s(self, load: LoadBase, measure: Measure) -> float:
        """Seconds at most for its side tasks, and for each task that warm-up may leave out, which
        is called once then."""
        weights = [part.weight for part in self.parts]
        return (2 + first_calls(weights, load, measure)) * measure.timeout

    def conflicts(
        self, configuration: Configuration, load: LoadBase, measure: Measure
    ) -> Iterator[Conflict]:
        """Weights that no block can meet."""
        yield from as_far_as_known(super().conflicts, configuration, load, measure)
        yield from as_far_as_known(self._unmet, load, measure)

    def _unmet(self, load: LoadBase, measure: Measure) -> Iterator[Conflict]:
        weights = [part.weight for part in self.parts]
        yield from unmet_weights(weights, ("workload", "mix"), load, measure)

    def for_clients(self) -> WorkloadSpec:
        """The tasks of the mix, each with the options that hold for it."""
        options = [kind.options.model_dump() for kind in self.mixed]
        parts = [part.model_dump() for part in self.parts]
        return {
            "workload": self.workload,
            "steps": self.steps,
            "parts": [one | {"options": its} for one, its in zip(parts, options, strict=True)],
        }

    @property
    def word(self) -> CellWord:
        """`task-resize`, `mix-resize+thumb`, and nothing but the options behind it."""
        words = [part.name or part.task.rpartition(".")[2] for part in self.parts]
        kind = short_name("task" if self.mix is None else "mix", words)
        return CellWord(kind=kind, also=type(self).model_fields)


def _default(name: str) -> Any:
    return OwnTaskWorkload.model_fields[name].default


class OwnTaskFields(SchemaOnly):
    """Only for the JSON Schema: `workload: {task: ..., app: ...}`, the keys below `workload`."""

    app: AppName
    project: str | None = None
    task: TaskName | None = None
    args: Items[Argument] = ()
    kwargs: dict[str, Argument] = {}
    expect: Expectation = None
    mix: NonEmptyItems[Part] | None = None


class NestedOwnTask(SchemaOnly):
    """Only for the JSON Schema: the workload `task` with its keys below `workload`."""

    workload: OwnTaskFields
