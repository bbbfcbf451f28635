"""How a run gets on as plain lines on standard error, fit for a log."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import click

from harness.cli.watching.outlook_words import at_most_words, head_lines
from harness.cli.watching.words import (
    place_of,
    rate_words,
    result_of,
    servers_of,
    stage_words,
    troubles_of,
)
from harness.report.words.first_looks import design_words, parted_words, target_words
from harness.results.judge.emulators import emulated_cells, labelled
from harness.runner.telling.events import (
    BlockEnded,
    BlockStarts,
    CopyPrepares,
    EnvironmentBuilds,
    Event,
    RunPlanned,
    ServersReady,
    Swept,
    TargetTold,
    Tick,
    TwinsParted,
)
from harness.scenario.files.wording import printable
from harness.units import format_duration, format_roughly

TICK_S = 2.0
SILENCE_S = 8.0
"""Seconds without a line after which the next tick is one."""


class Lines:
    """A line when a block starts, one every ten seconds while it lasts, one when it has ended."""

    def __init__(
        self, *, quiet: bool = False, say: Callable[[str], None] | None = None, brief: bool = False
    ) -> None:
        """`say` writes a line, on standard error if it is not given; `brief`: only what is there
        to stay, because something else shows how far it is."""
        self.tick_s = None if quiet else TICK_S
        self._quiet = quiet
        self._write = say or _on_standard_error
        self._brief = brief
        self._began_ns: int | None = None
        self._block_began_ns = self._now_ns = self._said_ns = 0
        self._place = ""
        self._emulated: frozenset[str] = frozenset()
        """Names of cells whose servers are no products."""

    def hear(self, event: Event, at_ns: int) -> None:
        """Say what is worth a line."""
        if self._began_ns is None:
            self._began_ns = self._said_ns = at_ns
        self._now_ns = at_ns
        run_s = (at_ns - self._began_ns) / 1e9
        if isinstance(event, ServersReady):
            self._emulated = emulated_cells(event.record)
        match event:
            case (
                Swept()
                | EnvironmentBuilds()
                | CopyPrepares()
                | RunPlanned()
                | TargetTold()
                | TwinsParted()
                | ServersReady()
            ):
                for line in _of_the_run(event, run_s):
                    self._say(line)
            case BlockStarts():
                self._block_began_ns, self._blocks = at_ns, event.total
                self._place = place_of(event.number, event.total)
                if not self._brief:
                    self._say(f"{self._place} {self._label(event.cell.name)} ...")
            case Tick() if not self._brief and at_ns - self._said_ns >= SILENCE_S * 1e9:
                self._say(f"{self._place} ... {_standing(event)}".strip())
            case BlockEnded(block, cell):
                block_s = (at_ns - self._block_began_ns) / 1e9
                times = f"block {format_duration(block_s)}, run {format_duration(run_s)}"
                name = self._label(cell.name)
                place = place_of(block.number, self._blocks)
                self._say(f"{place} {name}: {result_of(block)} ({times})")

    def _label(self, name: str) -> str:
        return labelled(name, emulated=name in self._emulated)

    def _say(self, line: str) -> None:
        if self._quiet:
            return
        self._said_ns = self._now_ns
        try:
            self._write(line)
        except OSError:  # who read it has gone, which is no reason to end a measurement
            self._quiet = True


def beforehand(event: EnvironmentBuilds | CopyPrepares) -> str:
    """What is done before there is a run, in a line."""
    if isinstance(event, EnvironmentBuilds):
        return f"building an environment with {printable(event.title)} ..."
    return f"preparing {printable(event.title)}: {printable(event.command)}"


def _of_the_run(
    event: Swept
    | EnvironmentBuilds
    | CopyPrepares
    | RunPlanned
    | TargetTold
    | TwinsParted
    | ServersReady,
    run_s: float,
) -> Iterator[str]:
    match event:
        case Swept(sentences):
            yield from map(printable, sentences)
        case EnvironmentBuilds() | CopyPrepares():
            yield beforehand(event)
        case RunPlanned(at_most=bound, outlook=ahead):
            if ahead is not None:
                yield from head_lines(ahead)
            elif bound is not None and not event.record.blocks:
                yield at_most_words(bound)
        case TargetTold(target):
            yield target_words(target)
        case TwinsParted(twins):
            yield parted_words(twins)
        case ServersReady(record):
            yield f"ready after {format_duration(run_s)}: {servers_of(record)}"
            if record.design is not None:
                yield design_words(record.design)


def _on_standard_error(line: str) -> None:
    click.echo(line, err=True)


def _standing(tick: Tick) -> str:
    """`measuring 12 s of 60 s, 812 units/s, p50 8.20 ms, p99 12.1 ms, queue 14, run: 4 min left`"""
    words = [stage_words(tick), *rate_words(tick), troubles_of(tick)]
    if tick.remaining_s is not None:
        words.append(f"run: about {format_roughly(tick.remaining_s)} left")
    return ", ".join(filter(None, words))
