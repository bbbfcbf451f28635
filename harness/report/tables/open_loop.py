"""Tables of open-loop loads: what each phase of a load was like, and what a search found."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from harness.figures.names import heading_of
from harness.report.tables.main import MISSING, NOT_APPLICABLE, OUTCOME, Row, Section, Table
from harness.report.view.cells import CellView
from harness.report.words.wording import range_words, stopped_words
from harness.results.costs.capacity import saturation_range
from harness.results.record.loads import LoadPhaseRecord, Saturation, SaturationStep
from harness.results.record.run import BlockRecord
from harness.results.samples.pooled import measured_blocks
from harness.scenario.files.wording import printable
from harness.units import format_duration, format_number

_PHASES_HEAD = ("due/s", "sent/s", "done/s", "p50", "p99", "under way", OUTCOME)
_PHASES_NOTE = (
    "Each unit counts in the phase in which it was due, and its latency from that moment. "
    "done/s: units, of whatever phase, completed during it. under way: units published and "
    "not over at its end. warmup and drain are in no other table."
)
_CURVE_HEAD = ("sent/s", "done/s", "p50", "p99", "workers", "broker", OUTCOME)
_CURVE_NOTE = (
    "One row per rate that was tried, slowest first; latency counts from the moment a unit was "
    "due. workers, broker: cores in use by all their processes; run.json has all."
)


def open_loop_tables(cells: Sequence[CellView]) -> tuple[Table, ...]:
    """Tables of phases and searches of the cells with an open loop, block by block."""
    blocks = [(cell, block) for cell in cells for block in cell.blocks if block.load_phases]
    searches = [(cell, block, block.saturation) for cell, block in blocks if block.saturation]
    phased = [
        (cell, block)
        for cell, block in blocks
        if block.saturation is None and len(block.load_phases) > 1
    ]
    found = []
    if searches:
        found.append(
            Table(
                "How much it takes",
                (heading_of("saturation"), heading_of("saturation.broken_at"), OUTCOME),
                (
                    Section("", tuple(_answer(cell, block, one) for cell, block, one in searches)),
                    *_together(cells),
                ),
                f"The highest rate that kept the limits: {_limits(searches[0][2])}; nothing lost, "
                "and no growing number of units under way. The answer lies between the two rates: "
                "over several searches, between the lowest and the highest of them.",
            )
        )
        sections = [
            Section(_title(cell, block), tuple(_curve(block))) for cell, block, _ in searches
        ]
        found.append(Table("Rates tried", _CURVE_HEAD, tuple(sections), _CURVE_NOTE))
    if phased:
        sections = [
            Section(_title(cell, block), tuple(map(_phase, block.load_phases)))
            for cell, block in phased
        ]
        found.append(Table("Phases of the load", _PHASES_HEAD, tuple(sections), _PHASES_NOTE))
    return tuple(found)


def _together(cells: Sequence[CellView]) -> Iterator[Section]:
    """A range per cell that was searched several times."""
    found = [(cell, saturation_range(measured_blocks(cell.record))) for cell in cells]
    rows = [
        Row(
            cell.label,
            (f"{format_number(one.low_per_s)}/s", f"{format_number(one.high_per_s)}/s",
             f"median {range_words(one)}"),
        )
        for cell, one in found
        if one is not None and one.searches > 1
    ]  # fmt: skip
    if rows:
        yield Section("all searches together", tuple(rows))


def _limits(saturation: Saturation) -> str:
    return printable(", ".join(saturation.limits))


def _title(cell: CellView, block: BlockRecord) -> str:
    several = f", block {block.number}" if len(cell.blocks) > 1 else ""
    return f"{cell.label}{several}"


def _answer(cell: CellView, block: BlockRecord, found: Saturation) -> Row:
    return Row(
        _title(cell, block),
        (
            f"{format_number(found.rate_per_s)}/s" if found.rate_per_s else "none",
            f"{format_number(found.broken_at_per_s)}/s" if found.broken_at_per_s else MISSING,
            stopped_words(found),
        ),
        flagged=found.rate_per_s is None,
    )


def _curve(block: BlockRecord) -> Iterator[Row]:
    assert block.saturation is not None  # noqa: S101 - chosen by it
    pairs = zip(block.saturation.steps, block.load_phases, strict=False)
    for step, phase in sorted(pairs, key=lambda pair: pair[0].rate_per_s):
        yield Row(
            f"{format_number(step.rate_per_s)}/s",
            (
                format_number(_per_s(phase.sent_in_time, phase)),
                format_number(phase.completed_per_s),
                format_duration(phase.latency_s.p50),
                format_duration(phase.latency_s.p99),
                *(_cores(step, name) for name in ("workers", "broker")),
                "kept" if step.kept else f"broke {', '.join(map(_limit, step.broken))}",
            ),
        )


def _limit(broken: str) -> str:
    """A limit's measure; how high it may be stands above."""
    return printable(broken.partition(" ")[0])


def _cores(step: SaturationStep, name: str) -> str:
    used = step.cores.get(name)
    return MISSING if used is None else f"{used:.2f}"


def _phase(phase: LoadPhaseRecord) -> Row:
    rates = (_due(phase), format_number(_per_s(phase.sent_in_time, phase)))
    latencies = (phase.latency_s.p50, phase.latency_s.p99)
    sends = phase.planned > 0
    return Row(
        f"{phase.phase}, {format_duration(phase.duration_s)}",
        (
            *(text if sends else NOT_APPLICABLE for text in rates),
            format_number(phase.completed_per_s),
            *(format_duration(value) if sends else NOT_APPLICABLE for value in latencies),
            f"{phase.in_flight_at_end:,}",
            _words(phase) if sends else NOT_APPLICABLE,
        ),
        flagged=phase.client_limited,
    )


def _due(phase: LoadPhaseRecord) -> str:
    if phase.to_per_s != phase.rate_per_s:
        return f"{format_number(phase.rate_per_s)}-{format_number(phase.to_per_s)}"
    return format_number(_per_s(phase.planned, phase))


def _per_s(count: int, phase: LoadPhaseRecord) -> float:
    return count / phase.duration_s


def _words(phase: LoadPhaseRecord) -> str:
    outcomes = phase.outcomes
    words = [f"{phase.completed:,} ok"]
    others = {
        "failed": outcomes.failed if outcomes.ok else 0,
        "wrong": outcomes.wrong,
        "lost": outcomes.lost,
        "timed out": outcomes.timed_out,
        "unsent": phase.unsent,
    }
    words += [f"{count:,} {name}" for name, count in others.items() if count]
    return ", ".join([*words, *(["client-limited"] if phase.client_limited else [])])
