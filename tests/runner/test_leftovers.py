"""However a run ends, nothing of it is left: no process, port, folder, and no name on a server.

Signals go to the harness alone. Local servers are the harness' own; where a server is the
test's, something of somebody else's lies beside the harness' names, and stays.
"""

from __future__ import annotations

import json
import os
import re
import signal
import time
from collections.abc import Callable, Iterator

import psutil
import pytest

from harness.errors import ExitCode
from harness.probe.recording.events import Kind
from harness.processes import wait_ended
from harness.results.record.run import BlockRecord
from harness.services.sweep import sweep
from harness.workspace import MARK
from tests.runner.outside import Owned, OwnedRedis
from tests.runner.running import (
    SLEEPING,
    Ended,
    Running,
    Site,
    is_refused,
    listening_ports,
    outcomes_of,
    wait_for,
)

INTERRUPTED = 130
GONE_S = 15.0
LONG = {"duration": "60s", "warmup": 0}
FOREIGN = "harness:foreign"
"""A key of somebody else's, as near to the harness' own as it can be."""


@pytest.fixture(params=["redis", "rabbitmq"])
def server(request: pytest.FixtureRequest) -> Owned:
    owned: Owned = request.getfixturevalue(f"{request.param}_server")
    return owned


@pytest.fixture
def foreign(redis_server: OwnedRedis) -> Iterator[None]:
    redis_server.client.set(FOREIGN, "1")
    yield
    assert redis_server.client.delete(FOREIGN) == 1


def nothing_left(site: Site) -> None:
    """The run is over: no process, and TMPDIR is as empty as it was."""
    assert wait_ended(site.processes(), GONE_S) == []
    assert list(site.temporary.iterdir()) == []


def has_worker(site: Site) -> bool:
    return any("worker" in process.cmdline() for process in site.processes())


def every_unit_has_an_outcome(ended: Ended, block: BlockRecord) -> None:
    """As many outcomes as units that were published, and the throughput is of the good ones."""
    rows = ended.rows(block, "units")
    assert block.outcomes.total == block.units == len(rows)
    assert None not in {row["outcome"] for row in rows}
    assert sum(row["outcome"] == "ok" for row in rows) == block.outcomes.ok > 0
    assert block.throughput_per_s == pytest.approx(block.outcomes.ok / (block.window_s or 0))


def test_after_a_normal_end_nothing_is_left(site: Site, server: Owned, foreign: None) -> None:
    """And what is somebody else's stays: a key, a folder in TMPDIR, a process with another mark."""
    before = server.inventory()
    server.configure(site)
    stranger = site.temporary / "harness-of-somebody"
    stranger.mkdir()
    mark = {MARK: str(site.folder / "elsewhere")}
    with psutil.Popen(["sleep", "600"], env={**os.environ, **mark}) as sleeper:
        ended = site.run()
        alive = sleeper.poll() is None
        sleeper.kill()
    assert ended.code == ExitCode.PASS, ended.stderr
    assert outcomes_of(ended.block) == {"ok": 20}
    assert alive
    assert server.inventory() == before
    stranger.rmdir()
    nothing_left(site)


def test_interrupted_while_servers_start(site: Site) -> None:
    site.configuration(broker={"service": "rabbitmq"}, backend={"service": "rpc"})
    with site.start("run", "scenarios/s.yaml") as running:
        running.wait_for(lambda: len(site.processes()) >= 2, "the mapper and the node")
        running.kill(signal.SIGINT)
        ended = running.ended()
    assert ended.code == INTERRUPTED
    assert ended.record.status == "partial"
    assert ended.record.blocks == ()
    assert "Traceback" not in ended.stderr
    nothing_left(site)


def test_interrupted_while_workers_start(
    site: Site, redis_server: OwnedRedis, foreign: None
) -> None:
    before = redis_server.inventory()
    redis_server.configure(site)
    with site.start("run", "scenarios/s.yaml") as running:
        running.wait_for(lambda: has_worker(site), "a worker")
        running.kill(signal.SIGINT)
        ended = running.ended()
    assert ended.code == INTERRUPTED
    assert ended.record.status == "partial"
    assert "Traceback" not in ended.stderr
    assert redis_server.inventory() == before
    nothing_left(site)


