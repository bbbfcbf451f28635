"""`celery beat` with the recording scheduler, on a real server: its log, and when it stops."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import redis

from harness.probe.loads.window import Window
from harness.probe.recording.events import Kind
from harness.probe.recording.ids import BEAT, first_unit, new_tag
from harness.results.block.periodic import begins_in, fires_in
from harness.results.events.eventlog import Tail
from harness.results.events.merge import merge
from harness.results.events.merged import MISSING
from tests.probe.forked import Program
from tests.probe.live import Site, valkey, wait_for

EVERY_S = 0.1
TAG = new_tag()


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with valkey(tmp_path_factory.mktemp("valkey")) as url:
        yield url


@contextlib.contextmanager
def beat(site: Site, entries: int) -> Iterator[Program]:
    """A beat with so many entries. Killed if it has not ended by then."""
    workload = {"workload": "periodic", "every": EVERY_S, "crontab": None, "entries": entries}
    schedule = {"tag": f"{TAG:016x}", "window": str(site.folder / "window")}
    spec = site.spec("beat", workload=workload, schedule=schedule, load={"load": "schedule"})
    arguments = ["-A", "harness.probe.app", "beat"]
    arguments += ["--scheduler", "harness.probe.beat:RecordingScheduler"]
    arguments += ["--schedule", str(site.folder / "schedule")]
    environ, log = site.environ("beat", spec), site.folder / "beat.log"
    process = Program("celery", arguments, environ, log, folder=site.folder)
    try:
        yield process
    finally:
        process.kill()


def test_a_beat(server: str, tmp_path: Path) -> None:
    """Fires that the server refuses are failed ones; behind the window there is none at all."""
    (tmp_path / "events").mkdir()
    limited = f"{server.replace('redis://', 'redis://beat:x@')}/0"
    site = Site(tmp_path, {"broker_url": limited, "task_publish_retry": False})
    window, tail = Window(str(tmp_path / "window")), Tail(site.events)

    def count(kind: Kind) -> int:
        tail.refresh()
        return tail.count(kind)

    with redis.Redis.from_url(server) as owner, beat(site, entries=2) as process:
        owner.acl_setuser("beat", enabled=True, passwords=["+x"], keys=["*"], commands=["+@all"])
        wait_for(lambda: count(Kind.PUBLISHED) >= 4, "the first fires")
        begin_ns = time.monotonic_ns() + round(3 * EVERY_S * 1e9)  # no fire belongs there yet
        window.decide(begin_ns, begin_ns + 10**12)
        owner.acl_setuser("beat", enabled=True, keys=["*"], commands=["+@all", "-lpush"])
        wait_for(lambda: count(Kind.PUBLISH_FAILED) >= 12, "refused fires")
        sent = count(Kind.PUBLISHED)
        owner.acl_setuser("beat", enabled=True, keys=["*"], commands=["+@all"])
        wait_for(lambda: count(Kind.PUBLISHED) >= sent + 6, "further fires")
        end_ns = time.monotonic_ns() + round(3 * EVERY_S * 1e9)  # it is told before that
        window.end_at(end_ns)
        time.sleep(8 * EVERY_S)  # so long that it would have fired
        process.terminate()
        assert process.wait(60) == 0, (tmp_path / "beat.log").read_text()
        assert owner.llen("celery") == count(Kind.PUBLISHED)
    fires = fires_in(site.events, begins_in(site.events), round(EVERY_S * 1e9))
    assert fires.unit.tolist() == list(range(first_unit(BEAT), first_unit(BEAT) + len(fires.unit)))
    assert set(fires.entry.tolist()) == {0, 1}
    within = (fires.point_ns >= begin_ns) & (fires.point_ns < end_ns)
    assert fires.measured.tolist() == within.tolist()
    behind = (fires.tick_ns >= end_ns).sum()
    assert behind <= 4, "it went on: a stall makes fires late, and no more of them"
    assert (fires.due_ns <= fires.tick_ns + 2000).all()
    assert (fires.tick_ns <= fires.publish_ns).all()
    merged = merge(site.events, 1, grouped=False)
    assert merged.tags.tolist() == [TAG]
    assert len(merged.units.unit) == within.sum()
    failed = merged.units.publish_failed
    assert 1 <= failed.sum() <= count(Kind.PUBLISH_FAILED)
    assert (failed == (merged.units.published_ns == MISSING)).all()
