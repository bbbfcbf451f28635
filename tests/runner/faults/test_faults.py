"""Faults from the command line to the record, on real servers and real workers."""

from __future__ import annotations

import json
import signal
from typing import Any

from harness.errors import ExitCode
from harness.probe.recording.events import Kind
from harness.processes import wait_ended
from harness.results.record.run import BlockRecord
from tests.runner.outside import OwnedRabbitmq, OwnedRedis
from tests.runner.running import LONG_PATIENCE_S, Ended, Site

SOON = {"visibility_timeout": 2, "unacked_restore_interval": 1, "unacked_restore_throttle": 1}
"""Redis gives back after two seconds what a dead worker held."""
APART = {"service": "redis", "apart": True}
FULL = {"fault": "fill_broker", "at": "1.5s", "duration": "1500ms"}


def tasks(steps: int) -> list[dict[str, Any]]:
    """Tasks of so many times 10 ms."""
    return [{"workload": "heavy_task", "n": steps + 2}]


def broken(site: Site, *faults: dict[str, Any], rate: int, steps: int, **fields: Any) -> Ended:
    measure = {"duration": "3.5s", "warmup": 4, "timeout": "12s"} | fields.pop("measure", {})
    site.scenario(
        workloads=tasks(steps),
        loads=[{"load": "rate", "rate": rate}],
        measure=measure,
        faults=list(faults),
        **fields,
    )
    return site.run(patience_s=LONG_PATIENCE_S)


def of(ended: Ended, words: str) -> BlockRecord:
    """The block of the only cell with these words in its name."""
    (cell,) = [cell for cell in ended.record.cells if words in cell.name]
    (block,) = cell.blocks
    assert block.status == "complete", block.error
    return block


def test_a_killed_worker_loses_or_doubles_by_its_acknowledgements(site: Site) -> None:
    """Early: what it had begun is lost. Late: it runs once more. Either way all of it is the
    fault's, the other worker goes on, and a new one is started."""
    site.configuration(
        settings={"broker_transport_options": SOON | {"visibility_timeout": 4}},
        worker={"count": 2, "concurrency": 2},
    )
    kill = {"fault": "kill_worker", "at": "1.5s", "restart": "300ms", "worker": 2}
    axis = {"settings.task_acks_late": [False, True]}
    ended = broken(site, kill, rate=35, steps=10, matrix=axis, measure={"timeout": "20s"})
    early, late = (of(ended, f"acks_late={word}") for word in ("false", "true"))
    for block in (early, late):
        (fault,) = block.faults
        assert (fault.fault, fault.target) == ("kill_worker", "worker2")
        assert fault.begin_at_s is not None
        assert fault.struck_at_s is not None
        assert fault.mended_at_s is not None
        # A machine that stands still makes it later, and nothing makes it earlier.
        assert 1.499 <= fault.begin_at_s <= fault.struck_at_s <= fault.mended_at_s - 0.3
        assert block.unattributed is not None
        assert block.unattributed.unsound == 0
        assert fault.trouble.lost == block.outcomes.lost
        assert fault.trouble.duplicated == block.duplicated
        assert block.outcomes.total == block.units
        assert (fault.workers, fault.back_by_itself) == (1, 0)
        log = ended.folder / block.files["logs"] / "worker2-2.log"
        assert "[queues]" in log.read_text()
        assert block.worker_cpu_ms_per_task is None  # what the dead had used is not known
    assert early.loss.started_not_finished >= 1
    # Acknowledged is what the main process was told of: the pool may have begun one more each.
    assert early.duplicated <= 2
    assert early.promises[0].promise == "at_most_once"
    assert early.promises[0].kept == ("broken" if early.duplicated else "kept")
    # What it had read and not written down as its own is gone even so: see docs/faults.md.
    assert late.outcomes.lost == late.loss.never_received <= 1
    assert late.duplicated >= 1
    assert late.promises[0].promise == "at_least_once"
    assert (late.promises[0].kept == "broken") == (late.outcomes.lost > 0)
    well = not early.duplicated and not late.outcomes.lost
    assert ended.code == (ExitCode.PASS if well else ExitCode.REGRESSION)
    assert "What this configuration promises and what it kept" in ended.words


