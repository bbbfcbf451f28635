"""How a run gets on as a picture at the bottom of a terminal, drawn anew every second.

What is there to stay (servers, finished blocks) scrolls by above it. When the run ends, the
picture is taken away and the terminal is as it was.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import Self, TextIO

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from harness.cli.watching.lines import Lines
from harness.cli.watching.words import place_of, rate_words, stage_words, troubles_of
from harness.report.tables.history import sparkline
from harness.results.events.activity import without_rates
from harness.results.judge.emulators import WORD, emulated_cells, labelled
from harness.results.record.run import RunRecord
from harness.runner.telling.events import (
    BlockEnded,
    BlockStarts,
    Event,
    RunEnded,
    RunPlanned,
    ServersReady,
    StageBegins,
    Tick,
)
from harness.scenario.files.wording import printable
from harness.units import format_number, format_roughly

TICK_S = 1.0
_HISTORY = 30
"""Ticks whose rates are drawn."""
_MOST_CELLS = 8


_BEFORE = Tick(None, "preparing", 0.0, 0.0)
_BETWEEN = Tick(None, "between blocks", 0.0, 0.0)


@dataclass(frozen=True)
class Finished:
    """What is known of a cell's blocks so far."""

    blocks: int = 0
    rate_per_s: float | None = None
    """Rate of the cell's block that ended last; None where it has none."""
    sound: bool = True


@dataclass(frozen=True)
class RunSoFar:
    """All that the picture shows."""

    scenario: str = ""
    plan: Mapping[str, int] = field(default_factory=dict)
    """Cell -> how many blocks of it are planned."""
    finished: Mapping[str, Finished] = field(default_factory=dict)
    block: BlockStarts | None = None
    tick: Tick = _BEFORE
    run_s: float = 0.0
    rates: tuple[float, ...] = ()
    """Rates of the last ticks of this stage, oldest first."""
    emulated: frozenset[str] = frozenset()
    """Names of cells whose servers are no products."""


def picture(so_far: RunSoFar, encoding: str = "utf-8") -> RenderableType:
    """The so_far, drawn. Names are never read as markup."""
    tick = so_far.tick
    left = "" if tick.remaining_s is None else f", about {format_roughly(tick.remaining_s)} left"
    times = Text(f"run {format_roughly(so_far.run_s)}{left}", "dim", no_wrap=True)
    where = so_far.scenario
    if so_far.block is not None:
        where = f"{place_of(so_far.block.number, so_far.block.total)} {so_far.block.cell.name}"
    head = Table.grid(expand=True, padding=(0, 1, 0, 0))
    head.add_column(ratio=1, no_wrap=True, overflow="ellipsis")
    head.add_column(justify="right", no_wrap=True)
    beside = Text("", "bold", no_wrap=True)
    if so_far.block is not None and so_far.block.cell.name in so_far.emulated:
        beside.append(WORD)  # in a column of its own, which no long name pushes out
    times = Text.assemble(beside, " " if beside.plain else "", times)
    head.add_row(Text(printable(where), "bold"), times)
    parts: list[RenderableType] = [head, _stage(tick), _now(so_far, encoding)]
    if so_far.block is not None:
        parts.append(_ledger(tick))
    if troubles := troubles_of(tick):
        parts.append(Text(f"! {troubles}", "bold red"))
    return Group(*parts, *_cells(so_far))


def _stage(tick: Tick) -> RenderableType:
    words = Text(stage_words(tick), no_wrap=True, overflow="ellipsis")
    if tick.share is None:
        return words
    grid = Table.grid(expand=True, padding=(0, 2, 0, 0))
    grid.add_column(no_wrap=True, overflow="ellipsis")
    grid.add_column(ratio=1)
    grid.add_column(no_wrap=True, justify="right", width=5)
    bar = ProgressBar(total=1.0, completed=tick.share)
    grid.add_row(words, bar, Text(f"{100 * tick.share:.0f} %"))
    return grid


def _now(so_far: RunSoFar, encoding: str) -> Text:
    words = [*rate_words(so_far.tick)]
    if len(so_far.rates) > 1 and words:
        words[0] += f" {sparkline(so_far.rates, encoding)}"
    return Text("  ".join(words), "bold", no_wrap=True, overflow="ellipsis")


def _ledger(tick: Tick) -> Text:
    activity = tick.activity
    counts = {
        "published": activity.published,
        "started": activity.started,
        "finished": activity.finished,
        "completed": activity.completed,
    }
    line = Text(
        "  ".join(f"{name} {n:,}" for name, n in counts.items()), no_wrap=True, overflow="ellipsis"
    )
    if activity.behind:
        line.append("  (reading late)", "dim")
    return line