@pytest.mark.parametrize(
    ("server", "number"),
    [("redis", signal.SIGINT), ("rabbitmq", signal.SIGINT), ("redis", signal.SIGTERM)],
    indirect=["server"],
)
def test_interrupted_while_measuring(
    site: Site, server: Owned, foreign: None, number: signal.Signals
) -> None:
    """What was measured is kept, complete in itself, and reported as a part."""
    before = server.inventory()
    server.configure(site)
    site.scenario(measure=LONG | {"blocks": 2})
    with site.start("run", "scenarios/s.yaml") as running:
        running.wait_event(Kind.SEEN, 100)
        running.kill(number)
        ended = running.ended()
    assert ended.code == INTERRUPTED
    assert ended.record.status == "partial"
    assert (ended.block.status, ended.block.units > 50) == ("partial", True)
    assert outcomes_of(ended.block) == {"ok": ended.block.units}
    every_unit_has_an_outcome(ended, ended.block)
    assert ended.stdout.startswith("PARTIAL: ")
    assert ended.stdout.splitlines()[-1] == str(ended.folder.relative_to(site.folder))
    assert server.inventory() == before
    nothing_left(site)


def test_interrupted_twice_ends_at_once(
    site: Site, redis_server: OwnedRedis, foreign: None
) -> None:
    """The first signal waits for units that take a minute; the second waits for nothing."""
    before = redis_server.inventory()
    redis_server.configure(site)
    site.scenario(
        workloads=[{"workload": "heavy_task", "n": 62, "sleep": "1s"}],
        measure={"units": 8, "warmup": 0, "timeout": "90s"},
    )
    with site.start("run", "scenarios/s.yaml") as running:
        running.wait_event(Kind.STARTED, 6)  # 4 were probe tasks
        running.kill(signal.SIGINT)
        running.kill(signal.SIGTERM)  # another one, for two alike at once may be one
        began = time.monotonic()
        ended = running.ended()
    assert time.monotonic() - began < 45
    assert ended.code == INTERRUPTED
    assert ended.record.status == "partial"
    assert "Traceback" not in ended.stderr
    report = site.harness("report", str(ended.folder.relative_to(site.folder))).words
    assert "the run was broken off in this block" in report
    assert ended.words == report  # printed at once, and in the files that it left
    # Two run; whether the other two callers had published by then is the machine's affair.
    assert re.search("0 ok, [2-4] timed out", report)
    assert redis_server.inventory() == before
    nothing_left(site)


def test_a_worker_that_ends_by_itself_is_a_finding(
    site: Site, redis_server: OwnedRedis, foreign: None
) -> None:
    """Its end is that of the load: what was measured is kept and judged, who fell is said with his
    last words, and the other cell is measured all the same."""
    before = redis_server.inventory()
    redis_server.configure(site)
    site.scenario(
        workloads=["add", {"workload": "add", "x": 1, "y": 1, "measure": {"units": 10}}],
        measure=LONG | {"timeout": "2s"},
    )
    with site.start("run", "scenarios/s.yaml", "--seed", "1") as running:
        number = 0 if long_block_is_first(running) else 1
        running.wait_event(Kind.SEEN, 100, block=number)
        next(p for p in site.processes() if "worker" in p.cmdline()).kill()
        ended = running.ended()
    assert ended.code == ExitCode.REGRESSION
    fell, other = sorted(ended.record.blocks, key=lambda block: block.number != number)
    assert (fell.status, fell.error, fell.fallen_workers) == ("partial", "", 1)
    assert outcomes_of(other) == {"ok": 10}
    assert (other.status, other.fallen_workers) == ("complete", 0)
    (said,) = (one.data["text"] for one in fell.warnings if one.code == "worker_fell")
    assert said.startswith("worker1 ended with exit code -9 (SIGKILL)")
    assert "worker1 ended with exit code -9 (SIGKILL)" in ended.words
    (last,) = (line for line in ended.stderr.splitlines() if line.startswith("WORKER ENDED: "))
    assert last.endswith(f"block {number}: {said}")
    assert "gave_up" in {one.code for one in fell.warnings}
    assert fell.outcomes.ok >= 50
    assert fell.outcomes.total == fell.units
    assert fell.outcomes.lost + fell.outcomes.timed_out == fell.units - fell.outcomes.ok
    assert fell.unfinished == {}
    assert fell.worker_cpu_ms_per_task is None  # nobody knows what the dead had used
    every_unit_has_an_outcome(ended, fell)
    assert redis_server.inventory() == before
    nothing_left(site)


def long_block_is_first(running: Running) -> bool:
    running.wait_said("[1/2] ")
    return "[1/2] c/add/" in running.stderr


BACKLOG = {"loads": ["backlog"], "measure": {"units": 100_000, "warmup": 0}}
"""Minutes of publishing, with the workers held by SIGSTOP."""


def test_interrupted_while_workers_are_held(
    site: Site, redis_server: OwnedRedis, foreign: None
) -> None:
    before = redis_server.inventory()
    redis_server.configure(site)
    site.scenario(**BACKLOG)
    with site.start("run", "scenarios/s.yaml") as running:
        running.wait_event(Kind.PUBLISHED, 50)
        running.kill(signal.SIGINT)
        ended = running.ended()
    assert ended.code == INTERRUPTED
    assert (ended.record.status, ended.block.status) == ("partial", "partial")
    assert ended.block.outcomes.total == ended.block.units >= 40
    assert ended.block.outcomes.lost == 0
    assert redis_server.inventory() == before
    nothing_left(site)


