"""One scenario over many runs: a series per cell, and where its level may have changed.

A point is the ratio to a reference cell of the *same session* where the run has one, and so
hardly moves with the machine; otherwise the figure itself, which does.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from harness.errors import UsageError
from harness.results.history.baselines import read_baselines
from harness.results.history.series import Point, Series, series_of
from harness.results.judge.circumstances import machine_of, project_of
from harness.results.judge.compare import comparison_plan
from harness.results.judge.identity import places_of, series_key
from harness.results.judge.metrics import Metric
from harness.results.judge.pairs import is_interleaved
from harness.results.record.figures import names_in
from harness.results.record.run import BlockRecord, CellRecord, RunRecord
from harness.results.store.catalog import Catalog, StoredRun
from harness.results.store.liveness import is_being_written
from harness.results.store.views import scenario_name
from harness.scenario.files.wording import did_you_mean, listed, shown
from harness.scenario.plan.identity import configuration_key
from harness.scenario.plan.pairing import UnknownBaseError, default_base, paired_cells
from harness.scenario.plan.value_words import canonical
from harness.stats.changepoints import METHOD

DEFAULT_LAST = 100
_AB_SUFFIX = "-ab"


@dataclass(frozen=True)
class Question:
    """What is asked of a store."""

    scenario: str
    """Name of the scenario, as the records have it."""
    metric: Metric
    reference: str | None = None
    """Configuration, axis value or variant; None: as the runs' own `compare` says."""
    force: bool = False
    """One series over unlike machines."""
    last: int = DEFAULT_LAST
    """At most so many points per series, the newest ones."""


@dataclass(frozen=True)
class History:
    """How the cells of a store's runs developed: the answer to a `Question`."""

    question: Question
    reference: str | None
    """None: values are absolute, and move with the machine."""
    references: tuple[str, ...]
    """What could be named as one, in the newest run."""
    series: tuple[Series, ...]
    left_out: tuple[str, ...]
    """Runs, cells and points that are not in the series, and why."""
    method: str


@dataclass
class _Collection:
    """Series that are being filled."""

    question: Question
    reference: str | None
    baselines: Mapping[str, Sequence[str]]
    """Names by the run's folder."""
    points: dict[tuple[str, str, str], list[Point]] = field(default_factory=dict)
    reasons: dict[str, list[str]] = field(default_factory=dict)
    """Why something is left out -> the runs of which it is, oldest first; none: of all."""

    def leave_out(self, reason: str, run: RunRecord | None = None) -> None:
        """Note it, once per run and reason."""
        runs = self.reasons.setdefault(reason, [])
        if run is not None and run.run_id not in runs:
            runs.append(run.run_id)

    @property
    def left_out(self) -> tuple[str, ...]:
        """One sentence for each reason why runs, cells or points are not in the series."""
        return tuple(_of_runs(runs, reason) for reason, runs in self.reasons.items())


def history(catalog: Catalog, question: Question, *, nominate: bool = True) -> History:
    """The series of every cell of a scenario. UsageError if there is no run of it, or no
    value at all; RecordError if the store's baselines cannot be read. `nominate`: look for changes
    of level, which takes a second for a hundred points."""
    runs = [run for run in catalog.runs if scenario_name(run.record) == question.scenario]
    if not runs:
        raise UsageError(_no_run(catalog, question.scenario))
    collection = _Collection(question, question.reference, _baselines(catalog))
    if question.metric.counted:
        nominate = False  # a change is a ratio, and zero has none
        _refuse_reference(question)
    elif question.reference is None:
        collection.reference = _own_reference(runs[-1].record, collection)
    for run in runs:
        _collect(run, collection)
    if not collection.points:
        raise UsageError(_no_such(question, runs) or _no_value(collection))
    series = _in_order_of(runs[-1].record, collection, nominate=nominate)
    return History(
        question=question,
        reference=collection.reference,
        references=_references(runs[-1].record),
        series=series,
        left_out=(*collection.left_out, *_beside(catalog, question.scenario)),
        method=METHOD if nominate else "",
    )


