"""Open loops from the command line to the record, on real servers."""

from __future__ import annotations

import signal
from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import pytest

from harness.probe.recording.events import Kind
from harness.results.record.run import BlockRecord
from tests.runner.outside import OwnedRabbitmq
from tests.runner.running import Ended, Site

STEADY: dict[str, Any] = {"phase": "steady", "rate": "80/s", "duration": "2s"}
PHASES: list[dict[str, Any]] = [
    {"phase": "warmup", "rate": 40, "duration": "0.5s"},
    STEADY,
    {"phase": "burst", "rate": 300, "duration": "0.5s"},
    {"phase": "ramp", "rate": 20, "to": 100, "duration": "1s"},
    {"phase": "drain", "duration": "0.5s"},
]
MEASURE = {"warmup": 8, "interval": "0.25s"}


def rate(
    site: Site,
    *arguments: str,
    measure: Any = None,
    configurations: Sequence[str] = ("c",),
    **load: Any,
) -> Ended:
    site.scenario(
        configurations=list(configurations),
        loads=[{"load": "rate", **load}],
        measure=MEASURE | (measure or {}),
    )
    return site.run(*arguments)


def phases_of(block: BlockRecord) -> dict[str, tuple[int, int, int]]:
    return {p.phase: (p.planned, p.sent, p.outcomes.ok) for p in block.load_phases}


@pytest.mark.parametrize(
    ("broker", "backend"), [("redis", "redis"), ("rabbitmq", "rpc"), ("sqs", "redis")]
)
def test_phases_of_a_rate(
    site: Site, rabbitmq_server: OwnedRabbitmq, broker: str, backend: str
) -> None:
    """Each phase gets what its rate says, everything is in the ledger, and only what counts in
    the block's figures."""
    site.configuration(
        broker=rabbitmq_server.broker(site) if broker == "rabbitmq" else {"service": broker},
        backend={"service": backend},
        settings={"broker_transport_options": {"polling_interval": 0}} if broker == "sqs" else {},
    )
    factor = 0.1 if broker == "sqs" else 1
    phases = [
        {key: value * factor if key in ("rate", "to") else value for key, value in phase.items()}
        for phase in ({**STEADY, "rate": 80}, *PHASES[2:4])
    ]
    ended = rate(site, phases=[PHASES[0], *phases, PHASES[4]])
    assert ended.code == 0, ended.stderr
    block = ended.block
    planned = {name: counts[0] for name, counts in phases_of(block).items()}
    expected = {"steady": 160, "burst": 150, "ramp": 60}
    scaled = {name: round(count * factor) for name, count in expected.items()}
    assert planned == {"warmup": 20, **scaled, "drain": 0}
    assert all(sent == ok == due for due, sent, ok in phases_of(block).values())
    assert [p.counted for p in block.load_phases] == [False, True, True, True, False]
    assert block.units == block.outcomes.ok == sum(planned.values())
    assert block.latency_s.count == sum(planned.values()) - 20
    assert block.latency_basis == "seen"
    assert block.unsent == 0
    rows = ended.rows(block, "units")
    assert [row["due_ns"] for row in rows] == sorted(row["due_ns"] for row in rows)
    for row in rows:
        parts = [row[f"{name}_ns"] for name in ("schedule", "queue", "dispatch", "run", "result")]
        assert sum(parts) == row["total_ns"] == row["seen_ns"] - row["due_ns"]
        assert row["schedule_ns"] >= 0
    assert block.observer["cpu_us_per_result"] > 0
    assert "Phases of the load" in ended.stdout
    check_timeline(ended, block)


def check_timeline(ended: Ended, block: BlockRecord) -> None:
    """Interval by interval, the sums are those of the block."""
    seconds = ended.rows(block, "timeline")
    units = ended.rows(block, "units")
    assert sum(row["due"] for row in seconds) == sum(row["sent"] for row in seconds) == block.units
    assert sum(row["completed"] for row in seconds) == block.completed
    assert seconds[-1]["under_way"] == seconds[-1]["waiting"] == 0
    width = seconds[1]["t_s"] - seconds[0]["t_s"]
    assert width == pytest.approx(0.25)
    begin = min(row["due_ns"] for row in units)
    for row in seconds:
        mine = [
            unit["total_ns"] / 1e9
            for unit in units
            if row["t_s"] <= (unit["seen_ns"] - begin) / 1e9 < row["t_s"] + width
        ]
        assert row["completed"] == len(mine)
        if mine:
            assert row["max_s"] == pytest.approx(max(mine))
        else:
            assert row["p50_s"] is None
        at_end = begin + (row["t_s"] + width) * 1e9
        assert row["under_way"] == sum(
            unit["publish_ns"] < at_end <= unit["seen_ns"] for unit in units
        )