def test_a_killed_redis_keeps_what_is_in_its_file(site: Site) -> None:
    """Overloaded, so that units wait in the queue: without persistence they are gone. A worker that
    falls then, see below, takes along what its two processes had begun."""
    site.configuration(
        backend=APART, settings={"broker_transport_options": SOON}, worker={"concurrency": 2}
    )
    kill = {"fault": "kill_broker", "at": "2s", "down": "100ms"}
    axis = {"broker.persistence": ["none", "aof"]}
    ended = broken(site, kill, rate=60, steps=5, matrix=axis)
    without, with_file = (of(ended, f"persistence={word}") for word in ("none", "aof"))
    for block in (without, with_file):
        (fault,) = block.faults
        assert fault.facts["boot_s"] > 0
        assert fault.workers == 1  # whether it comes back in time is not the servers' doing
        assert block.unattributed is not None
        assert block.unattributed.unsound == 0
        assert block.broker_cpu_ms_per_task is None
        assert not [name for name in block.traffic if name.startswith("redis.")]
    assert without.outcomes.lost >= 10
    assert without.promises[0].promise == "may_lose_queue"
    assert with_file.promises[0].promise == "keeps_queue"
    assert with_file.outcomes.lost <= 1 + 2 * with_file.fallen_workers


def test_pool_children_and_the_network(site: Site) -> None:
    """A pool process that dies in a task fails it, and is replaced. A slow network is measured; cut
    connections come back by themselves."""
    site.configuration(settings={"broker_transport_options": SOON}, worker={"concurrency": 2})
    ended = broken(
        site,
        {"fault": "kill_pool_child", "at": "1.2s"},
        {"fault": "slow_network", "at": "2.2s", "duration": "600ms", "rtt": "20ms"},
        {"fault": "reset_network", "at": "3.8s", "duration": "200ms", "side": "workers"},
        rate=15,
        steps=10,
        measure={"duration": "10s"},
    )
    block = ended.block
    assert block.status == "complete", block.error
    child, slow, reset = block.faults
    assert (child.target, child.trouble.lost) == ("worker1, a pool process", 0)
    # It was killed in a task, unless none ran just then.
    assert child.trouble.failed <= 1
    assert child.errors == block.failures
    assert child.errors.get("WorkerLostError", 0) == child.trouble.failed
    assert slow.facts["rtt_s"] >= 0.02
    assert slow.trouble.unsound == 0
    assert slow.target == "clients to broker, workers to broker"
    assert reset.target == "workers to broker"
    assert block.unattributed is not None
    assert block.unattributed.unsound == 0
    assert block.children is not None
    assert block.children.ended["fault"] == 1
    (assert_fell if block.fallen_workers else assert_came_back)(block)


def assert_came_back(block: BlockRecord) -> None:
    """Celery may take seconds to find out that a pool process has died, and starts another one."""
    child, _, reset = block.faults
    assert block.children is not None
    assert (block.children.ended, block.children.replaced) == ({"fault": 1}, 1)
    assert (child.back_by_itself, reset.fell) == (1, {})
    # Some versions of Celery live on and consume no more, which is told as well.
    assert reset.back_by_itself + block.silent_workers == 1


def assert_fell(block: BlockRecord) -> None:
    """Celery 5.7 falls in about one of fifteen such resets: while it closes a connection, kombu
    opens another one for it, and that one is cut off, too. It is told with the reset, whether the
    worker had found out by then that a process of its pool was gone, or not."""
    child, _, reset = block.faults
    assert block.children is not None
    replaced = block.children.replaced
    assert replaced <= 1
    assert child.back_by_itself <= replaced
    assert block.children.ended == {"fault": 1, "worker": 1 + replaced}
    assert (block.fallen_workers, reset.back_by_itself, reset.first_back_s) == (1, 0, None)
    assert reset.trouble.unsound == block.outcomes.lost + block.outcomes.timed_out
    (fell,) = [one.data["text"] for one in block.warnings if one.code == "worker_fell"]
    assert "worker1 ended with exit code 1: AttributeError" in fell
    assert reset.fell == {"worker1": "AttributeError"}
    assert block.unfinished == {}, "nobody is left who could go on"


