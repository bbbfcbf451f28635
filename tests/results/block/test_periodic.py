"""How beat kept to its schedule, by event logs made by hand and against a slow reference."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.probe.recording.events import NO_ID, Kind, UnitFlag
from harness.probe.recording.ids import BEAT, first_unit, ident_maker, new_tag
from harness.probe.recording.recorder import Recorder
from harness.results.block.periodic import (
    Fires,
    Schedule,
    kept_interval,
    kept_schedule,
    schedule_warnings,
)
from harness.results.events.merge import merge
from harness.results.events.merged import MISSING
from harness.results.record.periodic import Periodic

MS = 1_000_000
SECOND = 1000 * MS
START = 5000 * SECOND
BEGIN, END = START + 1500 * MS, START + 11_500 * MS
"""Ten moments of a schedule of one second lie in this: START + 2 s ... START + 11 s."""
EVERY_SECOND: dict[str, Any] = {"workload": "periodic", "every": 1.0, "entries": 1}
EVERY_MINUTE: dict[str, Any] = {"workload": "periodic", "every": None, "entries": 1}


class Log:
    """What a beat, a worker and a client would have written."""

    def __init__(self, folder: Path, begin_ns: int = BEGIN, end_ns: int | None = END) -> None:
        self._beat, self._worker = Recorder(str(folder), "beat"), Recorder(str(folder), "child")
        self._folder = folder
        self._ident = ident_maker(new_tag())
        self._unit = first_unit(BEAT)
        self._window = begin_ns, END if end_ns is None else end_ns
        client = Recorder(str(folder), "client")
        client.record(Kind.MEASURE_BEGIN, NO_ID, begin_ns)
        if end_ns is not None:
            client.record(Kind.MEASURE_END, NO_ID, end_ns)
        self._client = client

    def scheduled(self, entry: int = 0, at_ns: int = START) -> None:
        self._beat.record(Kind.SCHEDULED, NO_ID, at_ns, 0, entry)

    def point(self, at_ns: int) -> None:
        self._client.record(Kind.POINT, NO_ID, at_ns)

    def fire(
        self,
        tick_ns: int,
        *,
        due_ns: int | None = None,
        entry: int = 0,
        sent_ns: int = 0,
        started_ns: int | None = 0,
    ) -> None:
        """`sent_ns` after the tick, `started_ns` after that (None: never)."""
        unit, ident = self._unit, self._ident(self._unit)
        self._unit += 1
        begin_ns, end_ns = self._window
        measured = begin_ns <= tick_ns < end_ns
        record = self._beat.record
        record(Kind.DUE, ident, tick_ns if due_ns is None else due_ns, unit)
        record(Kind.TICK, ident, tick_ns, unit, entry)
        flag = UnitFlag.MEASURED if measured else UnitFlag.WARMUP
        record(Kind.PUBLISH, ident, tick_ns + sent_ns, unit, 0, flag)
        record(Kind.PUBLISHED, ident, tick_ns + sent_ns, unit)
        if started_ns is not None:
            self._worker.record(Kind.STARTED, ident, tick_ns + sent_ns + started_ns)

    def read(self, workload: dict[str, Any], **fields: Any) -> tuple[Periodic, Fires]:
        merged = merge(self._folder, 1, grouped=False)
        found = kept_schedule(self._folder, {**workload, **fields}, merged)
        assert found is not None
        return found


def counts(one: Periodic) -> tuple[int, int, int, int, int]:
    assert one.expected == one.fires + one.missed + one.slipped - one.doubled
    return one.expected, one.fires, one.missed, one.doubled, one.slipped


def warned(one: Periodic) -> dict[str, Any]:
    return {warning.code: warning.data for warning in schedule_warnings(one)}


def every_second(folder: Path, offsets_ms: Sequence[float]) -> Periodic:
    log = Log(folder)
    log.scheduled()
    for offset_ms in offsets_ms:
        log.fire(START + round(offset_ms * MS))
    return log.read(EVERY_SECOND)[0]


REGULAR = [1000 * n for n in range(1, 13)]


def test_on_time(tmp_path: Path) -> None:
    """Fires before and behind the measured time are none of it."""
    one = every_second(tmp_path, REGULAR)
    assert counts(one) == (10, 10, 0, 0, 0)
    assert one.drift_per_fire_s == 0
    assert (one.behind_s, one.behind_max_s) == (0, 0)


def test_drift_is_no_miss(tmp_path: Path) -> None:
    """Each interval is 30 ms too long: after seventeen fires half a second is lost. The moment
    without a fire is slipped, since no fire was late by more than 30 ms."""
    log = Log(tmp_path, START + 1500 * MS, START + 20_500 * MS)
    log.scheduled()
    for n in range(1, 22):
        log.fire(START + 1030 * n * MS)
    one, _ = log.read(EVERY_SECOND)
    assert counts(one) == (19, 18, 0, 0, 1)
    assert warned(one) == {}
    assert one.drift_per_fire_s == pytest.approx(0.030)
    assert one.behind_s == pytest.approx(18 * 0.030)


@pytest.mark.parametrize(("fires", "told"), [(29, False), (30, True)])
@pytest.mark.parametrize("entries", [1, 5])
def test_drift_per_hour_needs_intervals(
    tmp_path: Path, fires: int, told: bool, entries: int
) -> None:
    """Thirty of each entry: five entries with six each share one beat, and are six samples."""
    log = Log(tmp_path, START + 500 * MS, START + round((fires + 0.5) * 1010 * MS))
    for entry in range(entries):
        log.scheduled(entry)
        for n in range(1, fires + 1):
            log.fire(START + 1010 * n * MS, entry=entry)
    one, _ = log.read(EVERY_SECOND, entries=entries)
    assert counts(one) == (fires * entries, fires * entries, 0, 0, 0)
    assert one.drift_per_fire_s == pytest.approx(0.010)
    hour_s = 0.010 / 1.010 * 3600
    assert one.drift_per_hour_s == (pytest.approx(hour_s) if told else None)


def test_a_pause(tmp_path: Path) -> None:
    """Beat stands still for 3.3 s, then fires once and counts from there. Its drift is none."""
    late = [8300, 9300, 10_300, 11_300, 12_300]
    one = every_second(tmp_path, [1000, 2000, 3000, 4000, *late])
    assert counts(one) == (10, 7, 3, 0, 0)
    assert warned(one) == {"schedule_missed": {"missed": 3, "expected": 10}}
    assert one.drift_per_fire_s == pytest.approx(0)
    assert one.behind_s == pytest.approx(3.3)


def test_a_late_fire_is_neither_missed_nor_doubled(tmp_path: Path) -> None:
    one = every_second(tmp_path, [1000, 2000, 3000, 4400, *range(5400, 13_000, 1000)])
    assert counts(one) == (10, 10, 0, 0, 0)
    assert one.behind_s == pytest.approx(0.4)


def test_two_beats(tmp_path: Path) -> None:
    """Everything comes twice, a little apart."""
    one = every_second(tmp_path, sorted([*REGULAR, *(offset + 40 for offset in REGULAR)]))
    assert counts(one) == (10, 20, 0, 10, 0)
    assert warned(one) == {"schedule_doubled": {"fires": 10}}


def test_a_beat_that_ended(tmp_path: Path) -> None:
    """What it did not fire is missed, though no later fire tells of the gap."""
    assert counts(every_second(tmp_path, [1000, 2000, 3000])) == (10, 2, 8, 0, 0)


def test_a_beat_that_never_fired(tmp_path: Path) -> None:
    one = every_second(tmp_path, [])
    assert counts(one) == (10, 0, 10, 0, 0)
    assert one.behind_s is None
    assert one.due_to_sent_s.count == 0


def test_a_beat_that_cannot_keep_up(tmp_path: Path) -> None:
    """A round takes 2.5 s instead of 1: no interval is ordinary, so there is no drift to tell."""
    one = every_second(tmp_path, [2500, 5000, 7500, 10_000, 12_500])
    assert counts(one) == (10, 4, 6, 0, 0)
    assert one.drift_per_fire_s is None
    assert one.behind_s == pytest.approx(4 * 1.5)


def test_entries_have_plans_of_their_own(tmp_path: Path) -> None:
    """Each counts from the moment at which its own schedule began."""
    log = Log(tmp_path)
    for entry, begin_ns in enumerate((START, START + 300 * MS)):
        log.scheduled(entry, begin_ns)
    for n in range(1, 13):
        log.fire(START + n * SECOND, entry=0)
        if n != 5:
            log.fire(START + 300 * MS + n * SECOND, entry=1)
    one, fires = log.read(EVERY_SECOND, entries=2)
    assert counts(one) == (20, 19, 1, 0, 0)
    assert one.behind_s == pytest.approx(0.5)
    assert one.behind_max_s == pytest.approx(1.0)
    assert sorted(set(((fires.point_ns - START) // MS % 1000).tolist())) == [0, 300]


def test_lateness_is_counted_from_what_beat_aimed_at(tmp_path: Path) -> None:
    log = Log(tmp_path)
    log.scheduled()
    for n in range(2, 12):
        at_ns = START + n * SECOND
        log.fire(at_ns + 2 * MS, due_ns=at_ns, sent_ns=3 * MS, started_ns=7 * MS)
    one, fires = log.read(EVERY_SECOND)
    assert (one.due_to_tick_s.min, one.due_to_tick_s.max) == (0.002, 0.002)
    assert (one.due_to_sent_s.p50, one.due_to_sent_s.count) == (0.005, 10)
    assert one.sent_to_started_s.max == 0.007
    assert one.due_to_started_s.max == 0.012
    assert fires.measured.all()


def test_a_fire_that_nobody_started(tmp_path: Path) -> None:
    """It was sent when it was, and was never started: no sample of that, not zero."""
    log = Log(tmp_path)
    log.scheduled()
    for n in range(1, 13):
        log.fire(START + n * SECOND, started_ns=None if n == 5 else 0)
    one, _ = log.read(EVERY_SECOND)
    assert (one.due_to_sent_s.count, one.sent_to_started_s.count) == (10, 9)


def test_a_harness_that_was_killed_has_told_no_end(tmp_path: Path) -> None:
    """Then the last fire's moment is the last one."""
    log = Log(tmp_path, end_ns=None)
    log.scheduled()
    for n in range(1, 6):
        log.fire(START + n * SECOND)
    assert counts(log.read(EVERY_SECOND)[0]) == (4, 4, 0, 0, 0)