def _cells(so_far: RunSoFar) -> list[Text]:
    """Cells around the one under way, with what is known of them."""
    names = list(so_far.plan)
    now = so_far.block.cell.name if so_far.block is not None else ""
    place = names.index(now) if now in so_far.plan else 0
    first = max(0, min(place - _MOST_CELLS // 2, len(names) - _MOST_CELLS))
    shown = names[first : first + _MOST_CELLS]
    width = max((len(_label(so_far, name)) for name in shown), default=0)
    lines = [_cell(so_far, name, now, width) for name in shown]
    if len(names) > len(shown):
        lines.append(Text(f"  ... {len(names) - len(shown)} more cells", "dim"))
    return lines


def _cell(so_far: RunSoFar, name: str, now: str, width: int) -> Text:
    found = so_far.finished.get(name, Finished())
    mark = ">" if name == now else " " if found.sound else "!"
    rate = "" if found.rate_per_s is None else f"  {format_number(found.rate_per_s)} units/s"
    words = f"{mark} {_label(so_far, name):{width}}  {found.blocks} of {so_far.plan[name]}{rate}"
    style = "bold" if name == now else "" if found.blocks else "dim"
    return Text(words, style if found.sound else "red", no_wrap=True, overflow="ellipsis")


def _label(so_far: RunSoFar, name: str) -> str:
    return labelled(name, emulated=name in so_far.emulated)


class LiveView:
    """A listener and a context manager: leaves the terminal as it was, however the run ends."""

    tick_s = TICK_S

    def __init__(self, stream: TextIO, environ: Mapping[str, str]) -> None:
        self._console = Console(file=stream, force_terminal=True, _environ=environ)
        self._live = Live(
            console=self._console,
            auto_refresh=False,
            transient=True,
            redirect_stdout=False,
            redirect_stderr=False,
        )
        self._lines = Lines(say=self._say, brief=True)
        self._so_far = RunSoFar()
        self._rates: deque[float] = deque(maxlen=_HISTORY)
        self._began_ns: int | None = None
        self._gone = False

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._end()

    def hear(self, event: Event, at_ns: int) -> None:
        """Draw it. A terminal that has gone away is no reason to end a measurement."""
        if self._began_ns is None:
            self._began_ns = at_ns
        self._lines.hear(event, at_ns)
        self._so_far = replace(self._noted(event), run_s=(at_ns - self._began_ns) / 1e9)
        if isinstance(event, RunEnded):
            self._end()
        elif not self._gone:
            self._draw()

    def _draw(self) -> None:
        try:
            self._live.start()
            self._live.update(picture(self._so_far, self._console.encoding), refresh=True)
        except OSError:
            self._end()
            self._gone = True

    def _end(self) -> None:
        with suppress(OSError):
            self._live.stop()

    def _say(self, line: str) -> None:
        self._console.print(Text(line), soft_wrap=True)

    def _noted(self, event: Event) -> RunSoFar:
        so_far = self._so_far
        match event:
            case RunPlanned(record=record):
                so_far = replace(so_far, scenario=_title(record), plan=_plan(record))
            case ServersReady(record=record):
                so_far = replace(so_far, emulated=emulated_cells(record))
            case BlockStarts():
                self._rates.clear()
                so_far = replace(so_far, block=event, tick=_nothing(event), rates=())
            case StageBegins():
                self._rates.clear()
                so_far = replace(so_far, tick=_at_stage(so_far.tick, event), rates=())
            case Tick():
                so_far = replace(so_far, tick=event, rates=self._rates_with(event))
            case BlockEnded():
                so_far = _with_block(so_far, event)
        return so_far

    def _rates_with(self, tick: Tick) -> tuple[float, ...]:
        activity = tick.activity
        publishing = tick.stage == "publishing"
        rate = activity.published_per_s if publishing else activity.completed_per_s
        if rate is not None:
            self._rates.append(rate)
        return tuple(self._rates)


def _at_stage(tick: Tick, begins: StageBegins) -> Tick:
    return replace(
        tick,
        stage=begins.stage,
        stage_s=0.0,
        goal=begins.goal,
        detail=begins.detail,
        share=None,
        activity=without_rates(tick.activity),
        depth=None,
    )


def _with_block(so_far: RunSoFar, ended: BlockEnded) -> RunSoFar:
    block, name = ended.block, ended.cell.name
    before = so_far.finished.get(name, Finished())
    after = Finished(before.blocks + 1, block.throughput_per_s, before.sound and block.sound)
    finished = {**so_far.finished, name: after}
    return replace(so_far, block=None, tick=_BETWEEN, rates=(), finished=finished)


def _title(record: RunRecord) -> str:
    return str(record.scenario.get("name", ""))


def _plan(record: RunRecord) -> dict[str, int]:
    return {cell.name: record.order.count(index) for index, cell in enumerate(record.cells)}


def _nothing(block: BlockStarts) -> Tick:
    return Tick(block.number, "starting", 0.0, 0.0, remaining_s=block.remaining_s)