def _refuse_reference(question: Question) -> None:
    if question.reference is not None:
        raise UsageError(
            f"{question.metric.name} is a count, of which no ratio to a reference is made"
        )


def _no_such(question: Question, runs: Sequence[StoredRun]) -> str:
    """That no run has the task, queue or group whose figure is asked for; empty if one has."""
    figure = question.metric.asked.figure
    within, one = figure.within, figure.one
    if not within:
        return ""
    known = {
        name for run in runs for block in run.record.blocks for name in names_in(block, within)
    }
    if one in known:
        return ""
    words = f"no run of {question.scenario} has a {within} {shown(one)}{did_you_mean(one, known)}"
    others = "any mix" if figure.task else f"several {within}s"
    return f"{words}; there are {listed(sorted(known))}" if known else f"{words}, or {others}"


def _no_value(collection: _Collection) -> str:
    question = collection.question
    words = f"no run of {question.scenario} has {question.metric.name} to show: "
    words += "; ".join(collection.left_out)
    if any(question.reference in names for names in collection.baselines.values()):
        words += (
            f"; {question.reference} is a baseline, which was measured in another session: a "
            "reference is a part of each run"
        )
    return words


def _no_run(catalog: Catalog, scenario: str) -> str:
    known = list(dict.fromkeys(scenario_name(run.record) for run in catalog.runs))
    guess = did_you_mean(scenario, known)
    there = f"there are: {listed(known)}" if known else "it holds no run at all"
    return f"no run of {shown(scenario)} in {catalog.store}{guess}; {there}"


def _of_runs(runs: Sequence[str], reason: str) -> str:
    if not runs:
        return reason
    which = f"run {runs[0]}" if len(runs) == 1 else f"{len(runs)} runs, the newest {runs[-1]}"
    return f"{which}: {reason}"


def _beside(catalog: Catalog, scenario: str) -> Iterator[str]:
    name = f"{scenario[:60]}{_AB_SUFFIX}"
    count = sum(scenario_name(run.record) == name for run in catalog.runs)
    if count:
        runs = "1 run" if count == 1 else f"{count} runs"
        yield f"{runs} of harness ab: a history of its own, {name}"


def _baselines(catalog: Catalog) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for name, baseline in read_baselines(catalog.store).items():
        found.setdefault(baseline.run, []).append(name)
    return found


# --- the reference ------------------------------------------------------------------------------


def _own_reference(record: RunRecord, collection: _Collection) -> str | None:
    """What the newest run is compared with by its own scenario; None where it says nothing."""
    plan = comparison_plan(record)
    if plan is None:
        return None
    try:
        return plan.base or default_base(places_of(record.cells))
    except UnknownBaseError as error:
        collection.leave_out(f"no reference: {error}")
        return None


def _references(record: RunRecord) -> tuple[str, ...]:
    names = dict.fromkeys(place.variant for place in places_of(record.cells))
    return tuple(names) if len(names) > 1 else ()


def _with_references(
    record: RunRecord, reference: str | None
) -> list[tuple[CellRecord | None, CellRecord]]:
    if reference is None:
        return [(None, cell) for cell in record.cells]
    pairs = paired_cells(places_of(record.cells), reference)
    return [(record.cells[base], record.cells[head]) for base, head in pairs]


def _definition(cell: CellRecord | None) -> str:
    """What a reference is, apart from versions that nobody pinned."""
    if cell is None:
        return ""
    return canonical([series_key(cell), configuration_key(cell.config)])


# --- points -------------------------------------------------------------------------------------


