"""From a scenario and its configurations to cells: configurations x matrix x workloads x loads."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from harness.errors import Problem
from harness.scenario.checks.combinations import nothing_stored, result_conflicts, stores_results
from harness.scenario.files.document import Document, NoSuchPlaceError
from harness.scenario.files.unknown import as_far_as_known, is_known
from harness.scenario.files.validation import mended, validate
from harness.scenario.files.wording import shown
from harness.scenario.models.configuration import Configuration
from harness.scenario.models.scenario import Cell, Scenario
from harness.scenario.plan.axes import (
    Lost,
    about_work,
    axes_of,
    find_repeated,
    in_configuration,
    in_work,
    lost_to,
    place_of_value,
    short_names,
)
from harness.scenario.plan.value_words import canonical, named_value, words_of
from harness.scenario.plan.work import Pair, Work, work_at
from harness.scenario.vendors.base import Provider

MAX_CELLS = 10_000
_MOST_TRIED = 50
"""Points at which a value is tried that cannot stand alone."""
_MOST_NAMED = 3
_MANY = 3
"""Places that need results: fewer are told one by one."""


@dataclass(frozen=True)
class Variant:
    """One configuration at one point of the matrix."""

    document: Document
    """The configuration's file, with the values of the axes put in."""
    axes: dict[str, Any]
    """Axis -> its value here."""
    point: dict[str, int]
    """Axis -> index of its value."""
    words: dict[str, str]
    """Axis -> word of its value in names."""
    label: str
    """`redis`, or `redis[concurrency=4,task_acks_late=true]`."""


@dataclass(frozen=True)
class Resolved:
    """A variant that is valid."""

    variant: Variant
    """Where the configuration comes from."""
    configuration: Configuration
    """As far as it is known: what is judged."""
    readable: Configuration
    """With something else in place of what is not known: what cells are made of."""


@dataclass(frozen=True)
class Points:
    """The usable points of a matrix."""

    resolved: tuple[Resolved, ...]
    lost: Lost
    """What axes that cannot be used leave open."""
    complete: bool
    """Whether every value of every axis that leads into workloads and loads is used."""


Check = Callable[[Document, list[Problem]], Configuration | None]
"""Validates a configuration's document; None, and problems, if it is not valid."""


# --- the matrix ---------------------------------------------------------------------------------


def variants(
    scenario: Document, configurations: Sequence[Document], check: Check, problems: list[Problem]
) -> Points:
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
        return Points((), Lost(frozenset(), frozenset()), complete=False)
    good = _good_values(scenario, configurations, axes, check, problems)
    lost = lost_to(scenario, good, problems, Configuration.model_fields)
    resolved = []
    for document in configurations:
        for variant in _points(scenario, document.doubted(lost.in_configurations), axes, good):
            configuration = check(variant.document, problems)
            if configuration is not None:
                readable = _as_read(configuration, variant.document)
                resolved.append(Resolved(variant, configuration, readable))
    of_work = {axis: values for axis, values in axes.items() if about_work(axis)}
    complete = all(len(good.get(axis, ())) == len(values) for axis, values in of_work.items())
    return Points(tuple(resolved), lost, complete and not lost.in_work)


def _as_read(configuration: Configuration, document: Document) -> Configuration:
    """What a document that `check` has taken can be read as, where not all of it is known."""
    if is_known(configuration):
        return configuration
    readable = mended(Configuration, document)
    return Configuration.model_validate((readable or document).data)


def _good_values(
    scenario: Document,
    configurations: Sequence[Document],
    axes: dict[str, list[Any]],
    check: Check,
    problems: list[Problem],
) -> dict[str, list[int]]:
    """For each axis the indices of values that can be used: each on its own first, so that a bad
    one is reported once, not at every point it is part of. One that others make good (pool solo
    beside an axis `worker.concurrency: [1]`) is judged at its points. Without axes that have none.
    """
    good: dict[str, list[int]] = {}
    for axis, values in axes.items():
        meanings: dict[str, Any] = {}
        for index, entry in enumerate(values):
            found, wrong = _tried(scenario, configurations, axis, {axis: index}, check)
            for others in _others(axes, axis) if wrong else ():
                point = {axis: index, **others}
                among, wrong_there = _tried(scenario, configurations, axis, point, check)
                if not wrong_there:
                    found, wrong = among, []
                    break
            problems += wrong
            if wrong:
                continue
            if not found or (about_work(axis) and _lacks_work(scenario)):  # nothing to try it with
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


