"""Plain lines: for logs, and for whoever has no terminal that can be redrawn."""

from __future__ import annotations

import io
import json
from dataclasses import replace

import click
import pytest

from harness.cli.watching.json_lines import JsonLines, line_of
from harness.cli.watching.lines import TICK_S, Lines
from harness.cli.watching.words import stage_words
from harness.results.record.comparison import PartedTwins
from harness.runner.telling.events import (
    BlockEnded,
    BlockStarts,
    Event,
    Goal,
    RunPlanned,
    ServersReady,
    TwinsParted,
)
from harness.scenario.plan.bounds import AtMost
from harness.units import format_roughly
from tests.report.made.records import block
from tests.watching.scenes import CELL, HOSTILE, SECOND, TICK, story


def _said(
    capsys: pytest.CaptureFixture[str], lines: Lines, events: list[tuple[float, Event]]
) -> str:
    for at_s, event in events:
        lines.hear(event, round(at_s * SECOND))
    output = capsys.readouterr()
    assert output.out == ""
    return output.err


def test_a_run_is_told_line_by_line(capsys: pytest.CaptureFixture[str]) -> None:
    assert _said(capsys, Lines(), story()).splitlines() == [
        "removed 3 keys of a killed run",
        "building an environment with celery 5.3.1 ...",
        "preparing revision 3fa9: make",
        "ready after 500 ms: Valkey 9.1.2, local (embedded, no persistence), "
        "ministack (SQS emulator) 1.5.33, local (an emulator's figures are not SQS figures)",
        "[ 3/10] redis/add/closed-8 ...",
        "[ 3/10] ... measuring at 200/s 12 s of 60 s, 812 units/s, p50 8.20 ms, p99 12.1 ms, "
        "queue 14, 2 failed, 1 timed out, 1 refused, run: about 4 min left",
        "[ 3/10] redis/add/closed-8: ! 500 units/s, 1,000 ok, 1 dup (block 69.0 s, run 70.0 s)",
        "[ 3/10] ... between blocks 11 s",
    ]


def test_twins_that_are_parted_are_said(capsys: pytest.CaptureFixture[str]) -> None:
    twins = PartedTwins(cells=("shop/one", "shop/two"), block=4, reason="port 8000")
    assert _said(capsys, Lines(), [(1, TwinsParted(twins))]) == (
        "shop/one and shop/two cannot be up at once (port 8000): they are measured one after the "
        "other from block 5 on.\n"
    )
    line = line_of(TwinsParted(twins), 1.5)
    assert json.loads(line.model_dump_json()) == {
        "event": "twins_parted",
        "t_s": 1.5,
        "twins": {"cells": ["shop/one", "shop/two"], "block": 4, "reason": "port 8000"},
    }


def test_how_long_it_may_take_is_said_first(capsys: pytest.CaptureFixture[str]) -> None:
    events: list[tuple[float, Event]] = [
        (at_s, replace(event, at_most=AtMost(12, 184.1, 2209.2)))
        for at_s, event in story()
        if isinstance(event, RunPlanned)
    ]
    said = _said(capsys, Lines(), events)
    assert said == "12 blocks, each at most 3 min 5 s, 37 min in all, if nothing comes back\n"


def test_no_block_is_silent_for_more_than_ten_seconds(capsys: pytest.CaptureFixture[str]) -> None:
    """And short ones have no line in between."""
    lines, said_at_s = Lines(), []
    lines.hear(BlockStarts(2, 10, CELL), 0)
    for number in range(1, 31):
        lines.hear(TICK, round(number * TICK_S * SECOND))
        if len(capsys.readouterr().err.splitlines()) == 1 and number > 1:
            said_at_s.append(number * TICK_S)
    assert said_at_s == [8.0, 16.0, 24.0, 32.0, 40.0, 48.0, 56.0]


def test_a_stage_of_units_is_told_by_units() -> None:
    publishing = replace(TICK, stage="publishing", goal=Goal(units=5000))
    assert stage_words(publishing) == "publishing 1,210 of 5,000 units, 12 s"
    consuming = replace(TICK, stage="consuming", goal=Goal(units=5000))
    assert stage_words(consuming) == "consuming 1,200 of 5,000 units, 12 s"
    assert stage_words(replace(TICK, goal=Goal(seconds=0.5), stage_s=0.25)).startswith(
        "measuring 0.2 s of 0.5 s"
    )


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"status": "failed", "error": "no broker\nlog ..."}, "FAILED: no broker ("),
        ({"status": "failed"}, "FAILED: no reason was given ("),
        ({"status": "partial"}, "500 units/s, 1,000 ok, stopped early ("),
    ],
)
def test_how_a_block_ended(
    capsys: pytest.CaptureFixture[str], changes: dict[str, str], words: str
) -> None:
    ended = BlockEnded(block(0, 0, units=1000, **changes), CELL)
    said = _said(capsys, Lines(), [(0, BlockStarts(0, 1, CELL)), (1, ended)])
    assert f"[1/1] redis/add/closed-8: {words}" in said


def test_cells_on_emulators_have_the_word(capsys: pytest.CaptureFixture[str]) -> None:
    """Found by the servers that really run: the plan's own cells know none."""
    own = CELL.model_copy(update={"name": "sqs/add/closed-8"})
    ready = next(one for _, one in story() if isinstance(one, ServersReady))
    events: list[tuple[float, Event]] = [
        (0.0, ready),
        (1.0, BlockStarts(2, 10, own)),
        (2.0, BlockEnded(block(2, 0), own)),
    ]
    _, begun, ended = _said(capsys, Lines(), events).splitlines()
    assert begun == "[ 3/10] sqs/add/closed-8 (emulator) ..."
    assert ended.startswith("[ 3/10] sqs/add/closed-8 (emulator): 500 units/s")
    lines = io.StringIO()
    listener = JsonLines(lines)
    for at_s, event in [*events, (3.0, BlockStarts(3, 10, CELL))]:
        listener.hear(event, round(at_s * SECOND))
    _, *blocks = map(json.loads, lines.getvalue().splitlines())
    assert [one["emulator"] for one in blocks] == [True, True, False]


def test_quiet(capsys: pytest.CaptureFixture[str]) -> None:
    lines = Lines(quiet=True)
    assert lines.tick_s is None
    assert _said(capsys, lines, story()) == ""


def test_names_are_printed_harmlessly(capsys: pytest.CaptureFixture[str]) -> None:
    said = _said(capsys, Lines(), story(HOSTILE))
    assert r"[bold]@all[/]\x1b[2J\x07/add/closed-8: " in said
    assert not [char for char in said if not char.isprintable() and char != "\n"]


def test_a_reader_who_left_does_not_end_a_measurement(monkeypatch: pytest.MonkeyPatch) -> None:
    lines = []

    def gone(line: str, **_: object) -> None:
        lines.append(line)
        raise BrokenPipeError

    monkeypatch.setattr(click, "echo", gone)
    listener = Lines()
    for at_s, event in story():
        listener.hear(event, round(at_s * SECOND))
    assert len(lines) == 1


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0.4, "0 s"),
        (99.4, "99 s"),
        (100, "2 min"),
        (3570, "1 h 00 min"),
        (3900, "1 h 05 min"),
    ],
)
def test_times_to_wait_are_rough(seconds: float, words: str) -> None:
    assert format_roughly(seconds) == words
