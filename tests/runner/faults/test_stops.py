"""How workers are told to end: each way on processes that stand for workers, and deployments on
real ones."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from harness.crew.workers import Workers
from harness.results.record.run import BlockRecord
from harness.runner.faults.engine import Deed, FaultError, MainThread
from harness.runner.faults.targets import Targets
from harness.runner.faults.workers import BREAKERS
from harness.scenario.models.configuration import Worker
from harness.scenario.models.faults import RollingRestart, ShutdownWorker
from harness.services.provide import Services
from tests.runner.outside import OwnedRabbitmq
from tests.runner.running import LONG_PATIENCE_S, Ended, Site, make_site, wait_for
from tests.runner.stand_ins import stand_ins
from tests.services.cases import RABBITMQ, target_of

CODE = """
import pathlib, signal, sys, time
from harness.probe.recording.events import NO_ID, Kind
from harness.probe.recording.recorder import Recorder
def end(number, frame):
    sys.exit(number)
signal.signal(signal.SIGQUIT, end)
signal.signal(signal.SIGTERM, signal.SIG_IGN if sys.argv[2] == "stubborn" else end)
recorder = Recorder(sys.argv[1], "worker")
recorder.record(Kind.WORKER_READY, NO_ID, time.monotonic_ns())
time.sleep(600)
"""
GROUPS = {"fast": Worker(queues=("a",), count=2), "slow": Worker(queues=("b",))}


@contextmanager
def standing(folder: Path, nature: str = "obedient") -> Iterator[tuple[Workers, Targets]]:
    """Three processes that say that they are ready, and end as they are told to."""
    with stand_ins(folder, GROUPS, (CODE, str(folder), nature)) as workers:
        nothing: Any = None
        targets = Targets(workers, nothing, None, None, events=folder, seed=1)
        wait_for(lambda: len([*folder.glob("*.evt")]) == 3, "processes are ready")
        yield workers, targets


def struck(breaker: Any, main: MainThread) -> Deed:
    """What became of a fault, done in a thread of its own while the main thread serves."""
    deed, trouble = Deed(), []

    def strike() -> None:
        try:
            breaker.strike(deed)
        except FaultError as error:
            trouble.append(error)

    thread = threading.Thread(target=strike)
    thread.start()
    while thread.is_alive():
        main.serve()
        thread.join(0.01)
    if trouble:
        raise trouble[0]
    return deed


def shutdown(**fields: Any) -> ShutdownWorker:
    return ShutdownWorker.model_validate({"fault": "shutdown_worker", "at": "2s", **fields})


def rolling(**fields: Any) -> RollingRestart:
    return RollingRestart.model_validate({"fault": "rolling_restart", "at": "2s", **fields})


@pytest.mark.parametrize(
    ("how", "number"),
    [("warm", signal.SIGTERM), ("soft", signal.SIGQUIT), ("cold", signal.SIGQUIT)],
)
def test_each_way_has_its_signal(tmp_path: Path, how: str, number: int) -> None:
    with standing(tmp_path) as (workers, targets):
        pid = workers.process(2).pid
        deed = struck(BREAKERS[ShutdownWorker](shutdown(how=how, worker=2), targets), targets.main)
        assert workers.process(2).ending == f"exit code {int(number)}"
        assert (deed.died, deed.mains, deed.started) == ((pid,), (pid,), ())
        assert deed.facts.keys() == {"shutdown_s"}
        assert workers.process(1).alive()


def test_grace_kills_what_does_not_end(tmp_path: Path) -> None:
    fault = shutdown(how="grace", grace="100ms")
    with standing(tmp_path, "stubborn") as (workers, targets):
        deed = struck(BREAKERS[ShutdownWorker](fault, targets), targets.main)
        assert workers.process(1).ending == "exit code -9 (SIGKILL)"
        assert deed.facts["killed"] == 1
        assert deed.facts["shutdown_s"] >= 0.1


def test_grace_that_is_enough_kills_nobody(tmp_path: Path) -> None:
    with standing(tmp_path) as (_, targets):
        fault = shutdown(how="grace", grace="100s")
        assert "killed" not in struck(BREAKERS[ShutdownWorker](fault, targets), targets.main).facts


def test_a_rolling_restart_takes_one_worker_after_the_other(tmp_path: Path) -> None:
    with standing(tmp_path) as (workers, targets):
        old = workers.pids
        deed = struck(BREAKERS[RollingRestart](rolling(pause="10ms"), targets), targets.main)
        assert deed.mains == deed.died == old
        assert deed.started == workers.pids
        assert not set(old) & set(workers.pids)
        assert deed.target == "worker1 (fast), worker2 (fast), worker3 (slow)"
        assert deed.facts.keys() == {"shutdown_s", "ready_s"}


def test_a_rolling_restart_of_a_group_leaves_the_others(tmp_path: Path) -> None:
    with standing(tmp_path) as (workers, targets):
        old = workers.pids
        deed = struck(BREAKERS[RollingRestart](rolling(group="fast"), targets), targets.main)
        assert (deed.mains, workers.pids[2]) == (old[:2], old[2])


def test_a_rolling_restart_ends_with_the_block(tmp_path: Path) -> None:
    """Its processes would be started into a block that is being taken down."""
    with standing(tmp_path) as (workers, targets):
        targets.main.end()
        with pytest.raises(FaultError, match="the block ended before"):
            struck(BREAKERS[RollingRestart](rolling(), targets), targets.main)
        assert workers.process(2).alive()


# --- on real workers ----------------------------------------------------------------------------


@pytest.fixture(scope="module")
def deployed(tmp_path_factory: pytest.TempPathFactory, local: Services) -> Ended:
    """Tasks of half a second; workers that are restarted in turn, and one that has no time. On
    RabbitMQ: Redis may double what arrives in the moment of a shutdown (docs/faults.md)."""
    site: Site = make_site(tmp_path_factory.mktemp("stops"))
    target = target_of(local, RABBITMQ)
    assert target.management_url is not None
    site.configuration(
        broker=OwnedRabbitmq(target.url, target.management_url).broker(site),
        settings={"task_acks_late": True},
        worker={"count": 2, "concurrency": 2},
    )
    one_by_one = {"fault": "rolling_restart", "at": "1.2s"}
    at_once = {"fault": "shutdown_worker", "at": "1.2s", "how": "cold", "worker": 2}
    site.scenario(
        workloads=[{"workload": "heavy_task", "n": 52}],
        loads=[
            {"load": "rate", "rate": 3, "faults": [fault], "measure": {"duration": duration}}
            for fault, duration in ((one_by_one, "6s"), (at_once, "4s"))
        ],
        measure={"warmup": 2, "timeout": "30s"},
    )
    return site.run(patience_s=LONG_PATIENCE_S)


def block_of(ended: Ended, words: str) -> BlockRecord:
    ((block,),) = [cell.blocks for cell in ended.record.cells if words in cell.name]
    assert block.status == "complete", block.error
    return block


def test_a_rolling_restart_only_delays(deployed: Ended) -> None:
    block = block_of(deployed, "faults=rolling_restart")
    (fault,) = block.faults
    assert (fault.target, fault.workers, fault.trouble.unsound) == ("worker1, worker2", 2, 0)
    assert fault.facts["shutdown_s"] > 0
    assert fault.facts["ready_s"] > 0
    (promise,) = block.promises
    assert promise.promise == "only_delays"
    assert promise.kept in ("kept", "untested")
    assert block.sound
    assert block.children is not None
    assert block.children.ended.keys() <= {"worker"}, "what ended after the last unit is left out"
    assert block.children.replaced == 0, "another worker's processes are no successors"


def test_a_cold_shutdown_gives_back_what_is_acknowledged_late(deployed: Ended) -> None:
    """Nothing is lost: what it was running runs once more elsewhere, and the fault is to blame."""
    block = block_of(deployed, "faults=shutdown_worker-cold")
    (fault,) = block.faults
    assert (fault.target, fault.workers, fault.trouble.lost) == ("worker2", 1, 0)
    assert fault.trouble.duplicated == block.duplicated
    (promise,) = block.promises
    assert (promise.about, promise.promise) == ("cold", "at_least_once")
    assert promise.kept != "broken", promise
    assert block.unattributed is not None
    assert block.unattributed.unsound == 0
    assert "cold shutdown" in deployed.words
