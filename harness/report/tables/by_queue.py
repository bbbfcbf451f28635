"""The tables of queues and of worker groups, of cells that have several."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

from harness.report.tables.main import MISSING, NOT_APPLICABLE, OUTCOME, Row, Section, Table
from harness.report.view.cells import CellView, RunView
from harness.report.words.wording import ended_words
from harness.results.record.distributions import Distribution, mean_of
from harness.results.record.queues_and_groups import GroupRecord, QueueRecord
from harness.results.record.run import BlockRecord
from harness.results.samples.pooled import TimesOfQueue, measured_blocks
from harness.scenario.files.wording import printable
from harness.units import format_bytes, format_duration, format_milliseconds, format_number

_OF_QUEUES = (
    *("taken by", "units/s", "queue", "p50", "p99", "waiting", "most", "left"),
    OUTCOME,
)
_QUEUES_NOTE = (
    "The units of a cell by the queue that a worker had them from; those that nobody received by "
    "the one that they were sent to. taken by: groups of workers that consume it. queue: mean time "
    "from the publish call until a worker had it. Of fewer than 100 units the p99 is that of the "
    "slowest. waiting: messages in the queue, in the mean of "
    "all looks; most: at once, at most; left: in the end."
)
_OF_GROUPS = (
    *("consumes", "slots", "tasks/s", "run", "busy", "CPU/task", "memory"),
    OUTCOME,
)
_GROUPS_NOTE = (
    "The executions of a cell's tasks by the group of workers that began them. slots: tasks that "
    "the group can run at once; busy: share of the slots' time in which tasks ran."
)


def queue_tables(view: RunView) -> tuple[Table, ...]:
    """A table of queues and one of worker groups, each if any cell has several."""
    queues = _sections(view, lambda cell: list(_queue_rows(cell)))
    groups = _sections(view, lambda cell: list(_group_rows(cell)))
    found = []
    if queues:
        found.append(Table("By queue", _OF_QUEUES, queues, _QUEUES_NOTE, of="queue"))
    if groups:
        found.append(Table("By worker group", _OF_GROUPS, groups, _GROUPS_NOTE, of="group"))
    return tuple(found)


def _sections(view: RunView, rows_of: Callable[[CellView], list[Row]]) -> tuple[Section, ...]:
    found = ((cell, rows_of(cell)) for cell in view.cells)
    return tuple(Section(cell.label, tuple(rows)) for cell, rows in found if rows)


# --- queues ---------------------------------------------------------------------------------------


def _queue_rows(cell: CellView) -> Iterator[Row]:
    measured = [block for block in measured_blocks(cell.record) if block.by_queue]
    names = dict.fromkeys(one.name for block in cell.blocks for one in block.by_queue)
    for name in names:
        figures, finished = _of_queue(name, measured), _of_queue(name, cell.blocks)
        if len(figures) == 1:
            yield _queue_row(name, figures, finished, figures[0].latency_s)
            continue
        latency = _latency(cell.queues_s, name)
        yield _queue_row(name, figures, finished, latency)
        for block in measured if latency is None else ():
            own = _of_queue(name, [block])
            if own:
                yield _queue_row(f"block {block.number}", own, own, own[0].latency_s, part=True)


def _latency(queues_s: Mapping[str, TimesOfQueue], name: str) -> Distribution | None:
    """Of all blocks together; None where their samples cannot be read."""
    if queues_s and name not in queues_s:  # in failed blocks alone
        return Distribution(count=0)
    return queues_s[name].latency_s if queues_s else None


def _of_queue(name: str, blocks: Iterable[BlockRecord]) -> list[QueueRecord]:
    return [one for block in blocks for one in block.by_queue if one.name == name]


def _queue_row(
    label: str,
    figures: Sequence[QueueRecord],
    finished: Sequence[QueueRecord],
    latency: Distribution | None,
    *,
    part: bool = False,
) -> Row:
    """`figures` of the blocks that count, `finished` of all: failed blocks are in the ledger."""
    shown = (latency.p50, latency.p99) if latency is not None else ()
    consumers = dict.fromkeys(name for one in finished for name in one.groups)
    left = [one.left for one in finished if one.left is not None]
    return Row(
        printable(label),
        (
            _few(consumers) or "nobody",
            format_number(_median(one.throughput_per_s for one in figures)),
            format_duration(mean_of([one.queue_s for one in figures])),
            *(map(format_duration, shown) if shown else (MISSING,) * 2),
            format_number(_median(one.mean_depth for one in figures)),
            _count(max((d for one in figures if (d := one.most_depth) is not None), default=None)),
            _count(sum(left) if left else None),
            ended_words(finished),
        ),
        flagged=not all(one.sound for one in finished) or not consumers,
        part=part,
    )


# --- groups ---------------------------------------------------------------------------------------


def _group_rows(cell: CellView) -> Iterator[Row]:
    measured = measured_blocks(cell.record)
    for name in dict.fromkeys(one.name for block in cell.blocks for one in block.by_group):
        yield _group_row(name, _of_group(name, measured), _of_group(name, cell.blocks))


def _of_group(name: str, blocks: Iterable[BlockRecord]) -> list[GroupRecord]:
    return [one for block in blocks for one in block.by_group if one.name == name]


def _group_row(name: str, figures: Sequence[GroupRecord], finished: Sequence[GroupRecord]) -> Row:
    queues = dict.fromkeys(queue for one in finished for queue in one.queues)
    fallen = sum(one.fallen for one in finished)
    busy = _median(one.busy_share for one in figures)
    tasks = f"{sum(one.tasks for one in finished):,} begun"
    return Row(
        printable(name),
        (
            _few(queues) or MISSING,
            _count(max((one.slots for one in finished), default=None)),
            format_number(_median(one.tasks_per_s for one in figures)),
            format_duration(mean_of([one.run_s for one in figures])),
            NOT_APPLICABLE if busy is None else f"{100 * busy:.0f} %",
            format_milliseconds(_median(one.cpu_ms_per_task for one in figures)),
            format_bytes(_median(one.peak_rss_bytes for one in figures)),
            f"{tasks}, {fallen} fallen" if fallen else tasks,
        ),
        flagged=fallen > 0,
    )


# --- in a line each, for exports without tables ---------------------------------------------------


def divided_words(cell: CellView) -> Iterator[str]:
    """`queue urgent: 897 ok, 90 units/s, waiting 2.5 (most 40)`, and the same of groups."""
    measured = measured_blocks(cell.record)
    for name in dict.fromkeys(one.name for block in cell.blocks for one in block.by_queue):
        finished, figures = _of_queue(name, cell.blocks), _of_queue(name, measured)
        rate = format_number(_median(one.throughput_per_s for one in figures))
        wait = format_duration(mean_of([one.queue_s for one in figures]))
        words = f"{ended_words(finished)}, {rate} units/s, queue {wait} (mean)"
        most = max((one.most_depth or 0 for one in figures), default=0)
        yield f"queue {printable(name)}: {words}, at most {most:,} waiting"
    for name in dict.fromkeys(one.name for block in cell.blocks for one in block.by_group):
        row = _group_row(name, _of_group(name, measured), _of_group(name, cell.blocks))
        told = dict(zip(_OF_GROUPS, row.cells, strict=True))
        busy = f", busy {told['busy']}" if told["busy"] else ""
        yield f"group {printable(name)}: {told[OUTCOME]}, {told['tasks/s']} tasks/s{busy}"


# --- figures of several blocks --------------------------------------------------------------------


def _few(names: Iterable[str]) -> str:
    """As many as fit into a column, and how many more there are."""
    words = [printable(name) for name in names]
    words = [word if len(word) <= _ROOM else f"{word[: _ROOM - 3]}..." for word in words]
    kept = words[:1]
    for word in words[1:]:
        if len(", ".join([*kept, word])) > _ROOM:
            break
        kept.append(word)
    left = len(words) - len(kept)
    return ", ".join(kept) + (f" and {left} more" if left else "")


_ROOM = 20


def _median(values: Iterable[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return statistics.median(known) if known else None


def _count(value: int | None) -> str:
    return MISSING if value is None else f"{value:,}"
