"""From a scenario and its configurations to cells: configurations x matrix x workloads x loads."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from harness.errors import Problem
from harness.scenario.checks.combinations import (
    cell_conflicts,
    nothing_stored,
    result_conflicts,
    stores_results,
)
from harness.scenario.checks.faulty_loads import (
    fault_conflicts,
    faults_of,
    load_conflict,
    with_faults,
)
from harness.scenario.checks.without_effect import unread_in_scenario
from harness.scenario.files.document import Document, Location, NoSuchPlaceError
from harness.scenario.files.validation import validate
from harness.scenario.files.wording import shown
from harness.scenario.models.configuration import Configuration, provided
from harness.scenario.models.loads import (
    BacklogLoad,
    Load,
    MeasureOverride,
    RateLoad,
)
from harness.scenario.models.scenario import Cell, Measure, Scenario
from harness.scenario.plan.axes import (
    about_work,
    axes_of,
    fields_of,
    find_repeated,
    in_configuration,
    in_work,
    place_of_value,
    short_names,
)
from harness.scenario.plan.bounds import default_timeout_s
from harness.scenario.plan.cell_names import (
    WorkName,
    fields_said,
    load_label,
    work_labels,
    workload_label,
)
from harness.scenario.plan.value_words import canonical, named_value, words_of
from harness.scenario.vendors.endpoints import Provider
from harness.scenario.workloads.models import Workload

MAX_CELLS = 10_000
_MOST_NAMED = 3
_MANY = 3
"""Places that need results: fewer are told one by one."""


@dataclass(frozen=True)
class Variant:
    """One configuration at one point of the matrix."""

    document: Document
    axes: dict[str, Any]
    point: dict[str, int]
    """For each axis the index of its value."""
    words: dict[str, str]
    """For each axis the word of its value."""
    label: str
    """`redis`, or `redis[concurrency=4,task_acks_late=true]`."""


@dataclass(frozen=True)
class Resolved:
    """A variant that is valid."""

    variant: Variant
    configuration: Configuration


Check = Callable[[Document, list[Problem]], Configuration | None]
"""Validates a configuration's document; None, and problems, if it is not valid."""


# --- the matrix ---------------------------------------------------------------------------------


def variants(
    scenario: Document, configurations: Sequence[Document], check: Check, problems: list[Problem]
) -> tuple[Resolved, ...]:
    """Every configuration at every point of the scenario's matrix, validated again at each.

    Problems point at the matrix value that causes them.
    """
    axes = axes_of(scenario, problems)
    for path, values in axes.items():
        find_repeated(scenario, path, values, problems)
    points = math.prod(len(values) for values in axes.values()) * len(configurations)
    if points > MAX_CELLS:
        mark = scenario.key_mark(("matrix",))
        problems.append(mark.problem(f"asks for {points} configurations: {MAX_CELLS} at most"))
        return ()
    good = _good_values(scenario, configurations, axes, check, problems)
    resolved = []
    for document in configurations:
        for variant in _points(scenario, document, axes, good):
            configuration = check(variant.document, problems)
            if configuration is not None:
                resolved.append(Resolved(variant, configuration))
    return tuple(resolved)


def _good_values(
    scenario: Document,
    configurations: Sequence[Document],
    axes: dict[str, list[Any]],
    check: Check,
    problems: list[Problem],
) -> dict[str, list[int]]:
    """For each axis the indices of values that can be used: each on its own first, so that a bad
    one is reported once, not at every point it is part of. Without axes that have none."""
    good: dict[str, list[int]] = {}
    for axis, values in axes.items():
        meanings: dict[str, Any] = {}
        for index, entry in enumerate(values):
            point, before = {axis: index}, len(problems)
            found: list[Scenario | Configuration | None] = []
            try:
                if about_work(axis):
                    found.append(validate(Scenario, in_work(scenario, point), problems))
                for document in configurations:
                    found.append(check(in_configuration(scenario, document, point), problems))
            except NoSuchPlaceError as error:
                problems.append(scenario.key_mark(("matrix", axis)).problem(str(error)))
            if len(problems) > before:
                continue
            if not found:  # no configuration to try it with
                good.setdefault(axis, []).append(index)
                continue
            _, value = named_value(entry)
            meaning = canonical(
                [one and one.model_dump(mode="json", exclude={"matrix"}) for one in found]
            )
            same = meanings.setdefault(meaning, value)
            if canonical(same) != canonical(value):
                mark = scenario.value_mark(place_of_value(scenario, axis, index))
                message = f"the value {shown(value)} means the same as {shown(same)} before it"
                problems.append(mark.problem(message))
            else:
                good.setdefault(axis, []).append(index)
    return good


