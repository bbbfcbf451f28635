"""The depth sampler on a queue that changes its length under it, and on one that cannot be read."""

from __future__ import annotations

import threading
import uuid
from collections.abc import Mapping
from itertools import pairwise
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import duckdb
import pytest
from celery import Celery

from harness.clock import monotonic_ns
from harness.errors import ServiceError
from harness.runner.measuring import depth
from harness.runner.measuring.depth import DepthSampler
from harness.scenario.models.configuration import Configuration
from harness.services.base import Namespace
from harness.services.provide import Services
from tests.runner.running import wait_for
from tests.services.cases import RABBITMQ, REDIS, SQS


@pytest.mark.parametrize("configuration", [REDIS, RABBITMQ, SQS], ids=lambda one: str(one.name))
def test_it_sees_a_queue_grow(local: Services, configuration: Configuration) -> None:
    """While the block's own thread looks as well, which no driver may trip over."""
    with local.open_block(configuration, f"test-{uuid.uuid4().hex[:12]}") as space:
        app = Celery("client", set_as_current=False)
        app.conf.update(space.settings)
        begin_ns = monotonic_ns()
        with app, DepthSampler(space.broker, interval_s=0.02) as sampler:
            wait_for(lambda: len(sampler.samples) >= 2, "two looks")
            for _ in range(5):
                app.send_task("depth.none")
                space.broker.depth()
            wait_for(lambda: sampler.samples[-1][1] == 5, "a look at all five")
        end_ns = monotonic_ns()
    times = [time_ns for time_ns, _ in sampler.samples]
    depths = [found for _, found in sampler.samples]
    assert begin_ns < times[0]
    assert times[-1] < end_ns
    assert all(later > earlier for earlier, later in pairwise(times))
    assert depths[0] == 0
    assert depths == sorted(depths)
    assert sampler.failed == 0
    assert space.broker.exact_depth


class Broken:
    """Fails at every second look, in the ways that drivers do, and in others."""

    def __init__(self) -> None:
        self.looks = 0
        self.enough = threading.Event()

    def depths(self) -> Mapping[str, int] | None:
        self.looks += 1
        if self.looks >= 6:
            self.enough.set()
        if self.looks % 2 == 0:
            raise ServiceError("gone") if self.looks % 4 else ValueError("a driver's bug")
        return {"celery": self.looks}


def test_a_failing_look_is_counted_and_the_next_one_tried() -> None:
    broken = Broken()
    namespace: Namespace = broken  # type: ignore[assignment]  # it is asked for nothing else
    with DepthSampler(namespace, interval_s=0.001) as sampler:
        assert broken.enough.wait(20)
    assert [found for _, found in sampler.samples[:3]] == [1, 3, 5]
    assert sampler.failed == broken.looks // 2
    assert len(sampler.samples) + sampler.failed == broken.looks
    assert sampler.by_queue == {}
    assert not [thread for thread in threading.enumerate() if thread.name == "depth"]


@pytest.mark.parametrize("fails", [False, True], ids=["late", "fails"])
def test_what_is_done_between_looks_does_not_end_them(fails: bool) -> None:
    """It says that it is late already, each time; or it has a bug of its own."""
    broken, done = Broken(), []
    namespace: Namespace = broken  # type: ignore[assignment]  # it is asked for nothing else

    def meanwhile() -> float:
        done.append(broken.looks)
        if fails:
            raise ValueError("a driver's bug")
        threading.Event().wait(0.002)
        return -0.1

    with DepthSampler(namespace, interval_s=0.001, meanwhile=meanwhile):
        assert broken.enough.wait(20)
    assert (len(done) == 1) is fails


def test_the_file_holds_the_samples(tmp_path: Path) -> None:
    folder = tmp_path / "it's"
    folder.mkdir()
    samples = [(10**15, 0), (10**15 + 1, 2**40)]
    depth.write(folder, samples)
    assert [path.name for path in folder.iterdir()] == ["depth.parquet"]
    with duckdb.connect() as database:
        found = database.read_parquet(str(folder / "depth.parquet"))
        assert dict(zip(found.columns, map(str, found.types), strict=True)) == {
            "time_ns": "BIGINT",
            "depth": "BIGINT",
        }
        assert found.fetchall() == samples


def test_several_queues_have_a_row_each(tmp_path: Path) -> None:
    by_queue = {"urgent": [(1, 5), (2, 6)], "reports": [(1, 0), (2, 9)]}
    depth.write(tmp_path, [(1, 5), (2, 15)], by_queue)
    with duckdb.connect() as database:
        found = database.read_parquet(str(tmp_path / "depth.parquet"))
        assert found.columns == ["time_ns", "depth", "queue"]
        assert sorted(found.fetchall()) == [
            *((1, 0, "reports"), (1, 5, "urgent")),
            *((2, 6, "urgent"), (2, 9, "reports")),
        ]


def test_a_look_at_several_queues() -> None:
    looked = threading.Event()

    def depths() -> Mapping[str, int]:
        looked.set()
        return {"urgent": 2, "reports": 5}

    namespace: Any = SimpleNamespace(depths=depths)
    with DepthSampler(namespace) as sampler:
        assert looked.wait(20)
    ((at_ns, total),) = sampler.samples
    assert total == 7
    assert sampler.by_queue == {"urgent": [(at_ns, 2)], "reports": [(at_ns, 5)]}
