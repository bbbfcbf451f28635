"""Counts, rates and latencies of a block under way, from logs that grow."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.probe.recording.events import HEADER_BYTES, RECORD_BYTES, Kind, Outcome, UnitFlag
from harness.probe.recording.ids import first_unit
from harness.results.events.activity import ActivityMeter
from harness.results.events.following import Follower
from tests.watching.logs import MS, Writers, shape

SECOND = 1000 * MS


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "events"


def test_counts_are_of_measured_units_only(folder: Path) -> None:
    writers, meter = Writers(folder), ActivityMeter(folder, shape())
    for unit, flags in ((0, UnitFlag.PROBE), (1, UnitFlag.WARMUP), (2, UnitFlag.MEASURED)):
        writers.publish(unit, 10, flags)
        writers.run(unit, 11)
        writers.see(unit, 12)
    writers.publish(3, 20)
    writers.refuse(3, 21)
    found = meter.look(SECOND)
    assert (found.published, found.refused) == (2, 1)
    assert (found.started, found.finished, found.completed) == (1, 1, 1)
    assert found.outcomes == {"ok": 1}


def test_each_record_counts_once(folder: Path) -> None:
    writers, meter = Writers(folder), ActivityMeter(folder, shape())
    for look in range(1, 4):
        for unit in range(10 * look, 10 * look + 10):
            writers.publish(unit, look)
            writers.see(unit, look + 1)
        assert meter.look(look * SECOND).completed == 10 * look


def test_latency_counts_from_when_a_unit_was_due(folder: Path) -> None:
    writers, meter = Writers(folder), ActivityMeter(folder, shape())
    writers.publish(0, 50, due_ms=10)
    writers.see(0, 70)
    assert meter.look(SECOND).p50_s == pytest.approx(0.060)


def test_a_due_stamp_that_is_read_before_its_publication_is_not_lost(folder: Path) -> None:
    writers, meter = Writers(folder), ActivityMeter(folder, shape())
    writers.client.record(Kind.DUE, bytes(16), 10 * MS, 5)
    meter.look(SECOND)
    writers.publish(5, 50)
    writers.see(5, 70)
    found = meter.look(2 * SECOND)
    assert found.published == 1
    assert found.p50_s == 0.060


def test_percentiles_are_of_the_last_seconds(folder: Path) -> None:
    writers, meter = Writers(folder), ActivityMeter(folder, shape(), window_s=5)
    for unit in range(100):
        writers.publish(unit, 0)
        writers.see(unit, unit + 1)
    found = meter.look(SECOND)
    assert (found.p50_s, found.p99_s) == (0.050, 0.099)
    writers.publish(100, 0)
    writers.see(100, 7)
    assert meter.look(10 * SECOND).p50_s == pytest.approx(0.007)
    assert meter.look(20 * SECOND).p50_s is None


def test_rates_are_of_the_last_seconds_of_the_stage(folder: Path) -> None:
    writers, meter = Writers(folder), ActivityMeter(folder, shape(), window_s=5)
    meter.begin_stage(0)
    for second in range(1, 21):
        for unit in range(second * 10 if second > 10 else 0):
            writers.publish(second * 1000 + unit, 0)
            writers.see(second * 1000 + unit, 1)
        found = meter.look(second * SECOND)
    assert found.completed_per_s == pytest.approx((160 + 170 + 180 + 190 + 200) / 5)
    meter.begin_stage(20 * SECOND)
    assert meter.look(21 * SECOND).completed_per_s == 0


def test_a_group_is_complete_with_its_last_member_and_as_bad_as_its_worst(folder: Path) -> None:
    writers, meter = Writers(folder), ActivityMeter(folder, shape(3, grouped=True))
    writers.publish(0, 0)
    writers.see(0, 10, Outcome.OK, 0)
    writers.see(0, 30, Outcome.FAILED, 1)
    assert meter.look(SECOND).completed == 0
    writers.see(0, 20, Outcome.OK, 2)
    writers.publish(1, 0)
    writers.see_group(1, 5)
    found = meter.look(2 * SECOND)
    assert found.outcomes == {"ok": 1, "failed": 1}
    assert found.p99_s == pytest.approx(0.020)


def test_who_gave_up_has_no_latency(folder: Path) -> None:
    writers, meter = Writers(folder), ActivityMeter(folder, shape())
    writers.publish(0, 0)
    writers.see(0, 30_000, Outcome.TIMED_OUT)
    found = meter.look(SECOND)
    assert (found.outcomes, found.p50_s) == ({"timed out": 1}, None)


def test_where_nobody_watches_finished_tasks_count_and_checks_afterwards(folder: Path) -> None:
    writers, meter = Writers(folder), ActivityMeter(folder, shape(2, watched=False))
    writers.publish(0, 0)
    writers.publish(1, 0)
    for position in (0, 1):
        writers.run(0, 5, position)
    writers.run(1, 5, 0)
    found = meter.look(SECOND)
    assert (found.finished, found.completed, found.outcomes) == (3, 1, {})
    writers.check(0, Outcome.OK)
    writers.check(1, Outcome.NONE)
    assert meter.look(2 * SECOND).outcomes == {"ok": 1}


def test_clients_do_not_mix_up_their_units(folder: Path) -> None:
    writers, meter = Writers(folder), ActivityMeter(folder, shape())
    second = first_unit(1)
    writers.publish(second, 0, UnitFlag.WARMUP)
    writers.publish(second + 1, 5)
    writers.publish(40, 1)
    for unit, at_ms in ((second, 9), (second + 1, 15), (40, 31)):
        writers.see(unit, at_ms)
        writers.run(unit, at_ms)
    found = meter.look(SECOND)
    assert (found.completed, found.finished) == (2, 2)
    assert (found.p50_s, found.p99_s) == (0.010, 0.030)


def test_many_units_under_way_keep_their_begin(folder: Path) -> None:
    writers, meter = Writers(folder), ActivityMeter(folder, shape())
    count = 20_000  # more than there are slots at first
    for unit in range(7, 7 + count):
        writers.publish(unit, unit)
        if unit % 5000 == 0:
            meter.look(SECOND)
    for unit in range(7, 7 + count):
        writers.see(unit, unit + 40)
    found = meter.look(2 * SECOND)
    assert (found.completed, found.p50_s, found.p99_s) == (count, 0.040, 0.040)


# --- following ------------------------------------------------------------------------------------


def test_a_slot_that_is_filled_late_is_found_then(folder: Path) -> None:
    writers, follower = Writers(folder), Follower(folder)
    for unit in range(3):
        writers.publish(unit, unit)
    (path,) = folder.glob("client-*.evt")
    place = HEADER_BYTES + RECORD_BYTES
    with path.open("r+b") as file:
        file.seek(place)
        record = file.read(RECORD_BYTES)
        file.seek(place)
        file.write(bytes(RECORD_BYTES))
        file.flush()
        assert follower.new()["unit"].tolist() == [0, 2]
        assert follower.new()["unit"].tolist() == []
        file.seek(place)
        file.write(record)
        file.flush()
        assert follower.new()["unit"].tolist() == [1]
        assert follower.new()["unit"].tolist() == []


def test_one_look_is_bounded_and_says_so(folder: Path) -> None:
    writers, follower = Writers(folder), Follower(folder, most_records=1000)
    for unit in range(12_000):
        writers.publish(unit, unit)
    found: list[int] = []
    behind = []
    while len(found) < 12_000:
        new = follower.new()["unit"].tolist()
        assert 0 < len(new) <= 5000
        found += new
        behind.append(follower.behind)
    assert found == list(range(12_000))
    assert behind[0]
    assert follower.new().size == 0
    assert not follower.behind


def test_logs_that_are_gone_are_nothing_new(folder: Path) -> None:
    writers, follower = Writers(folder), Follower(folder)
    writers.publish(0, 0)
    assert len(follower.new()) == 1
    for path in folder.iterdir():
        path.unlink()
    folder.rmdir()
    assert len(follower.new()) == 0


def test_latencies_of_the_stage_before_do_not_count(folder: Path) -> None:
    writers, meter = Writers(folder), ActivityMeter(folder, shape())
    writers.publish(0, 0)
    writers.see(0, 900)
    assert meter.look(SECOND).p99_s == 0.900
    meter.begin_stage(2 * SECOND)
    assert meter.look(3 * SECOND).p99_s is None
    writers.publish(1, 3000)
    writers.see(1, 3005)
    assert meter.look(4 * SECOND).p99_s == 0.005
