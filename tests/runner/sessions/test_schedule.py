"""Beat from the command line to the record, on real servers: its fires, its lateness, its end."""

from __future__ import annotations

import signal
import time
from itertools import pairwise
from pathlib import Path
from typing import Any

import psutil
import pytest

from harness.probe.recording.events import Kind
from harness.processes import wait_ended
from harness.results.events.eventlog import Tail, all_of_kind
from harness.results.record.periodic import Periodic
from harness.results.record.run import BlockRecord
from tests.runner.outside import OwnedRabbitmq
from tests.runner.running import Ended, Running, Site, outcomes_of, wait_for

GONE_S = 15.0
TENTH: dict[str, Any] = {"workload": "periodic", "every": 0.1}
PAUSE_S = 1.0


def schedules(site: Site, *workloads: dict[str, Any], **measure: Any) -> None:
    site.scenario(workloads=list(workloads), measure={"warmup": 4, "duration": "2s"} | measure)


def kept(block: BlockRecord) -> Periodic:
    one = block.periodic
    assert one is not None
    assert one.expected == one.fires + one.missed + one.slipped - one.doubled
    return one


def check_samples(ended: Ended, block: BlockRecord) -> None:
    """Each measured fire is one unit, with phases that add up from the moment it was due."""
    one = kept(block)
    assert outcomes_of(block) == {"ok": one.fires} == {"ok": block.units}
    fires = {row["unit"]: row for row in ended.rows(block, "fires") if row["measured"]}
    units = {row["unit"]: row for row in ended.rows(block, "units")}
    assert fires.keys() == units.keys()
    for number, unit in units.items():
        fire = fires[number]
        assert fire["due_ns"] == unit["due_ns"]
        assert fire["due_ns"] - 1000 <= fire["tick_ns"] <= fire["publish_ns"] < fire["published_ns"]
        parts = [unit[f"{name}_ns"] for name in ("schedule", "queue", "dispatch", "run")]
        assert sum(parts) == unit["total_ns"]
    assert len({(row["entry"], row["point_ns"]) for row in fires.values()}) == one.fires
    assert one.due_to_sent_s == block.phases_s["schedule"]
    assert one.due_to_sent_s.count == one.sent_to_started_s.count == one.fires
    assert block.latency_basis == "finished"


def test_beat_and_worker(site: Site) -> None:
    """A beat of its own, and one inside a worker: the same fires, every result checked."""
    schedules(site, {**TENTH, "entries": 3}, {**TENTH, "entries": 3, "through": "worker"})
    ended = site.run()
    assert ended.code == 0, ended.stderr
    apart, inside = sorted(ended.record.blocks, key=lambda block: block.cell)
    for block in (apart, inside):
        one = kept(block)
        assert (one.entries, one.expected, one.doubled) == (3, 60, 0)
        assert one.fires >= 9, "as many as in three ticks: a machine may stand still for a second"
        check_samples(ended, block)
    assert kept(apart).beat_cpu_ms_per_fire is not None
    assert kept(inside).beat_cpu_ms_per_fire is None
    assert (ended.folder / apart.files["logs"] / "beat.log").exists()
    assert not (ended.folder / inside.files["logs"] / "beat.log").exists()
    assert "Schedules: fires against the plan" in ended.stdout
    assert list(site.temporary.iterdir()) == [], "beat's files went with the run"


def beats(site: Site) -> list[psutil.Process]:
    return [process for process in site.family() if "beat" in process.cmdline()]


def measuring(running: Running) -> psutil.Process:
    """The beat process, once a few fires of the measured time are out."""
    running.wait_event(Kind.MEASURE_BEGIN)
    running.wait_event(Kind.TICK, 6)
    (beat,) = beats(running.site)
    return beat


def test_a_beat_that_stands_still(site: Site) -> None:
    """SIGSTOP for a second: what it left out is missed, and the fire after it is late. A gate
    sees it."""
    site.scenario(
        workloads=[TENTH],
        measure={"warmup": 4, "duration": "4s"},
        gates=["missed == 0", "doubled == 0"],
    )
    with site.start("run", "scenarios/s.yaml") as running:
        beat = measuring(running)
        beat.suspend()
        time.sleep(PAUSE_S)  # the plant
        beat.resume()
        ended = running.ended()
    assert ended.code == 1, ended.stderr
    assert {gate.gate: gate.passed for gate in ended.record.gates} == {
        "missed == 0": False,
        "doubled == 0": True,
    }
    block, one = ended.block, kept(ended.block)
    ticks = [row["tick_ns"] for row in ended.rows(block, "fires")]
    longest_s = max(after - before for before, after in pairwise(ticks)) / 1e9
    assert longest_s >= PAUSE_S
    assert one.missed >= round(longest_s / 0.1) - 2
    assert one.due_to_sent_s.max is not None
    assert one.due_to_sent_s.max >= longest_s - 0.1 - 1e-3
    assert one.behind_max_s is not None
    assert one.behind_max_s >= longest_s - 0.1 - 1e-3
    assert (one.doubled, outcomes_of(block)) == (0, {"ok": one.fires})
    assert "schedule_missed" in {warning.code for warning in block.warnings}
    assert f"{one.missed} of {one.expected} missed" in ended.words