def _collect(run: StoredRun, collection: _Collection) -> None:
    record, metric = run.record, collection.question.metric
    if record.status == "running" and is_being_written(run.folder) is not False:
        collection.leave_out("still running", record)
        return
    try:
        pairs = _with_references(record, collection.reference)
    except UnknownBaseError as error:
        collection.leave_out(str(error), record)
        return
    named = tuple(f"baseline {name}" for name in collection.baselines.get(run.folder.name, ()))
    for base, cell in pairs:
        if not metric.applies(cell):
            words = "is of a search only" if metric.only_load else "says nothing in a backlog"
            collection.leave_out(f"{cell.name}: {metric.name} {words}")
            continue
        point = _point(record, base, cell, metric)
        if point is None:
            collection.leave_out(f"{cell.name} has no complete block with a figure", record)
            continue
        machine = "" if collection.question.force else machine_of(record, cell, base)
        key = (series_key(cell), machine, _definition(base))
        named_point = replace(point, marks=(*point.marks, *named))
        collection.points.setdefault(key, []).append(named_point)


def _point(
    record: RunRecord, base: CellRecord | None, cell: CellRecord, metric: Metric
) -> Point | None:
    """Median over the blocks, their sum of a count, or the geometric mean of the ratios of pairs of
    blocks."""
    blocks = _figures(cell, metric)
    used = [block for block, _ in blocks.values()]
    values = [figure for _, figure in blocks.values()]
    interleaved = True
    if base is not None:
        references = _figures(base, metric)
        both = sorted(blocks.keys() & references.keys())
        pairs = [(references[n][0], blocks[n][0]) for n in both]
        used = [block for pair in pairs for block in pair]
        ratios = [blocks[n][1] / references[n][1] for n in both]
        values = [ratio if metric.more_is_better else 1 / ratio for ratio in ratios]
        interleaved = is_interleaved(pairs)
    if not values:
        return None
    value = statistics.median(values) if base is None else statistics.geometric_mean(values)
    if metric.counted:
        value = math.fsum(values)
    elif not 0 < value < math.inf:  # figures so far apart that their ratio is no number
        return None
    sound = all(block.sound for block in used)
    marks = {
        "unsound": not sound,
        "not interleaved": not interleaved,
        "killed": record.status == "running",
        record.status: record.status in ("partial", "failed"),
        "uncommitted changes": project_of(record, cell)[1],
    }
    return Point(
        run=record,
        cell=cell,
        reference=base,
        value=value,
        blocks=len(values),
        sound=sound,
        marks=tuple(mark for mark, holds in marks.items() if holds),
    )


def _figures(cell: CellRecord, metric: Metric) -> dict[int, tuple[BlockRecord, float]]:
    """Repetition -> complete block and its figure, where it has a positive one; of counts any."""
    found = {}
    for block in cell.blocks:
        figure = metric.figure(block)
        if block.status != "complete" or figure is None:
            continue
        if metric.counted or 0 < figure < math.inf:
            found[block.repetition] = (block, float(figure))
    return found


# --- series and their changes -------------------------------------------------------------------


def _in_order_of(
    newest: RunRecord, collection: _Collection, *, nominate: bool
) -> tuple[Series, ...]:
    """Cells as in the newest run, by the names that they have there; of several series of one cell
    the newest first."""
    places = {cell.name: place for place, cell in enumerate(newest.cells)}
    entries = [
        (points[-1].cell.name, machine, points)
        for (_, machine, _), points in collection.points.items()
    ]
    entries.sort(key=lambda entry: entry[2][-1].run.started_at, reverse=True)
    entries.sort(key=lambda entry: places.get(entry[0], len(places)))
    return tuple(
        _series(cell, machine, points, collection, nominate=nominate)
        for cell, machine, points in entries
    )


def _series(
    cell: str,
    machine: str,
    points: Sequence[Point],
    collection: _Collection,
    *,
    nominate: bool,
) -> Series:
    metric, last = collection.question.metric, collection.question.last
    if len(points) > last:
        collection.leave_out(f"{cell}: the {len(points) - last} oldest points (--last {last})")
    return series_of(cell, machine, points[-last:], nominate=nominate, metric=metric)