def _tried(
    scenario: Document,
    configurations: Sequence[Document],
    axis: str,
    point: dict[str, int],
    check: Check,
) -> tuple[list[Scenario | Configuration | None], list[Problem]]:
    """What workloads and configurations are at a point, and what is wrong there with an axis."""
    problems: list[Problem] = []
    found: list[Scenario | Configuration | None] = []
    try:
        if about_work(axis):
            found.append(validate(Scenario, in_work(scenario, point), problems))
        for document in configurations:
            placed = in_configuration(scenario, document, point)
            checked = check(placed, problems)
            found.append(checked and _as_read(checked, placed))
    except NoSuchPlaceError as error:
        problems.append(scenario.key_mark(("matrix", axis)).problem(str(error)))
    return found, problems


def _others(axes: dict[str, list[Any]], axis: str) -> Iterator[dict[str, int]]:
    """Where the other axes may stand; not all of it in a large matrix, whose points are all judged
    in the end."""
    names = [name for name in axes if name != axis]
    choices = itertools.product(*(range(len(axes[name])) for name in names))
    for choice in itertools.islice(choices, _MOST_TRIED) if names else ():
        yield dict(zip(names, choice, strict=True))


def _lacks_work(scenario: Document) -> bool:
    doubted = scenario.unknown | scenario.partial
    return any(at[:1] in ((), ("workloads",), ("loads",)) for at in doubted)


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
    points: Points,
    problems: list[Problem],
    provider: Provider | None = None,
    *,
    as_written: bool = True,
) -> tuple[Cell, ...]:
    """Every cell, with a name of its own; what cannot work is added to `problems`. `provider` is
    the command line's, if any. `as_written`: the command line changes nothing, so what has no
    effect is the file's own fault."""
    found: list[Cell] = []
    works: dict[str, Work] = {}
    document = document.doubted(points.lost.in_work)
    if not points.resolved and not any(map(about_work, scenario.matrix)):
        works[""] = work_at(scenario, document, {}, problems)  # what needs no configuration
    for one in points.resolved:
        of_work = {axis: index for axis, index in one.variant.point.items() if about_work(axis)}
        key = canonical(of_work)
        if key not in works:
            works[key] = work_at(scenario, document, of_work, problems)
        work = works[key]
        if count := _too_many(len(work.pairs) * len(points.resolved)):
            problems.append(document.key_mark(("workloads",)).problem(count))
            return ()
        problems += as_far_as_known(_result_problems, one, work)
        for pair in work.pairs:
            judged = (one.configuration, provider, work.document)
            problems += as_far_as_known(pair.problems, *judged)
        for pair, label in zip(work.readable, work.labels, strict=True):
            found.append(_cell(f"{one.variant.label}/{label}", pair, one))
    if as_written and points.complete:
        problems += _unread_everywhere(list(works.values()))
    return tuple(found)


def _too_many(cells: int) -> str:
    return f"{cells} cells: a scenario has {MAX_CELLS} at most" if cells > MAX_CELLS else ""


def _cell(name: str, pair: Pair, one: Resolved) -> Cell:
    return Cell(
        name=name,
        configuration=one.readable,
        axes=one.variant.axes,
        axis_words=one.variant.words,
        workload=pair.workload,
        load=pair.load,
        measure=pair.measure,
    )


def _unread_everywhere(works: Sequence[Work]) -> list[Problem]:
    """What is used at no point of the matrix."""
    first, *others = [dict(work.unread) for work in works] or [{}]
    common = [place for place in first if all(place in other for other in others)]
    return [works[0].document.key_mark(place).problem(first[place]) for place in common]


def _result_problems(one: Resolved, work: Work) -> Iterator[Problem]:
    """What needs results that are not there. Where nothing is stored at all and several places
    need something, it is one problem: the configuration's."""
    found = [
        (pair.place(place), message, work.label(pair))
        for pair in work.pairs
        for place, message in result_conflicts(
            one.configuration, pair.workload, pair.load, pair.measure
        )
    ]
    several = len({(place, message) for place, message, _ in found}) >= _MANY
    if not several or stores_results(one.configuration):
        for at, message, _ in found:
            yield work.document.value_mark(at).problem(message)
        return
    cells = list(dict.fromkeys(label for _, _, label in found))
    shown_cells = ", ".join(cells[:_MOST_NAMED]) + (", ..." if len(cells) > _MOST_NAMED else "")
    where, why = nothing_stored(one.configuration)
    yield one.variant.document.value_mark(where).problem(
        f"with {why} no results are stored, and {len(cells)} of the scenario's "
        f"{len(work.pairs)} cells need them: {shown_cells}. Leave this configuration out, or "
        "measure single tasks and chains by load backlog, or by load rate with results: "
        "afterwards, with results_left: ignore"
    )