def test_a_beat_that_dies(site: Site) -> None:
    """The block says so, and keeps what was measured."""
    schedules(site, TENTH, duration="60s")
    with site.start("run", "scenarios/s.yaml") as running:
        measuring(running).kill()
        ended = running.ended()
    block = ended.block
    assert (ended.code, block.status, block.beat_fell) == (1, "partial", True)
    (last,) = (line for line in ended.stderr.splitlines() if line.startswith("BEAT ENDED: "))
    assert "block 0: beat ended with exit code -9 (SIGKILL)" in last
    assert kept(block).fires >= 1
    # What beat was just publishing when it was killed may be lost.
    outcomes = outcomes_of(block)
    assert sum(outcomes.values()) == kept(block).fires
    assert outcomes["ok"] >= kept(block).fires - 1


@pytest.mark.parametrize("through", ["beat", "worker"])
def test_nothing_outlives_a_killed_harness(site: Site, through: str) -> None:
    """SIGKILL: beat goes with it, and a later report has the fires."""
    schedules(site, {**TENTH, "through": through}, duration="60s")
    with site.start("run", "scenarios/s.yaml") as running:
        running.wait_event(Kind.MEASURE_BEGIN)
        running.wait_event(Kind.TICK, 20)
        family = site.family()
        running.kill(signal.SIGKILL)
        ended = running.ended()
    assert wait_ended(family, GONE_S) == []
    again = site.harness("report", str(ended.folder))
    assert "INTERRUPTED" in again.stdout
    assert "Schedules: fires against the plan" in again.stdout


def test_a_crontab(site: Site, rabbitmq_server: OwnedRabbitmq) -> None:
    """The full minute of the wall clock, whenever that is; ended by the user when it has passed."""
    site.configuration(broker=rabbitmq_server.broker(site))
    schedules(site, {"workload": "periodic", "crontab": "* * * * *", "entries": 5}, duration="70s")
    with site.start("run", "scenarios/s.yaml") as running:
        running.wait_event(Kind.MEASURE_BEGIN)
        full_ns = full_minute_after(begun_ns(running))
        running.wait_for(lambda: ticks_since(running, full_ns) >= 5, "a full minute")
        wait_for(lambda: all_stored(running), "their results")
        running.kill(signal.SIGINT)
        ended = running.ended()
    block, one = ended.block, kept(ended.block)
    assert block.status == "partial"
    # A minute that was full before the measuring began has its fires there, too, unmeasured; one
    # that was full just when it began may be of it.
    rows = [row for row in ended.rows(block, "fires") if row["measured"]]
    minutes = len({row["point_ns"] for row in rows})
    assert minutes in (1, 2)
    assert (one.expected, one.fires, one.missed, one.doubled) == (5 * minutes, 5 * minutes, 0, 0)
    assert outcomes_of(block) == {"ok": 5 * minutes}
    assert len(rows) == 5 * minutes
    offset_ns = time.time_ns() - time.monotonic_ns()
    for row in rows:
        second = (row["due_ns"] + offset_ns) / 1e9 % 60
        assert min(second, 60 - second) < 0.05, "the clocks have come apart by less"
        assert abs(row["due_ns"] - row["point_ns"]) < 1_000_000
    assert (one.drift_per_hour_s, one.behind_s) == (None, None)


def events_of(running: Running) -> Path:
    """The folder of the event logs of its block."""
    (events,) = running.site.results.glob("*/blocks/000/events")
    return events


def begun_ns(running: Running) -> int:
    """When its measuring began."""
    return int(all_of_kind(events_of(running), Kind.MEASURE_BEGIN)["time_ns"].min())


def full_minute_after(moment_ns: int) -> int:
    """When the wall clock is at a full minute for the first time after a moment."""
    minute_ns, offset_ns = 60_000_000_000, time.time_ns() - time.monotonic_ns()
    return -(-(moment_ns + offset_ns) // minute_ns) * minute_ns - offset_ns


def ticks_since(running: Running, moment_ns: int) -> int:
    """How often beat has fired since a moment, which clocks that come apart may move a little."""
    ticks = all_of_kind(events_of(running), Kind.TICK)["time_ns"]
    return int((ticks > moment_ns - 50_000_000).sum())


def all_stored(running: Running) -> bool:
    """Whether all that was published has its result."""
    tail = Tail(events_of(running))
    tail.refresh()
    return tail.count(Kind.STORED) >= tail.count(Kind.PUBLISHED)