def test_a_rabbitmq_that_is_full_and_one_that_goes_away(site: Site) -> None:
    """One node for both, for it boots for long: two loads, each with faults of its own."""
    site.configuration(
        broker={"service": "rabbitmq"},
        backend={"service": "redis"},
        settings={
            "broker_transport_options": {"confirm_publish": True},
            # Whoever publishes waits for the broker: so there are tasks to receive afterwards.
            "task_publish_retry_policy": {"max_retries": 1000, "interval_max": 0.5},
        },
    )
    gone = [
        {"fault": "kill_backend", "at": "1.2s", "down": "200ms"},
        {"fault": "restart_broker", "at": "3s", "down": "100ms"},
    ]
    rate = {"load": "rate", "rate": 15}
    site.scenario(
        workloads=tasks(5),
        loads=[
            {**rate, "faults": [FULL], "measure": {"duration": "6s"}},
            {**rate, "faults": gone, "measure": {"duration": "4s"}},
        ],
        measure={"warmup": 4, "timeout": "60s"},
    )
    ended = site.run(patience_s=LONG_PATIENCE_S)
    filled, left = (block for cell in ended.record.cells for block in cell.blocks)
    for block in (filled, left):
        assert block.status == "complete", block.error
    assert_waits_while_it_is_full(filled)
    assert_comes_back(left)
    assert list(site.temporary.iterdir()) == []


def assert_full_for_a_while(block: BlockRecord) -> None:
    (fault,) = block.faults
    assert (fault.target, fault.trouble.lost, fault.trouble.duplicated) == ("broker", 0, 0)
    assert fault.mended_at_s is not None
    assert fault.mended_at_s - (fault.struck_at_s or 0.0) >= 1.5
    assert fault.first_back_s is not None
    assert block.unattributed is not None
    assert block.unattributed.unsound == 0
    assert block.promises[0].about == "memory"


def assert_waits_while_it_is_full(block: BlockRecord) -> None:
    """It reads nothing more from whoever publishes: with a full node no publish call returns, and
    all goes on afterwards."""
    assert_full_for_a_while(block)
    (fault,) = block.faults
    assert (fault.trouble.failed, fault.errors) == (0, {})
    assert fault.first_back_s is not None
    assert fault.first_back_s >= 1.5
    assert block.promises[0].kept == "kept"


def assert_comes_back(block: BlockRecord) -> None:
    """The backend is killed while results are stored, then the broker is restarted in order: its
    users, vhost and persistent messages are there again."""
    backend, broker = block.faults
    assert (backend.target, broker.target) == ("backend", "broker")
    assert broker.facts["boot_s"] > 1.0
    assert broker.trouble.lost == 0
    assert sum(broker.errors.values()) == broker.trouble.refused
    assert (broker.workers, broker.back_by_itself, broker.back_restarted) == (1, 1, 0)
    promise = {one.about: one for one in block.promises}["broker"]
    assert (promise.promise, promise.kept) == ("keeps_queue", "kept")


def test_what_only_delays(site: Site, rabbitmq_server: OwnedRabbitmq) -> None:
    """A worker stands still, another one is shut down warmly and started again, and nothing gets
    through for a moment: all units are completed, once."""
    site.configuration(broker=rabbitmq_server.broker(site), worker={"count": 2, "concurrency": 2})
    ended = broken(
        site,
        {"fault": "stop_worker", "at": "1.5s", "duration": "700ms", "worker": 1},
        {"fault": "shutdown_worker", "at": "3s", "restart": "300ms", "worker": 2},
        {"fault": "black_hole", "at": "6s", "duration": "600ms", "side": "workers"},
        rate=20,
        steps=5,
        measure={"duration": "14s", "timeout": "30s"},  # the new worker may take long to start
    )
    block = ended.block
    assert block.status == "complete", block.error
    assert block.sound
    assert ended.code == ExitCode.PASS, ended.words
    stopped, shut, hole = block.faults
    assert (stopped.target, shut.target) == ("worker1", "worker2")
    assert hole.target == "workers to broker"
    for fault, seconds in ((stopped, 0.7), (shut, 0.3), (hole, 0.6)):
        assert fault.trouble.unsound == 0
        assert fault.mended_at_s is not None
        assert fault.struck_at_s is not None
        assert fault.mended_at_s - fault.struck_at_s >= seconds
    # What the stopped one had taken waited for it, whatever the other one did meanwhile.
    assert stopped.trouble.late >= 1
    assert (stopped.workers, stopped.back_by_itself, stopped.back_restarted) == (1, 1, 0)
    assert (shut.workers, shut.back_by_itself, shut.back_restarted) == (1, 0, 1)
    # One of them may have been given no message yet, where a busy machine is slow to start it.
    assert hole.workers == 2
    assert hole.back_by_itself >= 1
    assert all(promise.kept in ("kept", "untested") for promise in block.promises)
    about_workers = [one.promise for one in block.promises if one.about != "network"]
    assert set(about_workers) == {"only_delays"}