def test_cut_short_before_the_moment_of_its_last_fire(tmp_path: Path) -> None:
    """Each unit of the ledger is a fire: the one at 4.6 s is nearest to 5 s, behind the end."""
    log = Log(tmp_path, end_ns=START + 4800 * MS)
    log.scheduled()
    for n in range(1, 5):
        log.fire(START + (1000 + 1200 * (n - 1)) * MS)
    assert counts(log.read(EVERY_SECOND)[0]) == (4, 3, 0, 0, 1)


MINUTES = [START + n * 60 * SECOND for n in (1, 2, 3, 4)]


def every_minute(
    folder: Path, fires: Sequence[tuple[int, int]], end_ns: int = START + 270 * SECOND
) -> Periodic:
    """`fires`: due and tick of each."""
    log = Log(folder, START + SECOND, end_ns)
    log.scheduled()
    for point_ns in MINUTES:
        log.point(point_ns)
    for due_ns, tick_ns in fires:
        log.fire(tick_ns, due_ns=due_ns)
    return log.read(EVERY_MINUTE)[0]


def test_a_crontab(tmp_path: Path) -> None:
    """A fire belongs to the minute that beat aimed at, however late it is; there is no drift."""
    late = [(minute, minute + 25 * SECOND) for minute in MINUTES]
    one = every_minute(tmp_path, [(MINUTES[0] - 60 * SECOND, MINUTES[0] - 60 * SECOND), *late])
    assert counts(one) == (4, 4, 0, 0, 0)
    assert one.due_to_sent_s.max == 25
    assert (one.drift_per_hour_s, one.behind_s) == (None, None)