def _points(
    scenario: Document,
    document: Document,
    axes: dict[str, list[Any]],
    good: dict[str, list[int]],
) -> Iterator[Variant]:
    names = short_names(list(axes))
    known = {axis: [named_value(entry) for entry in entries] for axis, entries in axes.items()}
    words = {
        axis: words_of([value for _, value in entries], [name for name, _ in entries])
        for axis, entries in known.items()
    }
    base = str(document.get(("name",)))
    for choice in itertools.product(*good.values()):
        point = dict(zip(good, choice, strict=True))
        values = {axis: known[axis][index][1] for axis, index in point.items()}
        here = {axis: words[axis][index] for axis, index in point.items()}
        said = ",".join(f"{names[axis]}={word}" for axis, word in here.items())
        label = f"{base}[{said}]" if said else base
        placed = in_configuration(scenario, document, point)
        yield Variant(placed, values, point, here, label)


# --- cells --------------------------------------------------------------------------------------


def cells(
    scenario: Scenario,
    document: Document,
    resolved: Sequence[Resolved],
    problems: list[Problem],
    provider: Provider | None = None,
    *,
    as_written: bool = True,
) -> tuple[Cell, ...]:
    """Every cell, with a name of its own; what cannot work is added to `problems`. `provider` is
    the command line's, if any. `as_written`: the command line changes nothing, so what has no
    effect is the file's own fault."""
    found: list[Cell] = []
    works: dict[str, _Work] = {}
    for one in resolved:
        of_work = {axis: index for axis, index in one.variant.point.items() if about_work(axis)}
        key = canonical(of_work)
        if key not in works:
            works[key] = _work_at(scenario, document, of_work, problems)
        work = works[key]
        if len(work.pairs) * len(resolved) > MAX_CELLS:
            message = f"{len(work.pairs) * len(resolved)} cells: a scenario has {MAX_CELLS} at most"
            problems.append(document.key_mark(("workloads",)).problem(message))
            return ()
        _add_result_conflicts(one, work, problems)
        for pair, label in zip(work.pairs, work.labels, strict=True):
            pair.add_conflicts(provided(one.configuration, provider), work.document, problems)
            found.append(pair.cell(f"{one.variant.label}/{label}", one))
    if as_written:
        problems += _unread_everywhere(list(works.values()))
    return tuple(found)


def _unread_everywhere(works: Sequence[_Work]) -> list[Problem]:
    """What is used at no point of the matrix."""
    first, *others = [dict(work.unread) for work in works] or [{}]
    common = [place for place in first if all(place in other for other in others)]
    return [works[0].document.key_mark(place).problem(first[place]) for place in common]


@dataclass(frozen=True)
class _Work:
    """The scenario's workloads and loads at one point of the matrix."""

    document: Document
    pairs: tuple[_Pair, ...]
    labels: tuple[str, ...]
    """`add/closed-8`: a label of its own for each pair, without what the axes say."""
    unread: tuple[tuple[Location, str], ...]
    """What has no effect at this point."""


def _work_at(
    scenario: Scenario, document: Document, point: dict[str, int], problems: list[Problem]
) -> _Work:
    if point:
        document = in_work(document, point)
        at_point = validate(Scenario, document, problems)
        if at_point is None:
            return _Work(document, (), (), ())
        scenario = at_point
    pairs = tuple(_pairs(scenario, document, problems))
    labels = tuple(work_labels([pair.name(point) for pair in pairs]))
    return _Work(document, pairs, labels, tuple(unread_in_scenario(scenario)))


@dataclass(frozen=True)
class _Pair:
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

    def cell(self, name: str, one: Resolved) -> Cell:
        return Cell(
            name=name,
            configuration=one.configuration,
            axes=one.variant.axes,
            axis_words=one.variant.words,
            workload=self.workload,
            load=self.load,
            measure=self.measure,
        )


def _add_result_conflicts(one: Resolved, work: _Work, problems: list[Problem]) -> None:
    """What needs results that are not there. Where nothing is stored at all and several places
    need something, it is one problem: the configuration's."""
    found = [
        (pair.place(place), message, pair.name(()).label)
        for pair in work.pairs
        for place, message in result_conflicts(
            one.configuration, pair.workload, pair.load, pair.measure
        )
    ]
    several = len({(place, message) for place, message, _ in found}) >= _MANY
    if stores_results(one.configuration) or not several:
        problems += [work.document.value_mark(at).problem(message) for at, message, _ in found]
        return
    cells = list(dict.fromkeys(label for _, _, label in found))
    shown_cells = ", ".join(cells[:_MOST_NAMED]) + (", ..." if len(cells) > _MOST_NAMED else "")
    where, why = nothing_stored(one.configuration)
    problems.append(
        one.variant.document.value_mark(where).problem(
            f"with {why} no results are stored, and {len(cells)} of the scenario's "
            f"{len(work.pairs)} cells need them: {shown_cells}. Leave this configuration out, or "
            "measure single tasks and chains by load backlog, or by load rate with results: "
            "afterwards, with results_left: ignore"
        )
    )


def _pairs(scenario: Scenario, document: Document, problems: list[Problem]) -> Iterator[_Pair]:
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
            yield _Pair(
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