@pytest.mark.parametrize(
    ("backend", "other"),
    [
        ("redis", {"workload": "chain"}),
        ("rpc", {"workload": "heavy_task", "n": "text"}),
    ],
)
def test_every_result_is_seen_and_checked(
    site: Site, rabbitmq_server: OwnedRabbitmq, backend: str, other: dict[str, Any]
) -> None:
    site.configuration(
        broker=rabbitmq_server.broker(site) if backend == "rpc" else {"service": "redis"},
        backend={"service": backend},
    )
    site.scenario(
        workloads=[{"workload": "group", "size": 3}, other],
        loads=[{"load": "rate", "rate": "40/s"}],
        measure={"warmup": 4, "units": 60},
    )
    ended = site.run()
    assert ended.code == 0, ended.stderr
    fail = "n" in other
    for (block,), meant in zip((c.blocks for c in ended.record.cells), (0, 60 * fail), strict=True):
        assert (block.outcomes.ok, block.failed_as_meant) == (60 - meant, meant)
        assert block.latency_s.count == 60
        for row in ended.rows(block, "units"):
            assert row["result_ns"] >= 0


def test_one_plan_whoever_sends_it(site: Site) -> None:
    """The same seed plans the same moments for every block, and for one client or three."""
    site.configuration()
    load = {"load": "rate", "rate": 60, "arrivals": "poisson"}
    site.scenario(
        loads=[load, {**load, "clients": 3}, {**load, "senders": 1}],
        measure={"warmup": 6, "duration": "2s"},
    )
    ended = site.run("--seed", "11")
    assert ended.code == 0, ended.stderr
    plans = []
    for block in ended.record.blocks:
        due = sorted(row["due_ns"] for row in ended.rows(block, "units"))
        plans.append([later - earlier for earlier, later in pairwise(due)])
        assert block.outcomes.ok == block.units
    assert plans[0] == plans[1] == plans[2]
    numbers = {row["unit"] >> 24 for row in ended.rows(ended.record.cells[1].blocks[0], "units")}
    assert numbers == {0, 1, 2}


def test_a_client_that_cannot_keep_up_is_blamed(site: Site) -> None:
    """In the record, in the table and in the warnings, with the machine as the reason; and what it
    did not send is counted."""
    site.configuration()
    ended = rate(site, rate=20_000, senders=1, measure={"duration": "1s", "timeout": "3s"})
    block = ended.block
    assert block.client_limited
    assert block.planned_per_s == pytest.approx(20_000)
    assert block.sent_per_s is not None
    assert block.sent_per_s < 19_800
    assert block.unsent == 20_000 - block.units > 0
    # The last one sent was due long before; by how much depends on the machine.
    assert block.phases_s["schedule"].max > 0.1  # type: ignore[operator]
    assert "client-limited" in ended.stdout
    assert "The client could not send all units on time" in ended.words
    codes = {warning.code for warning in block.warnings}
    assert codes >= {"over_capacity", "client_starved"}, "20,000/s take more than any machine has"
    assert "client_limited" not in codes, "more senders would not help"
    assert "MORE THAN THERE IS: " in ended.words  # behind what else has to be known of the run
    assert " cores, this machine has " in ended.words


def test_nobody_watches(site: Site) -> None:
    """Latency then ends when the task finished; results are checked all the same, if there are."""
    site.configuration("without", backend={"service": "none"})
    ended = rate(
        site,
        rate=50,
        results="afterwards",
        measure={"units": 100},
        configurations=["c", "without"],
    )
    assert ended.code == 0, ended.stderr
    block, without = (cell.blocks[0] for cell in ended.record.cells)
    assert block.latency_basis == "finished"
    assert block.outcomes.ok == without.outcomes.ok == 100
    assert "results_unchecked" not in {warning.code for warning in block.warnings}
    assert block.observer == {}
    assert all(row["result_ns"] == 0 for row in ended.rows(block, "units"))


def test_without_a_backend_nobody_can_watch(site: Site) -> None:
    site.configuration(backend={"service": "none"})
    refused = rate(site, rate=50, measure={"units": 100})
    assert refused.code == 2
    assert "rate load waits for results" in refused.stderr
    assert "use results: afterwards" in refused.stderr


