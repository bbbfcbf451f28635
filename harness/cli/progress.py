"""How a run gets on: plain lines on standard error, fit for a terminal and for a log."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import click

from harness.clock import monotonic_ns
from harness.report.cells import counts_of
from harness.report.wording import outcome_words, server_words
from harness.results.record import BlockRecord, RunRecord
from harness.scenario.models import Cell
from harness.scenario.wording import printable
from harness.units import format_duration, format_number


class Progress:
    """A `runner.run.Listener` that prints a line when a block starts and one when it has ended."""

    def __init__(self, *, quiet: bool = False, clock_ns: Callable[[], int] = monotonic_ns) -> None:
        self._quiet = quiet
        self._clock_ns = clock_ns
        self._started_ns = self._block_started_ns = clock_ns()
        self._place = ""

    def swept(self, sentences: Iterable[str]) -> None:
        """What an earlier, killed run had left was removed."""
        for sentence in sentences:
            self._say(printable(sentence))

    def environment_builds(self, title: str) -> None:
        """`building an environment with celery 5.3.1 ...`"""
        self._say(f"building an environment with {printable(title)} ...")

    def servers_ready(self, record: RunRecord) -> None:
        """Name each server once."""
        every = (server for cell in record.cells for server in cell.servers.values())
        servers = dict.fromkeys(map(server_words, every))
        waited = format_duration(self._since(self._started_ns))
        self._say(f"ready after {waited}: {', '.join(servers)}")

    def block_starts(self, number: int, total: int, cell: Cell) -> None:
        """`[ 3/10] redis/add/closed-8 ...`"""
        self._block_started_ns = self._clock_ns()
        self._place = f"[{number + 1:{len(str(total))}}/{total}]"
        self._say(f"{self._place} {printable(cell.name)} ...")

    def block_ended(self, block: BlockRecord, cell: Cell) -> None:
        """`[ 3/10] redis/add/closed-8: 554 units/s, 1,111 ok (block 6.21 s, run 31.0 s)`"""
        times = (
            f"block {format_duration(self._since(self._block_started_ns))}, "
            f"run {format_duration(self._since(self._started_ns))}"
        )
        self._say(f"{self._place} {printable(cell.name)}: {_result(block)} ({times})")

    def _since(self, moment_ns: int) -> float:
        return (self._clock_ns() - moment_ns) / 1e9

    def _say(self, line: str) -> None:
        if self._quiet:
            return
        try:
            click.echo(line, err=True)
        except OSError:  # who read it has gone, which is no reason to end a measurement
            self._quiet = True


def _result(block: BlockRecord) -> str:
    if block.status == "failed":
        reason = next(iter(block.error.strip().splitlines()), "no reason was given")
        return f"FAILED: {printable(reason)}"
    counts = counts_of([block])
    flag = "" if counts.sound else "! "
    stopped = ", stopped early" if block.status == "partial" else ""
    rate = f"{format_number(block.throughput_per_s)} units/s"
    return f"{flag}{rate}, {outcome_words(counts)}{stopped}"
