"""One scenario over many runs: a series per cell, and where its level may have changed.

A point is the ratio to a reference cell of the *same session* where the run has one, and so
hardly moves with the machine; otherwise the figure itself, which does.
"""

from __future__ import annotations

import json
import math
import shlex
import statistics
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from harness.errors import UsageError
from harness.results.catalog import Catalog, StoredRun
from harness.results.compare import comparison_plan, place_of
from harness.results.metrics import COMPARED, Metric
from harness.results.record import PHASES, BlockRecord, CellRecord, Distribution, RunRecord
from harness.results.views import scenario_name
from harness.scenario.pairing import UnknownBaseError, default_base, paired_cells
from harness.scenario.wording import did_you_mean, listed
from harness.stats.changepoints import ChangePoint, change_points, method, method_words

DEFAULT_METRIC = "throughput"
DEFAULT_LAST = 100
_QUANTILES = tuple(name for name in Distribution.model_fields if name != "count")
_CELERY = ("celery", "kombu", "billiard", "vine", "amqp", "redis", "boto3", "botocore", "pycurl")
"""What `harness ab --base pins:...` can set."""
_GIB = 1024**3


# --- metrics ------------------------------------------------------------------------------------

_PLAIN = {
    "throughput": ("throughput_per_s", True),
    "tasks": ("tasks_per_s", True),
    "publish_rate": ("publish_rate_per_s", True),
    "worker_cpu": ("worker_cpu_ms_per_task", False),
    "client_cpu": ("client_cpu_ms_per_task", False),
    "worker_rss": ("worker_peak_rss_bytes", False),
    "client_rss": ("client_peak_rss_bytes", False),
}
_SPREADS = ("latency.total", *(f"phase.{name}" for name in PHASES), "call.publish", "call.store")
METRIC_WORDS = (*_PLAIN, *(f"{name}.QUANTILE" for name in _SPREADS))
"""What `metric_named` knows; QUANTILE is one of mean, min, p50 ... max."""


def metric_named(name: str) -> Metric:
    """The figure that a name stands for, one per block. UsageError for an unknown name."""
    for known in COMPARED:
        if known.name == name:
            return known
    if name in _PLAIN:
        field, more_is_better = _PLAIN[name]
        return Metric(name, lambda block: _number(block, field), more_is_better=more_is_better)
    spread, _, quantile = name.rpartition(".")
    if spread in _SPREADS and quantile in _QUANTILES:
        return Metric(
            name,
            lambda block: _quantile(block, spread, quantile),
            more_is_better=False,
            needs_watching=spread == "latency.total",
        )
    every = [*_PLAIN, *(f"{spread}.{quantile}" for spread in _SPREADS for quantile in _QUANTILES)]
    raise UsageError(
        f"no metric {name!r}{did_you_mean(name, every)}; there are: {listed(METRIC_WORDS)}, "
        f"with QUANTILE one of {listed(_QUANTILES)}"
    )


def _number(block: BlockRecord, field: str) -> float | None:
    value: float | None = getattr(block, field)
    return value


def _quantile(block: BlockRecord, spread: str, quantile: str) -> float | None:
    group, _, name = spread.partition(".")
    found: Distribution | None = block.latency_s
    if group != "latency":
        found = block.phases_s.get(name) if group == "phase" else block.calls_s.get(f"{name}_call")
    value: float | None = None if found is None else getattr(found, quantile)
    return value


# --- what a history is --------------------------------------------------------------------------


@dataclass(frozen=True)
class Question:
    """What is asked of a store."""

    scenario: str
    """Its name, as the records have it."""
    metric: Metric
    reference: str | None = None
    """Configuration, axis value or variant; None: as the runs' own `compare` says."""
    force: bool = False
    """One series over unlike machines."""
    last: int = DEFAULT_LAST
    """At most so many points per series, the newest ones."""


@dataclass(frozen=True)
class Point:
    """One cell in one run."""

    run: RunRecord
    value: float
    """Ratio to the reference, above 1 is better; or the figure itself."""
    blocks: int
    """How many the value rests on."""
    sound: bool
    """No unit of them was lost, wrong, duplicated or failed unmeant."""
    facts: Mapping[str, str]
    """Everything recorded that may have made a difference."""


@dataclass(frozen=True)
class Nomination:
    """A change of level that may be one: a paired re-run has to confirm it."""

    change: ChangePoint
    worse: bool
    before: Point
    """The last one of the old level."""
    after: Point
    """The first one of the new level."""
    differences: tuple[str, ...]
    """What the records say changed in between: `celery 5.6.3 -> 5.7.0`."""
    confirm: str
    """The command of the paired re-run."""


@dataclass(frozen=True)
class Series:
    """Like values of one cell, oldest first."""

    cell: str
    machine: str
    points: tuple[Point, ...]
    nominations: tuple[Nomination, ...] = ()

    @property
    def values(self) -> tuple[float, ...]:
        """Those of its points."""
        return tuple(point.value for point in self.points)


