"""The table of the parts of a mix: what each was like."""

from __future__ import annotations

import statistics
from collections.abc import Iterator, Sequence

from harness.report.tables.main import MISSING, NOT_APPLICABLE, OUTCOME, Row, Section, Table
from harness.report.view.cells import STOP_WORDS, CellView, RunView
from harness.report.words.wording import ended_words
from harness.results.record.by_task import PartRecord
from harness.results.record.distributions import Distribution, mean_of
from harness.results.record.run import BlockRecord
from harness.results.samples.pooled import measured_blocks
from harness.scenario.files.wording import printable
from harness.units import format_duration, format_number

_HEAD = ("units/s", "run", "CPU", "p50", "p95", "p99", "retried", OUTCOME)
_NOTE = (
    "The units of a cell by the task that they ran. run: mean of the call of the function that "
    "gave the result, not of the tries before it. CPU: mean CPU time of that call; greenlets have "
    "none. Of fewer than 100 units the p99 is that of the slowest. unchecked: nothing was expected "
    "of the result but that it came."
)


def by_task_tables(view: RunView) -> tuple[Table, ...]:
    """One table of all cells whose units are of several kinds, or tasks of the user's own."""
    cells = [cell for cell in view.cells if any(block.by_task for block in cell.blocks)]
    if not cells:
        return ()
    sections = tuple(Section(_title(cell), tuple(_rows(cell))) for cell in cells)
    return (Table("By task", _HEAD, sections, _NOTE),)


def part_words(cell: CellView) -> Iterator[str]:
    """`part add: 897 ok, 90 units/s, run 12 us (mean)`, for exports without tables."""
    labels = dict.fromkeys(task.task for block in cell.blocks for task in block.by_task)
    for label in labels if len(labels) > 1 else ():
        figures = _of(label, measured_blocks(cell.record))
        told = dict(
            zip(_HEAD, _row(label, figures, _of(label, cell.blocks), None).cells, strict=True)
        )
        words = f"{told[OUTCOME]}, {told['units/s']} units/s, run {told['run']} (mean)"
        yield f"part {printable(label)}: {words}"


def _title(cell: CellView) -> str:
    return cell.label


def _rows(cell: CellView) -> Iterator[Row]:
    measured = measured_blocks(cell.record)
    labels = dict.fromkeys(task.task for block in cell.blocks for task in block.by_task)
    for label in labels:
        figures, finished = _of(label, measured), _of(label, cell.blocks)
        if len(figures) == 1:
            yield _row(label, figures, finished, figures[0].latency_s)
            continue
        latency = cell.parts_s.get(label, Distribution(count=0)) if cell.parts_s else None
        yield _row(label, figures, finished, latency)
        for block in measured if latency is None else ():
            own = _of(label, [block])
            yield _row(f"block {block.number}", own, own, own[0].latency_s, part=True)


def _of(label: str, blocks: Sequence[BlockRecord]) -> list[PartRecord]:
    return [task for block in blocks for task in block.by_task if task.task == label]


def _beside(tasks: Sequence[PartRecord]) -> Iterator[str]:
    """What became of them beside how they ended."""
    for name, word in STOP_WORDS:
        if count := sum(int(getattr(task, name)) for task in tasks):
            yield f"{count:,} {word}"
    if any(task.unchecked for task in tasks):
        yield "unchecked"


def _row(
    label: str,
    figures: Sequence[PartRecord],
    finished: Sequence[PartRecord],
    latency: Distribution | None,
    *,
    part: bool = False,
) -> Row:
    """`figures` of the blocks that count, `finished` of all: failed blocks are in the ledger."""
    rates = [task.throughput_per_s for task in figures if task.throughput_per_s is not None]
    retried = sum(task.retried for task in finished)
    shown = (latency.p50, latency.p95, latency.p99) if latency is not None else ()
    return Row(
        printable(label),
        (
            format_number(statistics.median(rates) if rates else None),
            format_duration(mean_of([task.run_s for task in figures])),
            format_duration(mean_of([task.cpu_s for task in figures])),
            *(map(format_duration, shown) if shown else (MISSING,) * 3),
            f"{retried:,}" if retried else NOT_APPLICABLE,
            ", ".join([ended_words(finished), *_beside(finished)]),
        ),
        flagged=not all(task.sound for task in finished),
        part=part,
    )