def killed(running: Running) -> None:
    """`kill -9` of the harness; its processes and ports are gone at once."""
    family = running.site.family()
    ports = listening_ports(family)
    running.kill(signal.SIGKILL)
    assert running.process.wait(GONE_S) == -signal.SIGKILL
    assert family
    assert wait_ended(family, GONE_S) == []
    wait_for(lambda: running.site.processes() == [], "the end of what was just being started")
    assert all(map(is_refused, ports))


def swept(site: Site) -> list[str]:
    return sweep({**os.environ, "TMPDIR": str(site.temporary)})


STARTING: dict[str, Callable[[Site], bool]] = {
    # By name: the first process of all may be one that only says its version.
    "mapper": lambda site: any("epmd" in p.name() for p in site.processes()),
    "node": lambda site: any("beam" in p.name() for p in site.processes()),
}


@pytest.mark.parametrize("moment", STARTING)
def test_killed_while_servers_start(site: Site, moment: str) -> None:
    site.configuration(broker={"service": "rabbitmq"}, backend={"service": "redis"})
    with site.start("run", "scenarios/s.yaml") as running:
        running.wait_for(lambda: STARTING[moment](site), moment)
        killed(running)

    def clean() -> bool:
        """What was about to be started when its parent was killed may come after a sweep."""
        swept(site)
        return not site.processes() and not list(site.temporary.iterdir())

    wait_for(clean, "a sweep that leaves nothing", GONE_S)


def test_killed_while_workers_start(site: Site, redis_server: OwnedRedis, foreign: None) -> None:
    before = redis_server.inventory()
    redis_server.configure(site)
    with site.start("run", "scenarios/s.yaml") as running:
        running.wait_for(lambda: has_worker(site), "a worker")
        killed(running)
    swept(site)
    assert redis_server.inventory() == before
    nothing_left(site)


def test_killed_while_measuring(site: Site, server: Owned, foreign: None) -> None:
    before = server.inventory()
    server.configure(site)
    site.scenario(measure=LONG)
    with site.start("run", "scenarios/s.yaml") as running:
        running.wait_event(Kind.SEEN, 20)
        assert len([p for p in site.processes() if "worker" in p.cmdline()]) == 3, "with children"
        killed(running)
    assert server.inventory() > before
    swept(site)
    assert server.inventory() == before
    nothing_left(site)


def test_killed_while_workers_are_held(site: Site, redis_server: OwnedRedis, foreign: None) -> None:
    before = redis_server.inventory()
    redis_server.configure(site)
    site.scenario(**BACKLOG)
    with site.start("run", "scenarios/s.yaml") as running:
        running.wait_event(Kind.PUBLISHED, 50)
        assert psutil.STATUS_STOPPED in {process.status() for process in site.processes()}
        killed(running)
    swept(site)
    assert redis_server.inventory() == before
    nothing_left(site)


def test_killed_in_its_second_block(site: Site, redis_server: OwnedRedis, foreign: None) -> None:
    """The finished block is readable, the other one is salvaged, and the next run cleans up."""
    before = redis_server.inventory()
    redis_server.configure(site)
    site.scenario(workloads=[SLEEPING], measure={"duration": "2s", "warmup": 0, "blocks": 2})
    with site.start("run", "scenarios/s.yaml") as running:
        running.wait_event(Kind.SEEN, 24, block=1)  # four are of probe tasks
        killed(running)
        ended = Ended(-9, "", running.stderr, site.results)
    assert ended.record.status == "running"
    first = ended.block
    assert (first.number, first.status) == (0, "complete")
    every_unit_has_an_outcome(ended, first)

    report = site.harness("report", str(ended.folder))
    assert report.code == ExitCode.PASS, report.stderr
    assert report.stdout.startswith("INTERRUPTED: the harness was killed, 1 of 2 blocks")
    assert "the run was killed in this block" in report.words
    stored = json.loads(site.harness("report", str(ended.folder), "--format", "json").stdout)
    salvaged = stored["cells"][0]["blocks"][1]
    assert salvaged["status"] == "partial"
    assert sum(salvaged["outcomes"].values()) == salvaged["units"] >= 20
    assert salvaged["outcomes"]["ok"] >= 20
    assert salvaged["outcomes"]["lost"] == 0

    site.scenario(measure={"units": 1, "warmup": 0})
    with site.start("run", "scenarios/s.yaml", "--out", "others") as second:
        again = second.ended()
    assert again.code == ExitCode.PASS, again.stderr
    assert again.stderr.startswith("removed redis-keys of a dead run")
    assert redis_server.inventory() == before
    nothing_left(site)