@dataclass(frozen=True)
class History:
    """The answer."""

    question: Question
    reference: str | None
    """None: values are absolute, and move with the machine."""
    series: tuple[Series, ...]
    left_out: tuple[str, ...]
    """Runs, cells and points that are not in the series, and why."""
    method: str


def history(catalog: Catalog, question: Question) -> History:
    """The series of every cell of a scenario. UsageError if there is no run of it, or no
    value at all."""
    runs = [run for run in catalog.runs if scenario_name(run.record) == question.scenario]
    if not runs:
        raise UsageError(_no_run(catalog, question.scenario))
    left_out: list[str] = []
    reference = question.reference or _own_reference(runs, left_out)
    collected: dict[tuple[str, str, str], list[Point]] = {}
    for run in runs:
        for cell, point in _points(run.record, question.metric, reference, left_out):
            machine = "" if question.force else _machine(run.record, cell)
            collected.setdefault((cell.name, _work(cell), machine), []).append(point)
    if not collected:
        reasons = "".join(f"\n  {line}" for line in dict.fromkeys(left_out))
        raise UsageError(
            f"no run of {question.scenario} has {question.metric.name} to show:{reasons}"
        )
    series = [
        _series(cell, machine, points, question, reference, left_out)
        for (cell, _, machine), points in collected.items()
    ]
    words = method_words(method())
    return History(question, reference, tuple(series), tuple(dict.fromkeys(left_out)), words)


def _no_run(catalog: Catalog, scenario: str) -> str:
    known = dict.fromkeys(scenario_name(run.record) for run in catalog.runs)
    guess = did_you_mean(scenario, known)
    return f"no run of {scenario!r} in {catalog.store}{guess}; there are: {listed(known) or 'none'}"


def _own_reference(runs: Sequence[StoredRun], left_out: list[str]) -> str | None:
    """What the newest run is compared with by its own scenario; None where it says nothing."""
    record = runs[-1].record
    plan = comparison_plan(record)
    if plan is None:
        return None
    try:
        return plan.base or default_base([place_of(cell) for cell in record.cells])
    except UnknownBaseError as error:
        left_out.append(f"no reference: {error}")
        return None


# --- points -------------------------------------------------------------------------------------


def _points(
    record: RunRecord, metric: Metric, reference: str | None, left_out: list[str]
) -> Iterator[tuple[CellRecord, Point]]:
    if record.status == "running":
        left_out.append(f"{record.run_id}: still running, or killed")
        return
    try:
        pairs = _with_references(record, reference)
    except UnknownBaseError as error:
        left_out.append(f"{record.run_id}: {error}")
        return
    for base, cell in pairs:
        if not metric.applies(cell):
            left_out.append(f"{cell.name}: {metric.name} says nothing in a backlog")
            continue
        point = _point(record, base, cell, metric)
        if point is None:
            left_out.append(f"{record.run_id}: {cell.name} has no complete block with a figure")
        else:
            yield cell, point


def _with_references(
    record: RunRecord, reference: str | None
) -> list[tuple[CellRecord | None, CellRecord]]:
    if reference is None:
        return [(None, cell) for cell in record.cells]
    pairs = paired_cells([place_of(cell) for cell in record.cells], reference)
    return [(record.cells[base], record.cells[head]) for base, head in pairs]


def _point(
    record: RunRecord, base: CellRecord | None, cell: CellRecord, metric: Metric
) -> Point | None:
    """Median over the blocks, or the geometric mean of the ratios of pairs of blocks."""
    blocks = _figures(cell, metric)
    used = [block for block, _ in blocks.values()]
    values = [figure for _, figure in blocks.values()]
    if base is not None:
        references = _figures(base, metric)
        both = sorted(blocks.keys() & references.keys())
        used = [side[n][0] for n in both for side in (blocks, references)]
        ratios = [blocks[n][1] / references[n][1] for n in both]
        values = [ratio if metric.more_is_better else 1 / ratio for ratio in ratios]
    if not values:
        return None
    value = statistics.median(values) if base is None else statistics.geometric_mean(values)
    sound = all(block.sound for block in used)
    return Point(record, value, len(values), sound, _facts(record, cell))


def _figures(cell: CellRecord, metric: Metric) -> dict[int, tuple[BlockRecord, float]]:
    """Repetition -> complete block and its figure, where it has a positive one."""
    found = {}
    for block in cell.blocks:
        figure = metric.figure(block)
        if block.status == "complete" and figure is not None and 0 < figure < math.inf:
            found[block.repetition] = (block, float(figure))
    return found


# --- what is alike, and what differs --------------------------------------------------------------


def _work(cell: CellRecord) -> str:
    """What was measured; the name alone does not say how many units or for how long."""
    extent = {name: cell.measure.get(name) for name in ("units", "duration", "warmup")}
    return json.dumps([cell.workload, cell.load, cell.axes, extent], sort_keys=True)


