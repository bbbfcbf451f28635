"""Callers that watch their tasks in real life."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from harness.probe.recording.events import Outcome
from harness.results.events.merged import MISSING, NOT_TOLD, Merged, Tracked
from harness.services.provide import Services
from tests.probe.live import Site, client, valkey, worker
from tests.probe.test_live import assert_complete_and_ordered, count_stored, new_site, settle_down
from tests.services.cases import RABBITMQ

UNITS = 4
INTERVAL_S = 0.03
LONG = 700
"""Steps of 0.2 ms: long enough for any caller to look while the task runs."""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with valkey(tmp_path_factory.mktemp("valkey")) as url:
        yield url


@pytest.fixture(scope="module")
def redis_site(tmp_path_factory: pytest.TempPathFactory, server: str) -> Iterator[Site]:
    site = new_site(tmp_path_factory.mktemp("redis"), server, task_track_started=True)
    with worker(site, "threads", 2):
        yield site


@pytest.fixture(scope="module")
def rpc_site(tmp_path_factory: pytest.TempPathFactory, local: Services) -> Iterator[Site]:
    folder = tmp_path_factory.mktemp("rpc")
    (folder / "events").mkdir()
    with local.open_block(RABBITMQ, f"tracking-{uuid.uuid4().hex[:8]}") as space:
        site = Site(folder, dict(space.settings) | {"task_track_started": True})
        with worker(site, "threads", 2):
            yield site


def tracking(wait: str, n: int | str = LONG) -> dict[str, Any]:
    interval = INTERVAL_S if wait == "interval" else None
    return {"workload": "tracking", "n": n, "sleep": 0.0002, "wait": wait, "interval": interval}


def tracked_of(merged: Merged) -> Tracked:
    assert merged.tracked is not None
    return merged.tracked


def measured(site: Site, tmp_path: Path, workload: dict[str, Any]) -> Merged:
    before = count_stored(site)
    with client(site, uuid.uuid4().hex, workload=workload, units=UNITS) as talk:
        answer = talk.ask("measure")
        assert (answer["unresolved"], answer["publish_errors"]) == (0, {})
        settle_down(site, UNITS, before)
        return talk.merged(tmp_path / "merged")


@pytest.fixture(params=["redis", "rpc"])
def site(request: pytest.FixtureRequest) -> Site:
    site: Site = request.getfixturevalue(f"{request.param}_site")
    return site


@pytest.mark.parametrize("wait", ["busy", "interval", "get"])
@pytest.mark.parametrize("n", [LONG, "text"])
def test_success_and_failure_are_learned_and_checked(
    site: Site, tmp_path: Path, wait: str, n: int | str
) -> None:
    merged = measured(site, tmp_path, tracking(wait, n))
    assert_complete_and_ordered(merged)
    wanted = Outcome.OK if n == LONG else Outcome.FAILED_AS_MEANT
    assert (merged.units.seen == wanted).all()
    assert (merged.units.seen_ns >= merged.tasks.storing_ns).all()
    looks = tracked_of(merged).looks
    if wait == "get":
        assert looks.tolist() == [0] * UNITS
        return
    assert (looks >= 1).all()
    if wait == "interval":  # the first look comes at once, each further one after a pause
        waited_s = (merged.units.seen_ns - merged.units.published_ns) / 1e9
        assert ((looks - 1) * INTERVAL_S <= waited_s).all()
    elif n == LONG:
        # Not each of them: a caller kept from the processor may find its task done at once.
        assert (looks > 1).any()


def test_started_is_seen_while_the_task_runs(redis_site: Site, tmp_path: Path) -> None:
    merged = measured(redis_site, tmp_path, tracking("busy"))
    tracked = tracked_of(merged)
    assert (tracked.storing_started_ns >= merged.tasks.received_ns).all()
    assert (tracked.storing_started_ns <= merged.tasks.started_ns).all()
    # As above: a caller kept from the processor may find one done at once.
    seen = tracked.started_seen_ns != MISSING
    assert seen.any()
    assert (tracked.started_seen_ns >= tracked.storing_started_ns)[seen].all()
    assert (tracked.started_seen_ns < merged.units.seen_ns)[seen].all()


def test_without_tracking_nothing_is_started(server: str, tmp_path: Path) -> None:
    site = new_site(tmp_path, server)
    with worker(site, "solo", 1):
        tracked = tracked_of(measured(site, tmp_path, tracking("busy")))
    assert (tracked.storing_started_ns == MISSING).all()
    assert (tracked.started_seen_ns == MISSING).all()
    assert (tracked.looks > 1).any()


@pytest.mark.parametrize("wait", ["busy", "interval"])
def test_nobody_works_and_the_caller_gives_up(server: str, tmp_path: Path, wait: str) -> None:
    """After the timeout, as `get()` does; what it asked in vain is on record."""
    site = new_site(tmp_path, server)
    with client(site, "alone", workload=tracking(wait), units=1000, timeout_s=0.2) as talk:
        assert talk.ask("measure")["gave_up"]
        talk.ask("check", limit_s=1.0)
        merged = talk.merged(tmp_path / "after")
    assert (merged.units.seen == Outcome.TIMED_OUT).all()
    looks = tracked_of(merged).looks
    assert (looks != NOT_TOLD).all()
    if wait == "interval":
        # At once, every 30 ms, and once when the time is up; a stall leaves one of these.
        assert (looks >= 1).all()
        assert (looks >= 2).any()
        assert (looks <= 0.2 / INTERVAL_S + 2).all()
