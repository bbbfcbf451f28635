"""Everything that is told is heard, in order, by another thread; ticks come in between."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from harness.results.record.run import RunRecord
from harness.runner.forecast import Forecast
from harness.runner.telling.courier import Courier, Standing
from harness.runner.telling.events import (
    BlockStarts,
    Event,
    Goal,
    RunEnded,
    RunPlanned,
    StageBegins,
    Swept,
    Tick,
)
from tests.report.made import records
from tests.watching.logs import MS, Writers, shape
from tests.watching.scenes import CELL

SECOND = 1000 * MS


class Ear:
    """Keeps what it hears."""

    def __init__(self, tick_s: float | None = None, deaf_after: int | None = None) -> None:
        self.tick_s = tick_s
        self.heard: list[Event] = []
        self.threads: set[int] = set()
        self.ticked = threading.Event()
        self._deaf_after = deaf_after

    def hear(self, event: Event, at_ns: int) -> None:
        assert at_ns > 0
        if len(self.heard) == self._deaf_after:
            raise ValueError("deaf")
        self.heard.append(event)
        self.threads.add(threading.get_ident())
        if isinstance(event, Tick):
            self.ticked.set()


def _record() -> RunRecord:
    return records.run(records.cell("redis/add/closed-8"))


def test_all_is_heard_in_order_by_one_other_thread() -> None:
    ear = Ear()
    planned, starts = RunPlanned(_record(), Path("r")), BlockStarts(0, 1, CELL)
    with Courier(ear) as courier:
        courier.tell(planned)
        courier.tell(starts)
        courier.stage("measuring", Goal(units=5))
    assert ear.heard == [planned, starts, StageBegins(0, "measuring", Goal(units=5)), RunEnded()]
    assert len(ear.threads) == 1
    assert threading.get_ident() not in ear.threads


def test_a_run_ends_once() -> None:
    ear = Ear()
    with Courier(ear) as courier:
        courier.tell(RunEnded(_record(), Path("r")))
    assert ear.heard == [RunEnded(_record(), Path("r"))]


def test_the_last_tick_of_a_block_comes_before_its_workers_are_stopped() -> None:
    ear = Ear(tick_s=3600)
    with Courier(ear) as courier:
        courier.tell(BlockStarts(0, 1, CELL))
        courier.stage("checking")
        courier.stage("stopping")
    assert [type(event).__name__ for event in ear.heard] == [
        *("BlockStarts", "StageBegins", "Tick", "StageBegins", "RunEnded")
    ]
    assert isinstance(ear.heard[2], Tick)
    assert ear.heard[2].stage == "checking"


def test_ticks_come_by_themselves() -> None:
    ear = Ear(tick_s=0.01)
    with Courier(ear):
        assert ear.ticked.wait(30)
    assert isinstance(ear.heard[0], Tick)
    assert ear.heard[0].stage == "preparing"


def test_a_listener_that_fails_disturbs_nobody_and_is_not_hidden() -> None:
    ear = Ear(deaf_after=1)
    done = []

    def measure() -> None:
        with Courier(ear) as courier:
            courier.tell(Swept(["one"]))
            courier.tell(Swept(["two"]))
            courier.tell(Swept(["three"]))
            done.append("measured")

    with pytest.raises(ValueError, match="deaf"):
        measure()
    assert done == ["measured"]
    assert ear.heard == [Swept(["one"])]


def test_another_error_is_not_covered_by_the_listeners() -> None:
    def interrupted() -> None:
        with Courier(Ear(deaf_after=0)) as courier:
            courier.tell(Swept(["one"]))
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()


# --- standing -------------------------------------------------------------------------------------


@pytest.fixture
def standing(tmp_path: Path) -> tuple[Standing, Writers]:
    """A block of 10 units under way, expected to take 8 s, others 20 s."""
    writers = Writers(tmp_path / "events")
    made = Standing(0)
    made.note(BlockStarts(1, 3, CELL, expected_s=8.0, remaining_s=28.0), SECOND)
    made.follow(tmp_path / "events", shape())
    made.ask_depth_of(lambda: 7)
    return made, writers


def test_progress_by_units(standing: tuple[Standing, Writers]) -> None:
    made, writers = standing
    made.note(StageBegins(1, "measuring", Goal(units=10)), 2 * SECOND)
    for unit in range(4):
        writers.publish(unit, 2000)
        writers.see(unit, 2010)
    tick = made.tick(4 * SECOND)
    assert (tick.share, tick.activity.completed_per_s) == (0.4, 2.0)
    assert tick.stage_remaining_s == 3.0
    assert (tick.stage_s, tick.block_s, tick.depth) == (2.0, 3.0, 7)
    assert tick.remaining_s == 25.0


def test_progress_by_time(standing: tuple[Standing, Writers]) -> None:
    made, _ = standing
    made.note(StageBegins(1, "measuring", Goal(seconds=40)), 2 * SECOND)
    tick = made.tick(12 * SECOND)
    assert (tick.share, tick.stage_remaining_s) == (0.25, 30.0)
    assert tick.remaining_s == 50.0  # 20 of the other blocks; this one takes longer than expected


def test_a_backlog_is_published_and_then_consumed(tmp_path: Path) -> None:
    writers, made = Writers(tmp_path / "events"), Standing(0)
    made.note(BlockStarts(0, 1, CELL), 0)
    made.follow(tmp_path / "events", shape(watched=False))
    made.note(StageBegins(0, "publishing", Goal(units=10)), 0)
    for unit in range(5):
        writers.publish(unit, 0)
    assert made.tick(SECOND).share == 0.5
    made.note(StageBegins(0, "consuming", Goal(units=10)), SECOND)
    writers.run(0, 1500)
    tick = made.tick(2 * SECOND)
    assert (tick.share, tick.activity.completed_per_s) == (0.1, 1.0)


def test_rates_and_depth_end_with_the_load(standing: tuple[Standing, Writers]) -> None:
    made, writers = standing
    made.note(StageBegins(1, "measuring", Goal(seconds=1)), 2 * SECOND)
    writers.publish(0, 2000)
    assert made.tick(3 * SECOND).activity.published_per_s == 1.0
    made.note(StageBegins(1, "checking"), 3 * SECOND)
    writers.see(0, 3001)
    tick = made.tick(4 * SECOND)
    assert (tick.activity.completed, tick.activity.completed_per_s, tick.depth) == (1, None, None)
    assert tick.share is None


def test_the_forecast_goes_by_blocks_of_the_cell_then_by_what_was_expected() -> None:
    """Of a cell that has no block yet, as much longer as the others took."""
    forecast = Forecast([2.5, 10.0, 4.0])
    assert forecast.remaining_s([0, 1, 1]) == 22.5
    forecast.note(0, 4.0)
    forecast.note(0, 6.0)
    assert forecast.block_s(0) == 5.0
    assert forecast.block_s(1) == 20.0
    forecast.note(1, 15.0)
    assert forecast.remaining_s([0, 1, 1]) == 35.0
    assert forecast.block_s(2) == pytest.approx(4.0 * 25 / 15)
    assert Forecast([0.0, 3.0]).block_s(1) == 3.0