def _machine(record: RunRecord, cell: CellRecord) -> str:
    """Where it was measured. Versions are no part of it: their effect is what history is for."""
    environment = record.environment
    words = [environment.cpu, f"{environment.cores} cores"]
    words.append(f"{round(environment.memory_bytes / _GIB)} GiB")
    for role, server in cell.servers.items():
        place = {True: "", False: " on another host", None: " somewhere"}[server.same_host]
        words.append(f"{role} {server.product}, {server.provider}{place}")
    return ", ".join(words)


def _facts(record: RunRecord, cell: CellRecord) -> dict[str, str]:
    environment = record.environment
    packages = environment.packages | cell.packages
    facts = {
        "commit": environment.git_commit or "",
        "harness": environment.harness,
        "python": environment.python,
        "kernel": environment.kernel,
        **{f"package {name}": version for name, version in sorted(packages.items())},
    }
    for role, server in sorted(cell.servers.items()):
        facts[role] = f"{server.product} {server.version}"
    return facts | dict(_flat("config", cell.config))


def _flat(path: str, value: Any) -> Iterator[tuple[str, str]]:
    if isinstance(value, dict):
        for key, part in sorted(value.items()):
            if (path, key) != ("config", "description"):
                yield from _flat(f"{path}.{key}", part)
    else:
        yield path, value if isinstance(value, str) else json.dumps(value)


# --- series and their changes -------------------------------------------------------------------


def _series(
    cell: str,
    machine: str,
    points: Sequence[Point],
    question: Question,
    reference: str | None,
    left_out: list[str],
) -> Series:
    if len(points) > question.last:
        count = len(points) - question.last
        left_out.append(f"{cell}: the {count} oldest points (--last {question.last})")
    series = Series(cell, machine, tuple(points[-question.last :]))
    rising_is_better = reference is not None or question.metric.more_is_better
    nominations = [
        _nomination(change, series.points, rising_is_better)
        for change in change_points(series.values)
    ]
    return replace(series, nominations=tuple(nominations))


def _nomination(change: ChangePoint, points: Sequence[Point], rising_is_better: bool) -> Nomination:
    before, after = points[change.index - 1], points[change.index]
    names = [*before.facts, *(name for name in after.facts if name not in before.facts)]
    different = {
        name: (before.facts.get(name, ""), after.facts.get(name, ""))
        for name in names
        if before.facts.get(name, "") != after.facts.get(name, "")
    }
    return Nomination(
        change=change,
        worse=(change.change < 0) == rising_is_better,
        before=before,
        after=after,
        differences=tuple(_difference(name, *sides) for name, sides in different.items()),
        confirm=_confirm(before, after, different),
    )


def _difference(name: str, before: str, after: str) -> str:
    short = slice(12) if name == "commit" else slice(None)
    shown = [side[short] or "none" for side in (before, after)]
    return f"{name.removeprefix('package ')} {' -> '.join(shown)}"


def _confirm(before: Point, after: Point, different: Mapping[str, tuple[str, str]]) -> str:
    """A paired run of the two commits, Celery versions or settings; without any difference on
    record there is nothing to pair, and the two runs are put beside each other."""
    for found in (_by_commit(different), _by_pins(before, after, different), _by_sets(different)):
        sides = [
            words
            for option, refs in zip(("--base", "--head"), found, strict=True)
            for ref in refs
            for words in (option, ref)
        ]
        if sides:
            return shlex.join(["harness", "ab", *sides, after.run.source])
    return shlex.join(["harness", "compare", before.run.run_id, after.run.run_id])


_Sides = tuple[Sequence[str], Sequence[str]]


def _by_commit(different: Mapping[str, tuple[str, str]]) -> _Sides:
    base, head = different.get("commit", ("", ""))
    return ([base[:12]], [head[:12]]) if base and head else ((), ())


def _by_pins(before: Point, after: Point, different: Mapping[str, tuple[str, str]]) -> _Sides:
    names = [name for name in _CELERY if f"package {name}" in different]
    wanted = dict.fromkeys(["celery", *names]) if names else {}
    sides = [
        [f"{name}=={version}" for name in wanted if (version := point.facts.get(f"package {name}"))]
        for point in (before, after)
    ]
    if not all(sides):
        return (), ()
    return [f"pins:{','.join(sides[0])}"], [f"pins:{','.join(sides[1])}"]


def _by_sets(different: Mapping[str, tuple[str, str]]) -> _Sides:
    paths = {
        name.removeprefix("config."): sides
        for name, sides in different.items()
        if name.startswith(("config.settings.", "config.worker."))
    }
    if not paths or not all(base and head for base, head in paths.values()):
        return (), ()
    base, head = ([f"set:{path}={sides[n]}" for path, sides in paths.items()] for n in (0, 1))
    return base, head


def dirty_ends(nomination: Nomination) -> tuple[str, ...]:
    """Runs at the change that were measured with uncommitted changes: no commit rebuilds them."""
    ends: Iterable[Point] = (nomination.before, nomination.after)
    return tuple(end.run.run_id for end in ends if end.run.environment.git_dirty)
