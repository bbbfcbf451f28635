"""How a run gets on, in words: shared by the live view and the plain lines. All is printable."""

from __future__ import annotations

from collections.abc import Iterator

from harness.report.view.cells import counts_of
from harness.report.words.wording import outcome_words, server_words
from harness.results.record.run import BlockRecord, RunRecord
from harness.runner.telling.events import Tick
from harness.scenario.files.wording import printable
from harness.units import format_duration, format_number

_AS_MEANT = ("ok", "failed as meant")


def servers_of(record: RunRecord) -> str:
    """The servers of a run in words, each once however many configurations share it."""
    every = (server for cell in record.cells for server in cell.servers.values())
    return ", ".join(dict.fromkeys(map(server_words, every)))


def place_of(number: int, total: int) -> str:
    """Where in the run block `number` (from 0) stands: `[ 3/10]`."""
    return f"[{number + 1:{len(str(total))}}/{total}]"


def result_of(block: BlockRecord) -> str:
    """`554 units/s, 1,111 ok`, marked if a unit did not end as it was meant to."""
    if block.status == "failed":
        reason = next(iter(block.error.strip().splitlines()), "no reason was given")
        return f"FAILED: {printable(reason)}"
    counts = counts_of([block])
    flag = "" if counts.sound else "! "
    stopped = ", stopped early" if block.status == "partial" else ""
    rate = f"{format_number(block.throughput_per_s)} units/s"
    return f"{flag}{rate}, {outcome_words(counts)}{stopped}"


def stage_words(tick: Tick) -> str:
    """`measuring at 200/s 12 s of 60 s`, `measuring 1,204 of 5,000 units`, `stopping 3 s`."""
    stage = " ".join(filter(None, [tick.stage, printable(tick.detail)]))
    if tick.goal.seconds:
        digits = 0 if tick.goal.seconds >= 10 else 1
        return f"{stage} {tick.stage_s:.{digits}f} s of {tick.goal.seconds:.{digits}f} s"
    if tick.goal.units:
        activity = tick.activity
        done = activity.published if tick.stage == "publishing" else activity.completed
        return f"{stage} {done:,} of {tick.goal.units:,} units, {tick.stage_s:.0f} s"
    return f"{stage} {tick.stage_s:.0f} s"


def rate_words(tick: Tick) -> Iterator[str]:
    """Throughput and latency of the last seconds, and how many messages wait."""
    activity = tick.activity
    publishing = tick.stage == "publishing"
    per_s = activity.published_per_s if publishing else activity.completed_per_s
    if per_s is not None and tick.stage in ("publishing", "consuming", "measuring", "draining"):
        yield f"{format_number(per_s)} units/s"
    if activity.p99_s is not None:
        yield f"p50 {format_duration(activity.p50_s)}"
        yield f"p99 {format_duration(activity.p99_s)}"
    if tick.depth is not None:
        yield f"queue {tick.depth:,}"


def troubles_of(tick: Tick) -> str:
    """`2 failed, 1 timed out`; empty as long as all is well."""
    activity = tick.activity
    bad = {name: n for name, n in activity.outcomes.items() if name not in _AS_MEANT}
    if activity.refused:
        bad["refused"] = activity.refused
    return ", ".join(f"{count:,} {name}" for name, count in bad.items())
