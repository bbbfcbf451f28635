"""A run on one screen of a terminal: verdicts, and for each cell a few figures and small plots.

Every figure is one of the report; the plots are drawn from the samples and time series of the run's
folder, and left out where these are gone.
"""

from __future__ import annotations

import io
import textwrap
from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import groupby
from pathlib import Path

import numpy as np
from rich.text import Text

from harness.figures.of_units import PHASES
from harness.report.formats.as_text import FLAG, console_for, draw, written
from harness.report.formats.content import Content, content_of
from harness.report.formats.plots import bars, histogram, key_of, shares_bar
from harness.report.tables.by_queue import divided_words
from harness.report.tables.by_task import part_words
from harness.report.tables.effects import effect_tables
from harness.report.tables.main import Table
from harness.report.tables.verdicts import verdict_tables
from harness.report.view.cells import CellView, RunView
from harness.report.words.look import Look
from harness.report.words.wording import outcome_words
from harness.results.judge.emulators import labelled
from harness.results.record.run import BlockRecord
from harness.results.samples.pooled import measured_blocks, total_latencies_ns
from harness.results.samples.stored_timeline import stored_timeline
from harness.scenario.files.wording import printable
from harness.units import format_duration, format_number

_INDENT = "    "
_NAME = 9
_MOST_BARS, _FEWEST_BARS = 40, 12
_COLORS = ("magenta", "blue", "cyan", "red", "green", "yellow")
"""Of the phases, in their order."""


def as_summary_view(view: RunView, look: Look) -> str:
    """The whole summary. Characters that `look.encoding` lacks are escaped."""
    content = content_of(view)
    buffer = io.BytesIO()
    console = console_for(buffer, look)
    verdicts = verdict_tables(view.gates, view.comparison)
    draw(console, _above(content, (*verdicts, *effect_tables(view.effects))))
    for variant, cells in groupby(view.cells, key=lambda cell: cell.shown.variant):
        console.print()
        console.print(Text(printable(variant), "bold cyan"), soft_wrap=True)
        for cell in cells:
            for line in _cell(cell, view.folder, look):
                console.print(line, soft_wrap=True)
    if view.record.blocks:
        console.print()
        console.print(_legend(view, look))
    draw(console, _below(content))
    return written(console, buffer, look)


def _above(content: Content, tables: tuple[Table, ...]) -> Content:
    return replace(content, tables=tables, remarks=(), troubles=(), cautions=(), folder="")


def _below(content: Content) -> Content:
    return replace(
        content, state="", title="", question="", sentences=(), glance=None, facts=(), tables=()
    )


def _cell(cell: CellView, folder: Path, look: Look) -> Iterator[Text]:
    figures, blocks = cell.figures, measured_blocks(cell.record)
    mark = FLAG if cell.flagged else " "
    name = labelled(cell.shown.work or cell.shown.variant, emulated=cell.record.emulated)
    words = f"{name}: {outcome_words(figures.counts)}"
    for number, line in enumerate(_wrapped(words, look.width - 2)):
        yield Text(f"{mark if not number else ' '} {line}", "bold red" if cell.flagged else "bold")
    if blocks:
        yield from _rate(cell, blocks, folder, look)
        yield from _latency(cell, blocks, folder, look)
        yield from _phases(cell, look)
        yield from _divided(cell, look)


def _divided(cell: CellView, look: Look) -> Iterator[Text]:
    """A line for each part of a mix, queue and group of workers, where there are several."""
    for words in (*part_words(cell), *divided_words(cell)):
        what, _, said = words.partition(" ")
        yield from _line(what, [], [said], look)


def _rate(
    cell: CellView, blocks: Sequence[BlockRecord], folder: Path, look: Look
) -> Iterator[Text]:
    rate = cell.figures.throughput_per_s
    if rate is None:
        return
    words = [f"{format_number(rate.median)} units/s"]
    if rate.blocks > 1:
        words.append(
            f"{format_number(rate.lowest)}-{format_number(rate.highest)} in {rate.blocks} blocks"
        )
    yield from _line("rate", [], words, look)
    if rate.blocks > 1:
        of_blocks = [block.throughput_per_s or 0.0 for block in blocks]
        plot = bars(of_blocks, _bars(look), look.encoding)
        yield from _line("by block", [Text(plot, "green")], [], look)
    middle = _middle(blocks)
    seconds = stored_timeline(folder, middle)
    if seconds is None:
        return
    plot = bars(seconds.completed_per_s, _bars(look), look.encoding)
    which = f"block {middle.number}, " if len(blocks) > 1 else ""
    top = format_number(max(seconds.completed_per_s))
    remark = f"{which}each {format_duration(seconds.interval_s)}, up to {top}/s"
    yield from _line("over time", [Text(plot, "green")], [remark], look)
    if max(seconds.waiting) > 0:
        plot = bars([max(0.0, count) for count in seconds.waiting], _bars(look), look.encoding)
        remark = f"tasks, up to {max(seconds.waiting):,.0f}"
        yield from _line("waiting", [Text(plot, "yellow")], [remark], look)