def test_a_crontab_missed_and_doubled(tmp_path: Path) -> None:
    """Two beats at the first minute; then both stand still, and skip the third."""
    fires = [(minute, minute + MS) for minute in (MINUTES[0], MINUTES[0], MINUTES[1], MINUTES[3])]
    assert counts(every_minute(tmp_path, fires)) == (4, 4, 1, 1, 0)


def test_a_crontab_that_was_cut_short(tmp_path: Path) -> None:
    """The client tells of all minutes at the begin; those behind the end are not missed."""
    fires = [(minute, minute + MS) for minute in MINUTES[:2]]
    assert counts(every_minute(tmp_path, fires, MINUTES[2])) == (2, 2, 0, 0, 0)


def test_no_schedule(tmp_path: Path) -> None:
    merged = merge(tmp_path, 1, grouped=False)
    assert kept_schedule(tmp_path, {"workload": "add"}, merged) is None
    one = kept_schedule(tmp_path, EVERY_SECOND, merged)
    assert one is not None
    assert (one[0].expected, one[0].fires) == (0, 0)


def test_calls_that_raised_or_never_returned_are_kept(tmp_path: Path) -> None:
    recorder, ident = Recorder(str(tmp_path), "beat"), ident_maker(new_tag())
    recorder.record(Kind.SCHEDULED, NO_ID, START)
    unit = first_unit(BEAT)
    recorder.record(Kind.DUE, ident(unit), BEGIN, unit)
    recorder.record(Kind.TICK, ident(unit), BEGIN, unit)
    recorder.record(Kind.PUBLISH, ident(unit), BEGIN + MS, unit, 0, UnitFlag.MEASURED)
    merged = merge(tmp_path, 1, grouped=False)
    found = kept_schedule(tmp_path, EVERY_SECOND, merged)
    assert found is not None
    assert found[1].published_ns.tolist() == [MISSING]
    assert found[1].publish_ns.tolist() == [BEGIN + MS]


