"""OpenMetrics text: gauges that Prometheus and what speaks its language read.

https://prometheus.io/docs/specs/om/open_metrics_spec/. One sample per block, labelled with
run, cell and block; base units, the unit as suffix of the name; no time stamps, which a text
file collector refuses.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import chain

from harness.figures.figure import STATISTICS, Figure
from harness.figures.table import FIGURES, OF_ONE_ONLY
from harness.report.exports.rounds import exported_name, healthy
from harness.report.view.cells import CellView, RunView
from harness.report.words.look import Look
from harness.results.judge.emulators import labelled
from harness.results.record.distributions import Distribution
from harness.results.record.figures import distribution_of, divided_into, value_of
from harness.results.record.run import BlockRecord
from harness.results.samples.pooled import measured_blocks
from harness.scenario.files.wording import printable

Labels = Mapping[str, str]
Sample = tuple[Labels, float]


@dataclass(frozen=True)
class Gauge:
    """A metric family with its samples."""

    name: str
    unit: str
    """Ends the name; empty for a plain count."""
    help: str
    samples: Sequence[Sample]


def as_openmetrics(view: RunView, look: Look) -> str:  # noqa: ARG001 - every renderer's signature
    """The whole exposition, closed by `# EOF`."""
    gauges = [
        *_figures(view),
        *_counts(view),
        *_of_cells(view),
        *_of_verdicts(view),
        *_by_figure(view),
    ]
    lines = [line for gauge in gauges if gauge.samples for line in _lines(gauge)]
    return "\n".join([*lines, "# EOF"]) + "\n"


def _figures(view: RunView) -> Iterator[Gauge]:
    def every(figure: Callable[[BlockRecord], Iterator[Sample]]) -> list[Sample]:
        return _samples(view, figure, _measured_blocks)

    def one(figure: Callable[[BlockRecord], float | None]) -> list[Sample]:
        return every(lambda block: _known({}, figure(block)))

    yield Gauge(
        "harness_throughput_units_per_second",
        "units_per_second",
        "Completed units of work per second.",
        one(lambda block: block.throughput_per_s),
    )
    yield Gauge(
        "harness_latency_seconds",
        "seconds",
        "Total latency of completed units; basis finished: mostly the time in the queue.",
        every(_latency),
    )
    yield Gauge(
        "harness_phase_mean_seconds",
        "seconds",
        "Mean time in a phase; the phases add up to the total.",
        every(_phases),
    )
    yield Gauge(
        "harness_worker_cpu_per_task_seconds",
        "seconds",
        "CPU time of all worker processes per task.",
        one(lambda block: _seconds(block.worker_cpu_ms_per_task)),
    )
    yield Gauge(
        "harness_worker_peak_memory_bytes",
        "bytes",
        "Sum of the worker processes' peak resident memory.",
        one(lambda block: block.worker_peak_rss_bytes),
    )


def _by_figure(view: RunView) -> Iterator[Gauge]:
    """Every figure of the table, a family for each base unit."""
    for ending, what in _FAMILIES.items():
        every = (*FIGURES, *OF_ONE_ONLY)
        rows = [row for row in every if not row.many and _ending(row) == ending]
        blocks = _all_blocks if ending == "count" else _measured_blocks
        yield Gauge(
            "_".join(filter(None, ("harness_figure", ending))),
            "" if ending == "count" else ending,
            f"{what}, by figure: harness docs figures says what each is.",
            _samples(view, partial(_of_figures, rows), blocks),
        )


def _all_blocks(cell: CellView) -> Sequence[BlockRecord]:
    return cell.blocks


def _measured_blocks(cell: CellView) -> Sequence[BlockRecord]:
    """What was measured on something broken is no figure, here as in every report."""
    return measured_blocks(cell.record)


_FAMILIES = {
    "seconds": "Durations",
    "bytes": "Sizes",
    "per_second": "Rates",
    "": "Shares, dollars, and pieces per task, call or unit",
    "count": "What is added up over blocks",
}
"""End of a family's name -> what is in it."""


_OF_TIMES = ("mean", "p50", "p99", "max")
"""A series each, of which a collector keeps every one."""


def _ending(figure: Figure) -> str:
    if figure.summed:
        return "count"
    return {"duration": "seconds", "size": "bytes", "rate": "per_second"}.get(figure.kind, "")


def _of_figures(figures: Sequence[Figure], block: BlockRecord) -> Iterator[Sample]:
    """Of the whole block, and behind it those of its parts, queues and groups of workers."""
    whole = (one for one in figures if one not in OF_ONE_ONLY)
    yield from chain.from_iterable(_samples_of(block, one) for one in whole)
    for within, names in divided_into(block):
        mine = [one for one in figures if one.path_within(within)]
        for name in names:
            yield from chain.from_iterable(_samples_of(block, one.of(name, within)) for one in mine)


def _samples_of(block: BlockRecord, figure: Figure) -> Iterator[Sample]:
    which: dict[str, str] = {figure.within: figure.one} if figure.within else {}
    labels = {"figure": figure.name, **which}
    if not figure.distribution:
        value = value_of(block, figure)
        yield from _known(labels, None if value is None else figure.in_base_units(value))
        return
    found = distribution_of(block, figure)
    for name in _OF_TIMES if found is not None else ():
        yield from _known({**labels, "statistic": name}, getattr(found, name))


