"""A scenario's workloads and loads at one point of its matrix, each with the other.

Overrides and defaults are applied here: what a cell measures is complete in its `Pair`.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from typing import Any

from harness.errors import Problem
from harness.scenario.checks.combinations import cell_conflicts
from harness.scenario.checks.faulty_loads import (
    fault_conflicts,
    faults_of,
    load_conflict,
    with_faults,
)
from harness.scenario.checks.without_effect import unread_in_scenario
from harness.scenario.files.document import Document, Location
from harness.scenario.files.validation import validate
from harness.scenario.loads.backlog import BacklogLoad
from harness.scenario.loads.rate import RateLoad
from harness.scenario.loads.registry import Load
from harness.scenario.models.configuration import Configuration
from harness.scenario.models.measure import Measure, MeasureOverride
from harness.scenario.models.scenario import Scenario
from harness.scenario.plan.axes import fields_of, in_work
from harness.scenario.plan.bounds import default_timeout_s
from harness.scenario.plan.cell_names import (
    WorkName,
    fields_said,
    load_label,
    work_labels,
    workload_label,
)
from harness.scenario.workloads.registry import Workload


@dataclass(frozen=True)
class Work:
    """The scenario's workloads and loads at one point of the matrix."""

    document: Document
    pairs: tuple[Pair, ...]
    labels: tuple[str, ...]
    """`add/closed-8`: a label of its own for each pair, without what the axes say."""
    unread: tuple[tuple[Location, str], ...]
    """What has no effect at this point."""


def work_at(
    scenario: Scenario, document: Document, point: dict[str, int], problems: list[Problem]
) -> Work:
    """The workloads and loads at a point (axis -> index of its value), each with the other; what
    is wrong with them whatever the configuration is added to `problems`."""
    if point:
        document = in_work(document, point)
        at_point = validate(Scenario, document, problems)
        if at_point is None:
            return Work(document, (), (), ())
        scenario = at_point
    pairs = tuple(_pairs(scenario, document, problems))
    labels = tuple(work_labels([pair.name(point) for pair in pairs]))
    return Work(document, pairs, labels, tuple(unread_in_scenario(scenario)))


@dataclass(frozen=True)
class Pair:
    """One workload under one load, with the overrides of both applied and taken off them."""

    workload: Workload
    load: Load
    measure: Measure
    workload_location: Location
    load_location: Location
    faults_location: Location

    def _length_s(self) -> float | None:
        """How long the load lasts, where it says so in advance."""
        if not isinstance(self.load, RateLoad):
            return None
        if self.load.phases is not None:
            return sum(phase.duration for phase in self.load.phases)
        if self.measure.duration is not None:
            return self.measure.duration
        units, rate = self.measure.units, self.load.rate
        return units / rate if units is not None and rate is not None else None

    def place(self, location: Location) -> Location:
        """In the scenario: conflicts begin with `workload` or `load`."""
        starts = {"workload": self.workload_location, "load": self.load_location}
        return (*starts[str(location[0])], *location[1:])

    def add_conflicts(
        self, configuration: Configuration, document: Document, problems: list[Problem]
    ) -> None:
        """What of it cannot work under a configuration, at its place in the scenario."""
        for place, message in cell_conflicts(configuration, self.workload, self.load, self.measure):
            problems.append(document.value_mark(self.place(place)).problem(message))
        for place, message in fault_conflicts(configuration, self.load, self._length_s()):
            location = (*self.faults_location, *place)
            problems.append(document.value_mark(location).problem(message))

    def name(self, axes: Collection[str]) -> WorkName:
        """What it is called by, without what the axes say, which stands in brackets."""
        of_workload, of_load = fields_of("workload", axes), fields_of("load", axes)
        plan = self.measure.model_dump(mode="json", exclude={"blocks"})
        planned = [one.removeprefix("measure.") for one in (*of_workload, *of_load)]
        return WorkName(
            workload_label(self.workload, of_workload),
            load_label(self.load, of_load),
            (
                fields_said(self.workload.model_dump(mode="json"), of_workload),
                fields_said(self.load.model_dump(mode="json"), of_load),
                fields_said(plan, planned),
            ),
        )


def _pairs(scenario: Scenario, document: Document, problems: list[Problem]) -> Iterator[Pair]:
    seen: dict[str, int] = {}
    for number, workload in enumerate(scenario.workloads):
        where: Location = ("workloads", number)
        loads, loads_at = workload.loads, (*where, "loads")
        if loads is None:
            loads, loads_at = scenario.loads or (), ("loads",)
        if not loads:
            message = 'no load for this workload: add "loads:" to it or to the scenario'
            problems.append(document.value_mark(where).problem(message))
        for index, load in enumerate(loads):
            measure = _merged(_merged(scenario.measure, workload.measure), load.measure)
            measure = _with_timeout(measure, load)
            if message := load_conflict(load, scenario.faults):
                problems.append(document.value_mark((*loads_at, index)).problem(message))
            own = bool(faults_of(load))
            load = with_faults(load, scenario.faults)  # noqa: PLW2901 - the same load, complete
            content = (_plain(workload), _plain(load), measure)
            identity = "".join(part.model_dump_json() for part in content)
            if identity in seen:
                repeated = (*loads_at, index) if seen[identity] == number else where
                message = "the same workload, load and measure stand here twice"
                problems.append(document.value_mark(repeated).problem(message))
            seen.setdefault(identity, number)
            faults_at: Location = (*loads_at, index, "faults") if own else ("faults",)
            yield Pair(
                *content,
                workload_location=where,
                load_location=(*loads_at, index),
                faults_location=faults_at,
            )


def _plain(entry: Any) -> Any:
    """The workload or load without what it changes in the measuring plan."""
    spent: dict[str, object] = {"measure": MeasureOverride()}
    if "loads" in type(entry).model_fields:
        spent["loads"] = None
    return entry.model_copy(update=spent)


def _with_timeout(measure: Measure, load: Load) -> Measure:
    """A backlog's own default, where nobody has said another."""
    if not isinstance(load, BacklogLoad) or "timeout" in measure.model_fields_set:
        return measure
    return measure.model_copy(update={"timeout": default_timeout_s(measure.units)})


def _merged(measure: Measure, override: MeasureOverride) -> Measure:
    """The plan with an override applied: units replace a duration, and the other way round."""
    changes: dict[str, Any] = override.model_dump(exclude_none=True)
    if "units" in changes:
        changes["duration"] = None
    elif "duration" in changes:
        changes["units"] = None
    return measure.model_copy(update=changes)