# --- against a reference ------------------------------------------------------------------------


def reference(ticks: list[int], begin: int, schedule: Schedule) -> dict[str, Any]:
    """The definitions of docs/measuring.md, one moment and one fire at a time."""
    every = schedule.every_ns
    assert every is not None

    def moment(at: int) -> int:
        return (2 * (at - begin) + every) // (2 * every)

    n, plan = 1, []
    while begin + n * every < schedule.end_ns:
        if begin + n * every >= schedule.begin_ns:
            plan.append(n)
        n += 1
    fires = [at for at in ticks if moment(at) in plan]
    missed = 0
    for n in plan:
        if not any(moment(at) == n for at in ticks):
            before = max([begin, *(at for at in ticks if moment(at) < n)])
            after = min([at for at in ticks if moment(at) > n], default=schedule.silent_ns)
            missed += (after - before) >= 1.5 * every
    doubled = ordinary = too_long = behind = 0
    for earlier, at in zip([begin, *ticks], ticks, strict=False):
        if at in fires:
            gap = at - earlier
            behind += gap - every
            doubled += gap < 0.5 * every and moment(at) == moment(earlier)
            if 0.5 * every <= gap < 1.5 * every:
                ordinary += 1
                too_long += gap - every
    return {
        "expected": len(plan),
        "fires": len(fires),
        "missed": missed,
        "doubled": doubled,
        "ordinary": ordinary,
        "too_long_ns": too_long,
        "behind_ns": behind if fires else None,
    }


@settings(max_examples=300, deadline=None)
@given(
    gaps=st.lists(st.sampled_from([1, 3, 40, 49, 50, 51, 99, 100, 101, 130, 149, 150, 151, 400])),
    first=st.integers(0, 700),
    length=st.integers(0, 1500),
    begin=st.integers(0, 300),
)
def test_as_the_definitions_say(gaps: list[int], first: int, length: int, begin: int) -> None:
    ticks = (begin + np.cumsum(gaps)).astype(np.int64) if gaps else np.empty(0, dtype=np.int64)
    end = first + length
    silent = max([end + 50, *ticks.tolist()])
    schedule = Schedule(1, 100, first, end, silent)
    found = kept_interval(ticks, begin, schedule)
    expected = reference(ticks.tolist(), begin, schedule)
    assert {name: getattr(found, name) for name in expected} == expected


@settings(max_examples=20, deadline=None)
@given(st.permutations(range(12)))
def test_the_order_of_logs_decides_nothing(order: list[int]) -> None:
    """Fires of several entries lie in one log, in the order in which beat sent them."""
    with tempfile.TemporaryDirectory() as folder:
        log = Log(Path(folder))
        for entry in range(12):
            log.scheduled(entry)
        for n in range(1, 13):
            for entry in order:
                log.fire(START + n * SECOND + entry * MS, entry=entry)
        one, _ = log.read(EVERY_SECOND, entries=12)
    assert counts(one) == (120, 120, 0, 0, 0)
