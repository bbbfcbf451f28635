"""A scenario's workloads and loads at one point of its matrix, each with the other.

Overrides and defaults are applied here: what a cell measures is complete in its `Pair`.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from typing import Any

from harness.errors import Problem
from harness.scenario.checks.combinations import cell_conflicts
from harness.scenario.checks.faulty_loads import fault_conflicts, load_conflict, with_faults
from harness.scenario.checks.without_effect import unread_in_scenario
from harness.scenario.files.document import Document, Location
from harness.scenario.files.unknown import (
    NOT_KNOWN,
    as_far_as_known,
    entries,
    entries_of,
    is_known,
    known_part,
    only,
    told,
)
from harness.scenario.files.validation import validate
from harness.scenario.loads.registry import Load
from harness.scenario.models.configuration import Configuration, provided
from harness.scenario.models.measure import Measure, MeasureOverride
from harness.scenario.models.scenario import Scenario
from harness.scenario.plan.axes import fields_of, in_work
from harness.scenario.plan.cell_names import (
    WorkName,
    fields_said,
    load_label,
    work_labels,
    workload_label,
)
from harness.scenario.vendors.base import Provider
from harness.scenario.workloads.registry import Workload


@dataclass(frozen=True)
class Work:
    """The scenario's workloads and loads at one point of the matrix."""

    document: Document
    """The scenario's file, with the values of the axes put in."""
    pairs: tuple[Pair, ...]
    """As far as they are known: what is judged."""
    readable: tuple[Pair, ...]
    """With something else in place of what is not known: what cells are made of."""
    labels: tuple[str, ...]
    """`add/closed-8`: a label of its own for each of `readable`, without what the axes say."""
    unread: tuple[tuple[Location, str], ...]
    """What has no effect at this point."""

    def label(self, pair: Pair) -> str:
        """What one of `pairs` is called by itself."""
        place = (pair.workload_location, pair.load_location)
        found = (
            one for one in self.readable if place == (one.workload_location, one.load_location)
        )
        return next(found).name(()).label


def work_at(
    scenario: Scenario,
    document: Document,
    point: dict[str, int],
    problems: list[Problem],
) -> Work:
    """The workloads and loads at a point (axis -> index of its value), each with the other; what
    is wrong with them whatever the configuration is added to `problems`."""
    if point:
        document = in_work(document, point)
        at_point = validate(Scenario, document, problems)
        if at_point is None:
            return Work(document, (), (), (), ())
        scenario = at_point
    known = known_part(scenario, document)
    readable = tuple(_pairs(scenario, document, []))
    pairs = tuple(_pairs(known, document, problems))
    labels = tuple(work_labels([pair.name(point) for pair in readable]))
    return Work(document, pairs, readable, labels, tuple(unread_in_scenario(known)))


@dataclass(frozen=True)
class Pair:
    """One workload under one load, with the overrides of both applied and taken off them."""

    workload: Workload
    load: Load
    measure: Measure
    workload_location: Location
    load_location: Location
    faults_location: Location

    def place(self, location: Location) -> Location:
        """In the scenario: conflicts begin with `workload` or `load`."""
        starts = {"workload": self.workload_location, "load": self.load_location}
        return (*starts[str(location[0])], *location[1:])

    def problems(
        self, configuration: Configuration, provider: Provider | None, document: Document
    ) -> Iterator[Problem]:
        """What of it cannot work under a configuration, at its place in the scenario. `provider` is
        the command line's, if any."""
        configuration = provided(configuration, provider)
        for place, message in cell_conflicts(configuration, self.workload, self.load, self.measure):
            yield document.value_mark(self.place(place)).problem(message)
        length_s = next(as_far_as_known(lambda: [self.load.length_s(self.measure)]), None)
        found = as_far_as_known(fault_conflicts, configuration, self.load, length_s)
        for place, message in found:
            yield document.value_mark((*self.faults_location, *place)).problem(message)

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
    for number, workload in enumerate(entries_of(scenario, "workloads")):
        where: Location = ("workloads", number)
        loads, loads_at = _loads_of(workload, scenario, where)
        if is_known(loads) and not loads:
            message = 'no load for this workload: add "loads:" to it or to the scenario'
            problems.append(document.value_mark(where).problem(message))
        for index, load in enumerate(entries(loads)):
            place = (*loads_at, index)
            for message in as_far_as_known(_misplaced_faults, load, scenario):
                problems.append(document.value_mark(place).problem(message))
            own = told(load).get("faults") is not None
            complete = _plain(with_faults(load, told(scenario).get("faults")))
            content = (_plain(workload), complete, _measure(scenario, workload, load))
            if is_known(content):
                unnamed = (content[0].model_copy(update={"name": None}), *content[1:])
                identity = "".join(part.model_dump_json() for part in unnamed)
                if identity in seen:
                    repeated = place if seen[identity] == number else where
                    message = "the same workload, load and measure stand here twice"
                    problems.append(document.value_mark(repeated).problem(message))
                seen.setdefault(identity, number)
            faults_at: Location = (*place, "faults") if own else ("faults",)
            yield Pair(
                *content,
                workload_location=where,
                load_location=place,
                faults_location=faults_at,
            )


def _loads_of(
    workload: Workload, scenario: Scenario, where: Location
) -> tuple[tuple[Load, ...], Location]:
    """The loads of a workload, and where they stand."""
    own = told(workload).get("loads", NOT_KNOWN)
    if own is not None:
        return own, (*where, "loads")
    everybodys = told(scenario).get("loads", NOT_KNOWN)
    return () if everybodys is None else everybodys, ("loads",)


def _misplaced_faults(load: Load, scenario: Scenario) -> Iterator[str]:
    if message := load_conflict(load, scenario.faults):
        yield message


def _plain(entry: Any) -> Any:
    """The workload or load without what it changes in the measuring plan."""
    spent: dict[str, object] = {"measure": MeasureOverride()}
    if "loads" in type(entry).model_fields:
        spent["loads"] = None
    return entry.model_copy(update=spent)


def _measure(scenario: Scenario, workload: Workload, load: Load) -> Measure:
    """The scenario's plan with what a workload, then one of its loads says otherwise."""
    measure = told(scenario).get("measure") or only(Measure(), {})
    for entry in (workload, load):
        measure = _merged(measure, told(entry).get("measure") or only(MeasureOverride(), {}))
    return _with_timeout(measure, load)


def _with_timeout(measure: Measure, load: Load) -> Measure:
    """The default of the load's own, where nobody has said another."""
    if "timeout" in measure.model_fields_set:
        return measure
    default = tuple(as_far_as_known(lambda: [load.default_timeout_s(measure)]))
    if default == (None,):
        return measure
    said = told(measure)
    if not default or "timeout" not in said:
        return only(measure, {name: one for name, one in said.items() if name != "timeout"})
    return measure.model_copy(update={"timeout": default[0]})


def _merged(measure: Measure, override: MeasureOverride) -> Measure:
    """The plan with an override applied: units replace a duration, and the other way round."""
    said = told(override)
    changes = {name: value for name, value in said.items() if value is not None}
    unknown = type(override).model_fields.keys() - said.keys()
    if "units" in changes:
        changes["duration"] = None
    elif "duration" in changes:
        changes["units"] = None
    elif unknown & {"units", "duration"}:
        unknown |= {"units", "duration"}
    merged = measure.model_copy(update=changes)
    return only(merged, {name: one for name, one in told(merged).items() if name not in unknown})
