"""Checks what a scenario says about gates and comparisons, with positions in its file."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from harness.errors import Problem
from harness.figures.figure import Within
from harness.scenario.files.document import Document, Mark
from harness.scenario.files.unknown import NotKnownError
from harness.scenario.files.wording import closest, listed, shown
from harness.scenario.models.gate_tokens import GateSyntaxError
from harness.scenario.models.gates import GatedFigure, parse_gate
from harness.scenario.models.queues import keeps_queues_of_app, known_queues
from harness.scenario.models.scenario import Cell, Scenario
from harness.scenario.plan.identity import work_key
from harness.scenario.plan.pairing import Place, UnknownBaseError, default_base, paired_cells
from harness.scenario.workloads.base import WorkloadBase


def gate_problems(document: Document, path: Path) -> list[Problem]:
    """Everything wrong with the gates. A position points into the text of the gate."""
    stated = document.get(("gates",))
    gates = stated if isinstance(stated, list) else ()
    problems: list[Problem] = []
    seen: set[str] = set()
    for index, text in enumerate(gates):
        mark = document.value_mark(("gates", index))
        if not isinstance(text, str):
            continue  # reported with the scenario's own types
        if text in seen:
            problems.append(mark.problem(f"the gate {shown(text)} stands here twice"))
        seen.add(text)
        try:
            parse_gate(text)
        except GateSyntaxError as error:
            place = _inside(mark, text, error.column, path)
            problems.append(place.problem(f"gate {shown(text)}: {error}"))
    return problems


def gated_name_problems(
    document: Document,
    path: Path,
    gates: Sequence[str],
    workloads: Iterable[WorkloadBase],
    cells: Sequence[Cell],
) -> list[Problem]:
    """Gates on parts of a mix, queues and groups of workers that no cell has; what is no gate is
    `gate_problems`' matter. Known is what the files name: an app of the user's own may have other
    queues, so that any name is taken where one decides."""
    parts = tuple(dict.fromkeys(kind.label for one in workloads for kind in one.mixed))
    known: dict[Within, Sequence[str]] = {"task": parts, "part": parts, "group": _groups(cells)}
    try:
        known["queue"] = _queues(cells)
        any_queue = any(keeps_queues_of_app(cell.configuration) for cell in cells)
    except NotKnownError:  # of a faulty file
        any_queue = True
    problems = []
    for index, text in enumerate(gates):
        try:
            measure = parse_gate(text).measure
        except GateSyntaxError:
            continue
        if not measure.within or (any_queue and measure.within == "queue"):
            continue
        if measure.one not in (names := known[measure.within]):
            mark = document.value_mark(("gates", index))
            place = _inside(mark, text, measure.one_column, path)
            problems.append(place.problem(f"gate {shown(text)}: {_unknown(measure, names)}"))
    return problems


def _groups(cells: Sequence[Cell]) -> tuple[str, ...]:
    """Of configurations that have several."""
    groups = (cell.configuration.groups for cell in cells)
    return tuple(dict.fromkeys(name for its in groups if len(its) > 1 for name in its))


def _queues(cells: Sequence[Cell]) -> tuple[str, ...]:
    """Of cells that have several."""
    queues = (known_queues(one.configuration, one.workload.message_options) for one in cells)
    return tuple(dict.fromkeys(name for its in queues if len(its) > 1 for name in its))


def _unknown(measure: GatedFigure, known: Sequence[str]) -> str:
    nobody, others = _NOBODY[measure.within or "task"]
    words = f"{nobody} {shown(measure.one)}"
    if not known:
        return f"{words}, or {others}: a gate on {measure.metric} is one on the whole"
    ends = [name for name in known if name.rpartition(".")[2] == measure.one]
    close = ends[0] if len(ends) == 1 else closest(measure.one, known)
    guess = f' (did you mean "{close}"?)' if close else ""
    shown_names = listed(known[:_SHOWN_TASKS])
    more = f" and {len(known) - _SHOWN_TASKS} more" if len(known) > _SHOWN_TASKS else ""
    return f"{words}{guess}; there are {shown_names}{more}"


_SHOWN_TASKS = 12
_NOBODY: Mapping[Within, tuple[str, str]] = {
    "task": ("no workload here runs a task", "any of your own"),
    "part": ("no workload here has a part", "any parts"),
    "queue": ("no cell here has a queue", "several queues"),
    "group": ("no configuration here has a group of workers", "several groups"),
}
"""What is missing, and what there would have to be for any."""


def base_problems(document: Document, scenario: Scenario, cells: Sequence[Cell]) -> list[Problem]:
    """Whether there is anything to compare with `compare.base`. A scenario that names the effect to
    be found may leave the other side to `harness ab`."""
    if scenario.compare is None:
        return []
    places = [place_of(cell) for cell in cells]
    alone = len({place.key for place in places}) == 1
    if alone and scenario.compare.effect is not None and scenario.compare.base is None:
        return []
    try:
        paired_cells(places, scenario.compare.base or default_base(places))
    except UnknownBaseError as error:
        named = ("compare", "base") in document.spots
        mark = (
            document.value_mark(("compare", "base")) if named else document.key_mark(("compare",))
        )
        advice = "" if named else "; --set compare=null leaves the comparison out"
        return [mark.problem(f"{error}{advice}")]
    return []


def place_of(cell: Cell) -> Place:
    """The place of a cell in its scenario's matrix."""
    entries = (cell.workload, cell.load, cell.measure)
    plain = [entry.model_dump(mode="json") for entry in entries]
    work = work_key(plain[0], plain[1], plain[2], cell.axes)
    return Place(cell.configuration.name, cell.axes, cell.name, cell.axis_words, work)


def _inside(mark: Mark, text: str, column: int, path: Path) -> Mark:
    """The column of a gate's text within its line; the gate's begin where it is written in a way
    (escapes, several lines, `--set`) that moves the characters."""
    try:
        line = path.read_text(encoding="utf-8-sig").splitlines()[mark.line - 1]
    except (OSError, ValueError, IndexError):
        return mark
    for quote in (0, 1):
        if line[mark.column - 1 + quote :].startswith(text):
            return replace(mark, column=mark.column + quote + column)
    return mark
