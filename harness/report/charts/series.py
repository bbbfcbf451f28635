"""A cell over time: rate, latency, and what was under way."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from harness.report.charts.chart import Chart, Columns, DataRow, Spec
from harness.report.charts.gate_lines import NO_GATES, GateLines, across, positive, with_lines
from harness.report.charts.groups import Member, is_paced, marks_of
from harness.report.charts.lines import lines_and_points, log_axis
from harness.report.view.cells import CellView
from harness.results.record.run import BlockRecord
from harness.results.samples.curves import Samples, Series
from harness.results.samples.pooled import measured_blocks
from harness.scenario.files.wording import printable
from harness.units import format_duration

MOST_BLOCKS = 6
"""Blocks of a cell that are drawn at most; more lines would hide each other."""
MOST_OF_A_RUN = 120
"""Blocks of all cells together that are drawn at most: a block over time is up to 10 kB of a page
that is to stay below 3 MB."""
_TIME = "seconds after the first unit"
_HEIGHT = 180


@dataclass(frozen=True)
class _Timed:
    """A block whose samples are there."""

    block: BlockRecord
    series: Series

    @property
    def end_s(self) -> float:
        """When its last unit was over, or due."""
        return self.series.interval_s * len(self.series.at_s)


def blocks_drawn(cells: int) -> int:
    """How many blocks of a cell are drawn over time, of a run of that many cells."""
    return max(1, min(MOST_BLOCKS, MOST_OF_A_RUN // max(1, cells)))


def series_charts(
    samples: Samples, index: int, cell: CellView, most: int, gates: GateLines = NO_GATES
) -> tuple[Chart, ...]:
    """Charts over time of one cell, of its first `most` blocks; empty if none of them has
    samples."""
    blocks = measured_blocks(cell.record)[:most]
    found = [(block, samples.series(block)) for block in blocks]
    timed = [_Timed(block, series) for block, series in found if series is not None]
    if not timed:
        return ()
    about = _about(cell, timed)
    charts = (
        _rates(index, cell, timed, about, gates),
        _latencies(index, cell, timed, about, gates),
        _under_way(index, cell, timed, about, samples),
        _queues(index, cell, timed, about, samples),
    )
    return tuple(chart for chart in charts if chart is not None)


def cell_title(cell: CellView) -> str:
    """Name of a cell, and what has to be known of it."""
    return ", ".join([cell.label, *marks_of(cell)])


def _alone(cell: CellView) -> tuple[Member, ...]:
    return (Member("", cell),)


def _about(cell: CellView, timed: Sequence[_Timed]) -> str:
    widths = sorted({format_duration(one.series.interval_s) for one in timed})
    every = widths[0] if len(widths) == 1 else f"{widths[0]} to {widths[-1]}"
    of = len(measured_blocks(cell.record))
    first = "block" if len(timed) == 1 else f"{len(timed)} blocks, a line each"
    blocks = f"The first {first}, of {of}. " if of > len(timed) else ""
    if not blocks and of > 1:
        blocks = f"{of} blocks, a line each. "
    return f"{blocks}From raw samples, in intervals of {every}."


def _rates(
    index: int, cell: CellView, timed: Sequence[_Timed], about: str, gates: GateLines
) -> Chart:
    planned = is_paced(cell) or any(one.block.load_phases for one in timed)
    rows: list[DataRow] = []
    for one in timed:
        kinds = {"completed": one.series.completed_per_s}
        if planned:
            kinds["due"] = one.series.due_per_s
        for kind, values in kinds.items():
            rows += _rows(one, kind, values, 1.0)
    y = {"field": "value", "type": "quantitative", "axis": {"title": "units per second",
         "tickCount": 5}}  # fmt: skip
    labels = ["completed", *(["due"] if planned else [])]
    good = "completed close to due is better" if planned else "higher and even is better"
    heads = {"series": "units", "block": "block", "t": f"{_TIME}, s", "value": "units/s"}
    title = f"{cell_title(cell)}: units per second, {good}"
    chart = _chart(f"rate-{index}", title, about, rows, y, labels, heads, timed)
    shown = [row["value"] for row in rows]
    limits = gates.of("throughput", _alone(cell), "value", beside=shown)
    return with_lines(chart, limits, across(y))


def _latencies(
    index: int, cell: CellView, timed: Sequence[_Timed], about: str, gates: GateLines
) -> Chart | None:
    rows: list[DataRow] = []
    for one in timed:
        for kind, values in (("p50", one.series.p50_s), ("p99", one.series.p99_s)):
            rows += _rows(one, kind, [value if value and value > 0 else None for value in values],
                          1e3)  # fmt: skip
    if not any(row["value"] for row in rows):
        return None
    what = "time in the queue" if cell.backlog else "latency"
    shown = [row["value"] for row in rows]
    limits = gates.of("latency.total", _alone(cell), "value", 1e3, beside=shown)
    y = log_axis("value", what, (*shown, *positive(limits, "value")))
    heads = {"series": "of", "block": "block", "t": f"{_TIME}, s", "value": f"{what}, ms"}
    title = f"{cell_title(cell)}: {what} of the units completed then, low and flat is better"
    chart = _chart(f"latency-{index}", title, about, rows, y, ["p50", "p99"], heads, timed)
    return with_lines(chart, limits, across(y))


def _under_way(
    index: int, cell: CellView, timed: Sequence[_Timed], about: str, samples: Samples
) -> Chart | None:
    rows: list[DataRow] = []
    exact = all(one.block.depth_exact for one in timed)
    waiting = "in the broker's queue" + ("" if exact else " (its estimate)")
    for one in timed:
        stored = samples.under_way(one.block)
        # The end of a single interval is when all was over: it says nothing of the time before.
        if stored is not None and len(stored.units) > 1:
            # The last interval is cut short by the end of the block.
            rows += [_row(one, "under way", min(at, one.end_s), n)
                     for at, n in zip(stored.at_s, stored.units, strict=True)]  # fmt: skip
        rows += [
            _row(one, waiting, at, depth)
            for at, depth in samples.depth(one.block, one.series.begin_ns)
            if at >= 0  # the sampler begins a moment before the first unit
        ]
    if not rows:
        return None
    y = {"field": "value", "type": "quantitative", "axis": {"title": "units; messages",
         "tickCount": 4}}  # fmt: skip
    heads = {"series": "what", "block": "block", "t": f"{_TIME}, s", "value": "number"}
    note = "under way: units published and not over. The queue is looked at once a second. "
    title = f"{cell_title(cell)}: units under way and messages waiting, not growing is better"
    return _chart(f"under-way-{index}", title, note + about.rpartition(" From")[0], rows, y,
                  ["under way", waiting], heads, timed)  # fmt: skip


def _queues(
    index: int, cell: CellView, timed: Sequence[_Timed], about: str, samples: Samples
) -> Chart | None:
    """Where a cell has several queues: which of them grew, and which waited for it."""
    rows = [
        _row(one, printable(queue), at, depth)
        for one in timed
        for queue, looks in samples.depths(one.block, one.series.begin_ns).items()
        for at, depth in looks
        if at >= 0  # the sampler begins a moment before the first unit
    ]
    if not any(row["value"] for row in rows):
        return None  # the table says that none ever waited
    y = {"field": "value", "type": "quantitative", "axis": {"title": "messages waiting",
         "tickCount": 4}}  # fmt: skip
    heads = {"series": "queue", "block": "block", "t": f"{_TIME}, s", "value": "messages"}
    exact = all(one.block.depth_exact for one in timed)
    note = "Each queue is looked at once a second. " + ("" if exact else "The broker estimates. ")
    title = f"{cell_title(cell)}: messages waiting in each queue, not growing is better"
    labels = list(dict.fromkeys(str(row["series"]) for row in rows))
    return _chart(f"queues-{index}", title, note + about.rpartition(" From")[0], rows, y,
                  labels, heads, timed)  # fmt: skip


def _rows(
    one: _Timed, kind: str, values: Sequence[float | None], factor: float
) -> Iterator[DataRow]:
    for at, value in zip(one.series.at_s, values, strict=True):
        yield _row(one, kind, at, None if value is None else value * factor)


def _row(one: _Timed, kind: str, at_s: float, value: float | None) -> DataRow:
    return {"series": kind, "block": one.block.number, "t": at_s, "value": value}


def _chart(
    key: str, title: str, note: str, rows: Sequence[DataRow], y: Spec, labels: Sequence[str],
    heads: Mapping[str, str], timed: Sequence[_Timed],
) -> Chart:  # fmt: skip
    # The charts of a cell stand beside each other: all of them from the first unit to the last.
    end_s = max([*(one.end_s for one in timed), *(float(row["t"] or 0) for row in rows)])
    x = {"field": "t", "type": "quantitative", "scale": {"domain": [0, float(f"{end_s:.5g}")]},
         "axis": {"title": _TIME, "tickCount": 6}}  # fmt: skip
    few = len(rows) <= 40
    layer = lines_and_points("series", labels, x, y, heads, detail="block",
                             seen="true" if few else None)  # fmt: skip
    data = {"series": Columns.of(rows)}
    phases = list(_phase_begins(timed[0].block))
    if phases:
        data["phases"] = Columns.of(phases)
        layer = [*_phase_marks(), *layer]
    return Chart(
        key=key, title=title, note=note.strip(), spec={"height": _HEIGHT, "layer": layer},
        data=data, shown="series", heads=heads,
    )  # fmt: skip


def _phase_begins(block: BlockRecord) -> Iterator[DataRow]:
    """Where the phases of a load begin; a search's steps drain in between, so they are not where
    their plan says."""
    if block.saturation is None and len(block.load_phases) > 1:
        for number, phase in enumerate(block.load_phases):
            yield {"t": phase.begin_s, "phase": printable(phase.phase), "line": number % 2}


def _phase_marks() -> list[Spec]:
    x = {"field": "t", "type": "quantitative"}
    data = {"name": "phases"}
    rule = {
        "data": data,
        "mark": {"type": "rule", "style": "soft", "aria": False},
        "encoding": {"x": x},
    }
    return [rule, *(_phase_names(data, x, line) for line in (0, 1))]


def _phase_names(data: Spec, x: Spec, line: int) -> Spec:
    """On two lines in turn, so that a short phase's name does not run into the next one."""
    return {
        "data": data,
        "transform": [{"filter": f"datum.line === {line}"}],
        "mark": {"type": "text", "style": "soft-text", "align": "left", "baseline": "bottom",
                 "dx": 3, "dy": -2 - 13 * line},
        "encoding": {"x": x, "y": {"value": 0}, "text": {"field": "phase", "type": "nominal"}},
    }  # fmt: skip