def _counts(view: RunView) -> Iterator[Gauge]:
    def every(count: Callable[[BlockRecord], Iterator[Sample]]) -> list[Sample]:
        return _samples(view, count, _all_blocks)

    yield Gauge("harness_units", "", "Units by outcome: every one counts once.", every(_outcomes))
    yield Gauge(
        "harness_duplicate_executions",
        "",
        "Executions of a task beyond its first.",
        every(lambda block: _known({}, block.duplicated)),
    )
    yield Gauge(
        "harness_warnings",
        "",
        "Warnings of a block by code; harness docs measuring says what each means.",
        every(_warnings),
    )


def _samples(
    view: RunView,
    figure: Callable[[BlockRecord], Iterator[Sample]],
    blocks: Callable[[CellView], Sequence[BlockRecord]],
) -> list[Sample]:
    return [
        ({**_cell_labels(view, cell), **_block_labels(block), **labels}, value)
        for cell in view.cells
        for block in blocks(cell)
        for labels, value in figure(block)
    ]


def _of_cells(view: RunView) -> Iterator[Gauge]:
    def every(figure: Callable[[CellView], float]) -> list[Sample]:
        return [(_cell_labels(view, cell), figure(cell)) for cell in view.cells]

    yield Gauge(
        "harness_planned_blocks", "", "Blocks that were planned.", every(lambda cell: cell.planned)
    )
    yield Gauge(
        "harness_cell_healthy",
        "",
        "1 if all planned blocks are complete and each unit ended as meant, once.",
        every(healthy),
    )


def _of_verdicts(view: RunView) -> Iterator[Gauge]:
    run = {"run": view.record.run_id}
    gates = view.record.gates
    yield Gauge(
        "harness_gate_passed",
        "",
        "1 if the gate holds, 0 if not; absent if it could not be evaluated, or judges nothing.",
        [
            ({**run, "gate": gate.gate, "cell": gate.cell}, float(gate.passed))
            for gate in gates
            if gate.passed is not None and gate.judged
        ],
    )
    report = view.record.comparison
    yield Gauge(
        "harness_comparison_ratio",
        "ratio",
        "Head against base over pairs of blocks; above 1 is better.",
        [
            (
                run
                | {
                    "base": labelled(one.base, emulated=one.base_emulated),
                    "head": labelled(one.head, emulated=one.head_emulated),
                    "metric": one.metric,
                    "bound": bound,
                }
                | {
                    "verdict": one.verdict,
                    "kind": one.kind,
                    "judged": "yes" if one.judged else "no",
                },
                value,
            )
            for one in (() if report is None else report.comparisons)
            for bound, value in (("low", one.low), ("estimate", one.ratio), ("high", one.high))
            if value is not None
        ],
    )


# --- labels and samples -------------------------------------------------------------------------


def _cell_labels(view: RunView, cell: CellView) -> Labels:
    return {
        "run": view.record.run_id,
        "scenario": str(view.record.scenario.get("name", "")),
        "cell": exported_name(cell),
        "configuration": str(cell.record.config.get("name", cell.variant)),
        "workload": cell.work.partition("/")[0],
        "load": cell.work.partition("/")[2],
        "emulator": "yes" if cell.record.emulated else "no",
    }


def _block_labels(block: BlockRecord) -> Labels:
    return {"block": str(block.number), "status": block.status}


def _known(labels: Labels, value: float | None) -> Iterator[Sample]:
    if value is not None:
        yield labels, value


def _latency(block: BlockRecord) -> Iterator[Sample]:
    for name in STATISTICS:
        labels = {"statistic": name, "basis": block.latency_basis}
        yield from _known(labels, getattr(block.latency_s, name))


def _phases(block: BlockRecord) -> Iterator[Sample]:
    none = Distribution(count=0)
    for name in block.phases_s:
        yield from _known({"phase": name}, block.phases_s.get(name, none).mean)


def _outcomes(block: BlockRecord) -> Iterator[Sample]:
    counts: dict[str, int] = block.outcomes.model_dump()
    counts["failed"] -= block.failed_as_meant
    for name, count in (counts | {"failed_as_meant": block.failed_as_meant}).items():
        yield {"outcome": name}, count


def _warnings(block: BlockRecord) -> Iterator[Sample]:
    for code, count in Counter(warning.code for warning in block.warnings).items():
        yield {"code": code}, count


def _seconds(milliseconds: float | None) -> float | None:
    return None if milliseconds is None else milliseconds / 1e3


# --- text ---------------------------------------------------------------------------------------


def _lines(gauge: Gauge) -> Iterator[str]:
    yield f"# TYPE {gauge.name} gauge"
    if gauge.unit:
        yield f"# UNIT {gauge.name} {gauge.unit}"
    yield f"# HELP {gauge.name} {gauge.help}"
    for labels, value in gauge.samples:
        shown = ",".join(f'{name}="{_escaped(text)}"' for name, text in labels.items())
        yield f"{gauge.name}{{{shown}}} {float(value)!r}"


def _escaped(text: str) -> str:
    # Control characters were made printable, so there is no line break left to escape.
    return printable(text).replace("\\", r"\\").replace('"', r"\"")
