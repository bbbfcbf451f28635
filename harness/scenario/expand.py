"""From a scenario and its configurations to cells: configurations x matrix x workloads x loads."""

from __future__ import annotations

import itertools
import json
import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel

from harness.errors import Problem
from harness.scenario.capabilities import cell_conflicts
from harness.scenario.configuration import Configuration
from harness.scenario.document import Document, Location, NoSuchPlaceError
from harness.scenario.faulty_loads import (
    fault_conflicts,
    fault_words,
    faults_of,
    load_conflict,
    with_faults,
)
from harness.scenario.load_models import (
    ClosedLoad,
    Load,
    MeasureOverride,
    RateLoad,
    SaturateLoad,
)
from harness.scenario.models import Cell, Measure, Scenario
from harness.scenario.wording import shown
from harness.scenario.workload_models import (
    ChainWorkload,
    GroupWorkload,
    HeavyTaskWorkload,
    Workload,
)

MAX_CELLS = 10_000
_NOT_MEASURED = ("name", "description")


@dataclass(frozen=True)
class Variant:
    """One configuration at one point of the matrix."""

    document: Document
    axes: dict[str, Any]
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
    axes = _axes(scenario, problems)
    points = math.prod(len(values) for values in axes.values()) * len(configurations)
    if points > MAX_CELLS:
        mark = scenario.key_mark(("matrix",))
        problems.append(mark.problem(f"asks for {points} configurations: {MAX_CELLS} at most"))
        return ()
    before = len(problems)
    _check_single_values(scenario, configurations, axes, check, problems)
    if len(problems) > before:
        return ()
    resolved = []
    for document in configurations:
        for variant in _points(scenario, document, axes):
            configuration = check(variant.document, problems)
            if configuration is not None:
                resolved.append(Resolved(variant, configuration))
    return tuple(resolved)


def _axes(scenario: Document, problems: list[Problem]) -> dict[str, list[Any]]:
    """The usable axes. What is no mapping of lists was reported with the scenario's own types."""
    matrix = scenario.get(("matrix",))
    if not isinstance(matrix, dict):
        return {}
    axes = {}
    for path, values in matrix.items():
        mark = scenario.key_mark(("matrix", path))
        if path in _NOT_MEASURED:
            problems.append(mark.problem(f"{path} does not change what is measured"))
        elif "" in path.split("."):
            problems.append(mark.problem(f"{shown(path)} is not a dotted path"))
        elif around := [other for other in matrix if path.startswith(f"{other}.")]:
            problems.append(mark.problem(f"overlaps with {shown(around[0])}"))
        elif isinstance(values, list) and values:
            axes[path] = values
            _find_repeated(scenario, path, values, problems)
    return axes


def _find_repeated(
    scenario: Document, path: str, values: list[Any], problems: list[Problem]
) -> None:
    seen: dict[str, int] = {}
    for index, value in enumerate(values):
        first = seen.setdefault(_identity(value), index)
        if first != index:
            mark = scenario.value_mark(("matrix", path, index))
            problems.append(mark.problem(f"the value {shown(value)} stands here twice"))


def _identity(value: Any) -> str:
    return json.dumps(value, sort_keys=True)


def _check_single_values(
    scenario: Document,
    configurations: Sequence[Document],
    axes: dict[str, list[Any]],
    check: Check,
    problems: list[Problem],
) -> None:
    """Each value on its own first: a bad one is reported once, not at every point it is part of."""
    for document in configurations:
        for path, values in axes.items():
            for index in range(len(values)):
                try:
                    placed = _placed(scenario, document, path, index)
                except NoSuchPlaceError as error:
                    mark = scenario.key_mark(("matrix", path))
                    problems.append(mark.problem(str(error)))
                    continue
                check(placed, problems)


def _points(
    scenario: Document, document: Document, axes: dict[str, list[Any]]
) -> Iterator[Variant]:
    names = _short_names(list(axes))
    base = str(document.get(("name",)))
    for choice in itertools.product(*(range(len(values)) for values in axes.values())):
        at_point = document
        values: dict[str, Any] = {}
        for path, index in zip(axes, choice, strict=True):
            at_point = _placed(scenario, at_point, path, index)
            values[path] = axes[path][index]
        words = [f"{names[path]}={_value_word(value)}" for path, value in values.items()]
        label = f"{base}[{','.join(words)}]" if words else base
        yield Variant(at_point, values, label)


def _placed(scenario: Document, document: Document, path: str, index: int) -> Document:
    key = scenario.key_mark(("matrix", path))
    part = scenario.below(("matrix", path, index), key)
    return document.placed(tuple(path.split(".")), part)


