"""Crontabs and windows: what beat and the client have to agree on."""

from __future__ import annotations

import json
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from celery import Celery
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.probe import tasks
from harness.probe.loads.window import Window
from harness.probe.recording.events import Outcome
from harness.probe.recording.ids import BEAT, MOST_UNITS, first_unit
from harness.probe.workloads import periodic
from harness.probe.workloads.units import judge_value
from harness.scenario.loads.base import MOST_CLIENTS

SECOND = 1_000_000_000
NEW_YEAR = datetime(2026, 1, 1, tzinfo=UTC)


def app(zone: str = "UTC") -> Celery:
    made = Celery(set_as_current=False, broker="memory://")
    made.conf.timezone = zone
    return made


MINUTE_FIELDS = st.sampled_from(["*", "*/7", "0", "5,35", "10-20/3", "59"])
HOUR_FIELDS = st.sampled_from(["*", "*/5", "0", "23", "7-9"])
DAY_FIELDS = st.sampled_from(["*", "1", "15-31", "*/10"])
MONTH_FIELDS = st.sampled_from(["*", "2", "11-12"])
WEEKDAY_FIELDS = st.sampled_from(["*", "1", "mon-fri", "0,6"])


@settings(max_examples=150, deadline=None)
@given(
    st.tuples(MINUTE_FIELDS, HOUR_FIELDS, DAY_FIELDS, MONTH_FIELDS, WEEKDAY_FIELDS),
    st.integers(0, 2 * 365 * 24 * 60).map(lambda minutes: NEW_YEAR + minutes * periodic.MINUTE),
)
def test_a_minute_is_named_if_celery_finds_it_next(
    fields: tuple[str, ...], minute: datetime
) -> None:
    """Two ways to the same answer: ours looks at a minute, Celery's searches for the next one."""
    schedule = periodic.crontab_of(" ".join(fields))
    schedule.app = app()
    last, delta, _ = schedule.remaining_delta(minute - timedelta(seconds=1))
    assert periodic.names(schedule, minute) == (last + delta == minute)


def test_points_lie_on_full_minutes_of_the_apps_own_zone() -> None:
    """Kolkata is half an hour off: minute 0 there is minute 30 here."""
    begin_ns = time.monotonic_ns()
    workload = {"every": None, "crontab": "0 * * * *"}
    found = list(periodic.points(app("Asia/Kolkata"), workload, begin_ns, begin_ns + 7200 * SECOND))
    assert len(found) == 2
    assert found[1] - found[0] == 3600 * SECOND
    wall_s = (found[0] + time.time_ns() - time.monotonic_ns()) / 1e9
    assert wall_s % 3600 == pytest.approx(1800, abs=0.01)
    assert begin_ns <= found[0] < found[1] < begin_ns + 7200 * SECOND


def test_an_interval_has_no_points_of_the_wall_clock() -> None:
    assert list(periodic.points(app(), {"every": 1.0, "crontab": None}, 0, 10 * SECOND)) == []


def test_both_clocks_are_read_at_one_moment() -> None:
    before_ns = time.monotonic_ns()
    at_ns = periodic.monotonic_ns_of(datetime.now(UTC), periodic.wall_offset_ns())
    after_ns = time.monotonic_ns()
    assert before_ns - 2000 <= at_ns <= after_ns + 2000, "a datetime knows microseconds"


def test_entries_have_numbers_and_the_tutorials_task() -> None:
    made = periodic.entries({"every": 0.5, "crontab": None, "entries": 3})
    assert [periodic.entry_number(name) for name in made] == [0, 1, 2]
    assert {(entry["task"], entry["schedule"]) for entry in made.values()} == {
        ("harness.probe.tasks.check_cat", 0.5)
    }
    assert periodic.entry_number("celery.backend_cleanup") is None
    assert not [entry for entry in made.values() if "options" in entry]


def test_entries_may_have_a_queue() -> None:
    spec = {"every": 0.5, "crontab": None, "entries": 2, "options": {"queue": "reports"}}
    made = periodic.entries(spec)
    assert [entry["options"] for entry in made.values()] == 2 * [{"queue": "reports"}]


def test_the_cat_says_one_of_two_things() -> None:
    expected = periodic.Periodic({}).expected(0)
    said = {tasks.check_cat() for _ in range(200)}
    assert said == {"Кот ничего не сломал.", "Кот что-то сломал..."}
    assert {judge_value(expected, one) for one in said} == {Outcome.OK}
    for other in ("Кот спит.", None, 0, json.dumps(sorted(said))):
        assert judge_value(expected, other) is Outcome.WRONG


def test_beat_shares_no_unit_with_a_client() -> None:
    assert first_unit(MOST_CLIENTS) <= first_unit(BEAT)
    assert first_unit(BEAT + 1) <= MOST_UNITS


def test_a_window(tmp_path: Path) -> None:
    """One writes, the other sees it at once; until it is decided nothing is within, nor over."""
    path = str(tmp_path / "window")
    ours, beats = Window(path), Window(path)
    assert not beats.holds(15)
    assert not beats.over(10**18)
    ours.decide(10, 20)
    assert [beats.holds(at) for at in (9, 10, 19, 20)] == [False, True, True, False]
    assert [beats.over(at) for at in (19, 20)] == [False, True]
    ours.end_at(15)
    assert [beats.holds(at) for at in (14, 15)] == [True, False]
    assert beats.over(15)
