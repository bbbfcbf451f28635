"""The live view's picture: golden at two widths, harmless, and never wider than the terminal.

HARNESS_WRITE_GOLDEN=1 pytest tests/watching/test_picture.py  writes them anew; then read the diff.
"""

from __future__ import annotations

import io
import os
import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from rich.cells import cell_len
from rich.console import Console

from harness.cli.watching.live import LiveView, RunSoFar, picture
from harness.runner.telling.events import BlockStarts, Event, ServersReady
from tests.watching.scenes import CELL, HOSTILE, SECOND, TICK, story

GOLDEN = Path(__file__).parent / "golden"
MOMENTS = {"preparing": 4, "starting": 7, "publishing": 9, "measuring": 11, "between": 13}
"""Name -> how much of the story has been heard."""


def _drawn(so_far: RunSoFar, width: int = 100, encoding: str = "utf-8") -> str:
    file = io.StringIO()
    console = Console(file=file, width=width, legacy_windows=False, _environ={})
    console.print(picture(so_far, encoding))
    return re.sub(r" +$", "", file.getvalue(), flags=re.MULTILINE)


def _so_far(events: Sequence[tuple[float, Event]]) -> RunSoFar:
    """What a view that has heard all this shows."""
    view = LiveView(io.StringIO(), {"TERM": "xterm", "COLUMNS": "100", "LINES": "30"})
    for at_s, event in events:
        view.hear(event, round(at_s * SECOND))
    so_far = view._so_far
    with view:
        return so_far


@pytest.mark.parametrize("width", [100, 60])
@pytest.mark.parametrize("moment", MOMENTS)
def test_a_picture_is_what_it_was(moment: str, width: int) -> None:
    shown = _drawn(_so_far(story()[: MOMENTS[moment] + 1]), width)
    path = GOLDEN / f"{moment}-{width}.txt"
    if os.environ.get("HARNESS_WRITE_GOLDEN"):
        path.write_text(shown, encoding="utf-8")
    assert shown == path.read_text(encoding="utf-8")


@pytest.mark.parametrize("width", [20, 40, 80, 200])
def test_no_line_is_wider_than_the_terminal(width: int) -> None:
    for end in range(len(story())):
        shown = _drawn(_so_far(story()[: end + 1]), width)
        assert max(map(cell_len, shown.splitlines())) <= width


def test_names_are_shown_as_they_stand() -> None:
    shown = _drawn(_so_far(story(HOSTILE)[:11]))
    assert r"[ 3/10] [bold]@all[/]\x1b[2J\x07/add/closed-8" in shown
    assert not [char for char in shown if not char.isprintable() and char != "\n"]


def test_many_cells_leave_room_for_the_one_under_way() -> None:
    names = [f"c{number}/add/closed-8" for number in range(40)]
    cell = CELL.model_copy(update={"name": names[25]})
    so_far = RunSoFar("s", dict.fromkeys(names, 1), {}, BlockStarts(25, 40, cell), TICK)
    lines = _drawn(so_far).splitlines()
    assert len(lines) == 14
    assert "> c25/add/closed-8" in "\n".join(lines)
    assert lines[-1] == "  ... 32 more cells"


def test_a_terminal_without_bars_gets_digits() -> None:
    so_far = RunSoFar(block=BlockStarts(0, 1, CELL), tick=TICK, rates=(1.0, 2.0, 3.0))
    assert "812 units/s 158" in _drawn(so_far, encoding="ascii")


@pytest.mark.parametrize("width", [40, 100])
def test_an_emulator_is_called_one_beside_its_name(width: int) -> None:
    own = CELL.model_copy(update={"name": f"sqs[{'x' * 60}]/add/closed-8"})
    ready = next(one for _, one in story() if isinstance(one, ServersReady))
    so_far = replace(
        _so_far([(0.0, ready)]),
        plan={own.name: 2, CELL.name: 1},
        emulated=frozenset([own.name]),
        block=BlockStarts(0, 3, own),
    )
    head, *lines = _drawn(so_far, width).splitlines()
    assert "(emulator) run" in head
    if width == 100:
        of_cells = [line for line in lines if "of " in line]
        assert [("(emulator)" in line) for line in of_cells] == [True, False]


def test_the_servers_tell_which_cells_are_emulated() -> None:
    ready = next(one for _, one in story() if isinstance(one, ServersReady))
    named = {cell.name for cell in ready.record.cells if cell.servers["broker"].emulator}
    assert named
    assert _so_far([(0.0, ready)]).emulated == named