def _short_names(paths: list[str]) -> dict[str, str]:
    """The last word of each dotted path, or more of them where that is ambiguous."""
    names = {}
    for path in paths:
        words = path.split(".")
        others = [other.split(".") for other in paths if other != path]
        length = next(
            length
            for length in range(1, len(words) + 1)
            if length == len(words) or all(other[-length:] != words[-length:] for other in others)
        )
        names[path] = ".".join(words[-length:])
    return names


def _value_word(value: Any) -> str:
    if isinstance(value, dict) and isinstance(value.get("name"), str):
        value = value["name"]
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return "".join("_" if character in " \t\r\n/,[]" else character for character in text)[:40]


# --- cells --------------------------------------------------------------------------------------


def cells(
    scenario: Scenario, document: Document, resolved: Sequence[Resolved], problems: list[Problem]
) -> tuple[Cell, ...]:
    """Every cell, with a name of its own; what cannot work is added to `problems`."""
    pairs = list(_pairs(scenario, document, problems))
    if len(pairs) * len(resolved) > MAX_CELLS:
        message = f"{len(pairs) * len(resolved)} cells: a scenario has {MAX_CELLS} at most"
        problems.append(document.key_mark(("workloads",)).problem(message))
        return ()
    found: list[Cell] = []
    names: dict[str, int] = {}
    for one in resolved:
        for pair in pairs:
            pair.add_conflicts(one.configuration, document, problems)
            name = f"{one.variant.label}/{_workload_label(pair.workload)}/{_load_label(pair.load)}"
            names[name] = names.get(name, 0) + 1
            if names[name] > 1:
                name = f"{name}#{names[name]}"
            found.append(pair.cell(name, one))
    return tuple(found)


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

    def add_conflicts(
        self, configuration: Configuration, document: Document, problems: list[Problem]
    ) -> None:
        starts = {"workload": self.workload_location, "load": self.load_location}
        for place, message in cell_conflicts(configuration, self.workload, self.load, self.measure):
            location = (*starts[str(place[0])], *place[1:])
            problems.append(document.value_mark(location).problem(message))
        for place, message in fault_conflicts(configuration, self.load, self._length_s()):
            location = (*self.faults_location, *place)
            problems.append(document.value_mark(location).problem(message))

    def cell(self, name: str, one: Resolved) -> Cell:
        return Cell(
            name=name,
            configuration=one.configuration,
            axes=one.variant.axes,
            workload=self.workload,
            load=self.load,
            measure=self.measure,
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


def _merged(measure: Measure, override: MeasureOverride) -> Measure:
    """The plan with an override applied: units replace a duration, and the other way round."""
    changes: dict[str, Any] = override.model_dump(exclude_none=True)
    if "units" in changes:
        changes["duration"] = None
    elif "duration" in changes:
        changes["units"] = None
    return measure.model_copy(update=changes)


def _load_label(load: Load) -> str:
    if isinstance(load, RateLoad):
        broken = fault_words(load)
        if load.phases is None:
            label = _label(load, load.load, f"{load.rate:g}", "rate")
        else:
            words = "-".join(phase.phase for phase in load.phases)
            label = _label(load, load.load, words[:60], "phases")
        return f"{label},{broken}" if broken else label
    if isinstance(load, SaturateLoad):
        return _label(load, load.load, None, "")
    main = str(load.in_flight) if isinstance(load, ClosedLoad) else None
    return _label(load, load.load, main, "in_flight")


def _workload_label(workload: Workload) -> str:
    if isinstance(workload, GroupWorkload):
        return _label(workload, workload.workload, str(workload.size), "size")
    if isinstance(workload, ChainWorkload):
        return _label(workload, workload.workload, str(workload.length), "length")
    if isinstance(workload, HeavyTaskWorkload):
        main = "text" if isinstance(workload.n, str) else str(workload.n)
        return _label(workload, workload.workload, main, "n")
    return _label(workload, workload.workload, None, "")


def _label(entry: BaseModel, kind: str, main: str | None, main_field: str) -> str:
    """`group-10,payload_bytes=1024`: the kind, its main number, and what is not the default."""
    skipped = {"workload", "load", "loads", "measure", "faults", main_field}
    words = [kind if main is None else f"{kind}-{main}"]
    for name, field in type(entry).model_fields.items():
        value = getattr(entry, name)
        if name not in skipped and value != field.default:
            words.append(f"{name}={_value_word(value)}")
    return ",".join(words)