def _middle(blocks: Sequence[BlockRecord]) -> BlockRecord:
    """The block whose rate is the median, or the one below it."""
    ordered = sorted(blocks, key=lambda block: block.throughput_per_s or 0.0)
    return ordered[(len(ordered) - 1) // 2]


def _latency(
    cell: CellView, blocks: Sequence[BlockRecord], folder: Path, look: Look
) -> Iterator[Text]:
    latency = cell.figures.latency_s
    name = "queued" if cell.backlog else "latency"
    if latency is None:
        yield from _line(name, [], ["not known of all blocks together: see harness report"], look)
        return
    if not latency.count:
        return
    wanted = ("p50", "p95", "p99", "max")
    words = [f"{one} {format_duration(getattr(latency, one))}" for one in wanted]
    yield from _line(name, [], words, look)
    found = [total_latencies_ns(folder, block) for block in blocks]
    known = [samples for samples in found if samples is not None and len(samples)]
    if len(known) < len(found):
        return
    counts, low_ns, high_ns = histogram(np.concatenate(known), _bars(look))
    plot = bars(counts, len(counts), look.encoding)
    remark = f"{format_duration(low_ns / 1e9)} to {format_duration(high_ns / 1e9)}"
    yield from _line("spread", [Text(plot, "blue")], [remark], look)


def _phases(cell: CellView, look: Look) -> Iterator[Text]:
    means = [cell.figures.mean_s.get(f"phase.{name}", 0.0) for name in PHASES]
    total = sum(means)
    if total <= 0 or min(means) < 0:
        return
    shares = [mean / total for mean in means]
    pieces = shares_bar(shares, _bars(look), look.encoding)
    plot = [Text(piece, color) for piece, color in zip(pieces, _COLORS, strict=True)]
    words = [
        f"{name} {100 * share:.0f} %"
        for name, share in zip(PHASES, shares, strict=True)
        if share >= 0.005
    ]
    yield from _line("phases", plot, words, look)


def _line(name: str, plot: Sequence[Text], words: Sequence[str], look: Look) -> Iterator[Text]:
    """A name, a plot and words; the words below where they do not fit beside."""
    line = Text(f"{_INDENT}{name:{_NAME}} ")
    for piece in plot:
        line.append_text(piece)
    said = ", ".join(words)
    room = look.width - len(line.plain) - 2
    if not plot:
        first, *rest = _wrapped(said, look.width - len(line.plain)) or [""]
        yield line.append(first)
    elif len(said) <= room:
        yield line.append(f"  {said}" if said else "")
        return
    else:
        yield line
        rest = _wrapped(said, look.width - len(_INDENT) - _NAME - 1)
    yield from (Text(f"{_INDENT}{'':{_NAME}} {more}") for more in rest)


def _wrapped(words: str, width: int) -> list[str]:
    return textwrap.wrap(words, max(20, width), break_long_words=False, break_on_hyphens=False)


def _bars(look: Look) -> int:
    return max(_FEWEST_BARS, min(_MOST_BARS, look.width - len(_INDENT) - _NAME - 40))


def _legend(view: RunView, look: Look) -> Text:
    fills = key_of(PHASES, look.encoding)
    again = any(cell.figures.mean_s.get("phase.retry") for cell in view.cells)
    key = ", ".join(f"{fills[name]} {name}" for name in PHASES if name != "retry" or again)
    unwatched = " Where nobody watched, latency ends with the last task."
    return Text(
        f"Bars begin at zero. spread: how often each latency came, from the lowest to the highest, "
        f"in steps of equal ratio. phases: of the mean latency, {key}."
        + (unwatched if any(cell.unwatched for cell in view.cells) else ""),
        "dim",
    )