def test_saturation_of_slots(site: Site) -> None:
    """Two slots that each sleep 100 ms a task take 20 a second, and the slots are what stops it."""
    site.configuration()
    site.scenario(
        workloads=[{"workload": "heavy_task", "n": 12, "sleep": "10ms"}],
        loads=[
            {
                "load": "saturate",
                "limits": ["p99(latency.total) < 400ms"],
                "start": 5,
                "step": "2s",
                "precision": "20%",
                "time": "60s",
            }
        ],
        measure={"warmup": 2},
    )
    ended = site.run()
    assert ended.code == 0, ended.stderr
    block, found = ended.block, ended.block.saturation
    assert found is not None
    assert found.rate_per_s is not None
    assert 12 <= found.rate_per_s <= 21
    assert found.stopped_by == "slots"
    assert found.confirmed
    assert len(found.steps) == len(block.load_phases)
    sustained = [phase for phase in block.load_phases if phase.counted]
    assert {phase.rate_per_s for phase in sustained} == {found.rate_per_s}
    assert block.latency_s.count == sum(phase.completed for phase in sustained)
    assert block.outcomes.ok == block.units
    assert "How much it takes" in ended.stdout
    assert "all slots were running tasks" in ended.words
    assert found.capacity["short_of"] == "slots"
    assert found.capacity["there"] == 2
    assert float(found.capacity["each_s"]) > 0.09, "a stall makes a sleep longer, never shorter"
    assert " slots, 2 there" in ended.words
    broken = [step.rate_per_s for step in found.steps if step.rate_per_s == found.broken_at_per_s]
    assert len(broken) >= 2, "a broken rate is tried again"


def test_a_search_ends_in_time(site: Site) -> None:
    site.configuration()
    site.scenario(
        loads=[{"load": "saturate", "start": 10, "step": "1s", "time": "2.5s"}],
        measure={"warmup": 2},
    )
    ended = site.run()
    found = ended.block.saturation
    assert found is not None
    assert len(found.steps) <= 3
    assert found.out_of_time
    assert found.stopped_by == "time"
    assert "the time was up" in ended.words


def planned(block: BlockRecord) -> Sequence[str]:
    return [phase.phase for phase in block.load_phases]


def test_interrupted(site: Site) -> None:
    """What was sent is kept, measured and reported as partial; what was not is counted."""
    site.configuration()
    site.scenario(loads=[{"load": "rate", "phases": [{**STEADY, "duration": "60s"}]}])
    with site.start("run", "scenarios/s.yaml", "--set", "measure.units=null") as running:
        running.wait_event(Kind.SEEN, 50)  # those of probe tasks and of the warm-up among them
        running.kill(signal.SIGINT)
        ended = running.ended()
    assert ended.code == 130
    block = ended.block
    assert block.status == "partial"
    assert planned(block) == ["steady"]
    assert block.outcomes.ok >= 40
    assert block.unsent == 4800 - block.units
    assert block.outcomes.ok + block.outcomes.timed_out == block.units
    assert not block.client_limited, "the user ended it: the client was fast enough"
    assert "client-limited" not in ended.stdout


def test_an_interrupted_search(site: Site) -> None:
    """It names no bottleneck, and the step that was broken off proves nothing. Its rates are such
    as any machine keeps, however loaded."""
    site.configuration()
    search = {"load": "saturate", "start": 4, "step": "1s", "limits": ["p99(latency.total) < 60s"]}
    site.scenario(loads=[search], measure={"warmup": 2})
    with site.start("run", "scenarios/s.yaml") as running:
        running.wait_event(Kind.MEASURE_BEGIN, 3)
        running.kill(signal.SIGINT)
        ended = running.ended()
    found = ended.block.saturation
    assert found is not None
    assert (found.stopped_by, found.broken_at_per_s) == ("interrupt", None)
    assert [step.rate_per_s for step in found.steps] == [4, 8]
    assert found.rate_per_s == 8
    assert [phase.counted for phase in ended.block.load_phases] == [False, True, False]
    assert "stopped by an interrupt" in ended.words


def test_killed(site: Site) -> None:
    """A later report finds the phases of the block that was under way."""
    site.configuration()
    phases = [{**STEADY, "duration": "0.5s"}, {**STEADY, "phase": "burst", "duration": "60s"}]
    site.scenario(loads=[{"load": "rate", "phases": phases}])
    with site.start("run", "scenarios/s.yaml", "--set", "measure.units=null") as running:
        running.wait_event(Kind.SEEN, 80)
        running.kill(signal.SIGKILL)
        ended = running.ended()
    again = site.harness("report", str(ended.folder))
    assert "INTERRUPTED" in again.stdout
    assert "steady, 500 ms" in again.stdout
    assert "burst, 60.0 s" in again.stdout


def test_a_backlog_without_results(site: Site) -> None:
    """Workers get ready and warm up though nobody can ask them whether they did."""
    site.configuration("without", backend={"service": "none"})
    site.configuration("ignored", settings={"task_ignore_result": True})
    site.scenario(
        configurations=["without", "ignored"],
        loads=["backlog"],
        measure={"warmup": 10, "units": 150},
    )
    ended = site.run()
    assert ended.code == 0, ended.stderr
    assert len(ended.record.blocks) == 2
    for block in ended.record.blocks:
        assert block.outcomes.ok == block.units == 150
        assert block.worker_cpu_ms_per_task is not None
        assert "results_unchecked" in {warning.code for warning in block.warnings}