def test_a_full_redis_refuses(site: Site) -> None:
    """It says no to whoever publishes, and some units are refused. A worker that has just received
    a message cannot write that down, and ends by it."""
    site.configuration(backend=APART)
    measure = {"duration": "6s", "timeout": "10s"}
    block = broken(site, FULL, rate=20, steps=1, measure=measure).block
    assert block.status == "complete", block.error
    (fault,) = block.faults
    assert fault.trouble.refused == fault.trouble.failed == sum(fault.errors.values()) > 0
    if not block.fallen_workers:
        assert_full_for_a_while(block)
        return
    ((worker, why),) = fault.fell.items()
    assert (worker, block.fallen_workers, fault.first_back_s) == ("worker1", 1, None)
    assert "OutOfMemory" in why or why == "exit code 1", why
    assert block.unattributed is not None
    assert block.unattributed.unsound == 0


def test_a_server_of_somebody_else_is_never_broken(site: Site, redis_server: OwnedRedis) -> None:
    """Also where only the command line says whose it is: before anything is started."""
    site.environ["REDIS"] = redis_server.url
    site.configuration(
        broker={"service": "redis", "url": "${REDIS}"},
        backend={"service": "redis", "url": "${REDIS}"},
    )
    site.scenario(
        loads=[{"load": "rate", "rate": 20}],
        measure={"duration": "4s"},
        faults=[{"fault": "kill_broker", "at": "2s"}],
    )
    ended = site.run("--provider", "external")
    assert ended.code == ExitCode.USAGE
    assert "the harness stops only servers that it started itself" in ended.stderr
    assert "Traceback" not in ended.stderr
    assert not ended.results.exists()


def test_nothing_outlives_a_harness_that_is_killed_while_something_is_broken(site: Site) -> None:
    """A stopped worker, the network's process, the servers: all of them."""
    site.scenario(
        workloads=tasks(1),
        loads=[{"load": "rate", "rate": 20}],
        measure={"duration": "30s", "warmup": 0},
        faults=[
            {"fault": "black_hole", "at": "1s", "duration": "20s"},
            {"fault": "stop_worker", "at": "1.1s", "duration": "20s"},
        ],
    )
    with site.start("run", "scenarios/s.yaml") as running:
        running.wait_event(Kind.FAULT, 4)
        family = site.family()
        assert len(family) >= 5
        running.kill(signal.SIGKILL)
    assert wait_ended(family, 10) == []


def test_what_a_killed_run_had_broken_is_reported(site: Site) -> None:
    """SIGKILL of the harness once a worker was killed and started again. What became of units that
    were on their way nobody can say, so no promise is judged."""
    site.configuration(worker={"count": 2, "concurrency": 2})
    site.scenario(
        workloads=tasks(5),
        loads=[{"load": "rate", "rate": 20}],
        measure={"duration": "60s", "warmup": 0},
        faults=[{"fault": "kill_worker", "at": "1.5s", "restart": "300ms"}],
    )
    with site.start("run", "scenarios/s.yaml") as running:
        running.wait_event(Kind.FAULT, 4)
        running.wait_event(Kind.SEEN, 60)
        running.kill(signal.SIGKILL)
        folder = running.ended().folder
    text = site.harness("report", str(folder))
    assert (text.code, text.stderr) == (ExitCode.PASS, "")
    assert "worker killed (worker1)" in text.words
    assert "promises" not in text.words
    found = json.loads(site.harness("report", str(folder), "--format", "json").stdout)
    (block,) = found["cells"][0]["blocks"]
    (fault,) = block["faults"]
    assert block["status"] == "partial"
    assert 1.499 <= fault["begin_at_s"] <= fault["struck_at_s"] <= fault["mended_at_s"] - 0.3
    assert 0 < fault["watched_s"] < 60
    assert block["outcomes"]["lost"] == 0
