"""Traps of Celery, provoked for real: named where a run walks into them, and not beside them."""

from __future__ import annotations

from typing import Any

import pytest

from harness.errors import ExitCode
from harness.results.record.run import BlockRecord
from tests.runner.outside import OwnedRabbitmq
from tests.runner.running import LONG_PATIENCE_S, Ended, Site, outcomes_of
from tests.runner.traps.test_diagnoses import SOON, assert_told_of_the_first_only

TASKS = '''
import os
import signal
import time

from celery import Celery, chord
from celery.exceptions import Reject

app = Celery("trapped")


def tries(what):
    """How often this was called, over all processes."""
    with open(os.environ["TRAP_NOTES"] + what, "a+") as file:
        file.write("x")
        file.flush()
        file.seek(0)
        return len(file.read())


@app.task(rate_limit="2/s")
def limited(number):
    return number


@app.task
def quick(number):
    return number


@app.task(bind=True, acks_late=True, reject_on_worker_lost=True)
def poison(self, number):
    """Kills its process the first few times, each message anew."""
    if tries(f"deaths-{self.request.id}") <= 3:
        os.kill(os.getpid(), signal.SIGKILL)
    return number


@app.task(bind=True, acks_late=True)
def rejected(self, number):
    """Gives its message back the first few times, each message anew."""
    if tries(f"rejections-{self.request.id}") <= 6:
        raise Reject("not yet", requeue=True)
    return number


@app.task(time_limit=0.3)
def too_long(number):
    time.sleep(0.6)
    return number


@app.task(ignore_result=True)
def ignored(number):
    return number


@app.task
def starts_chord(number, member):
    """Its header stores no result, if that member is asked for."""
    chord([app.tasks[member].si(1), quick.si(2)], quick.si(3))()
    return number
'''


def own(site: Site, *parts: dict[str, Any], **fields: Any) -> dict[str, Any]:
    """A workload of tasks of an app of this test's own, each called with its unit's number."""
    site.module("trapped", TASKS)
    mix = [{"args": [{"unit": True}], "expect": {"argument": 0}, **part} for part in parts]
    return {"workload": {"app": "trapped:app", "mix": mix}, **fields}


def where(ended: Ended, code: str) -> dict[tuple[str, str], dict[str, Any]]:
    """Cells that were warned of something, by configuration and first task -> what was found."""
    assert ended.code in (0, 1), ended.stderr
    return {
        (cell.config["name"], _first_task(cell.workload)): warning.data
        for cell in ended.record.cells
        for block in cell.blocks
        for warning in block.warnings
        if warning.code == code
    }


def _first_task(workload: dict[str, Any]) -> str:
    parts = workload.get("mix") or [workload]
    return str(parts[0].get("name") or parts[0].get("task") or workload["workload"])


BACKLOG = ["backlog"]


def test_tasks_of_an_app(site: Site) -> None:
    """A rate limit, a task that kills its process, a chord that can never be complete."""
    site.environ["TRAP_NOTES"] = str(site.folder / "notes-")
    site.configuration(
        backend={"service": "sqlite"},
        worker={"pool": "prefork", "concurrency": 2},
        settings={"worker_prefetch_multiplier": 1, "worker_max_tasks_per_child": 1000},
    )
    fast: dict[str, Any] = {"load": "rate", "rate": "10/s"}
    slowly: dict[str, Any] = {
        "loads": [{"load": "rate", "rate": "1/s"}],
        "measure": {"duration": "2s", "timeout": "4s"},
    }
    poison, rejected = {"task": "trapped.poison"}, {"task": "trapped.rejected"}
    chord = {"task": "trapped.starts_chord", "args": [1, "trapped.ignored"], "expect": 1}
    site.scenario(
        workloads=[
            own(site, {"task": "trapped.limited"}, {"task": "trapped.quick"}, loads=[fast]),
            own(site, poison, rejected, loads=BACKLOG, measure={"units": 2}),
            own(site, chord, **slowly),
        ],
        measure={"duration": "2s", "warmup": 0, "timeout": "10s"},
    )
    ended = site.run(patience_s=LONG_PATIENCE_S)
    ((cell, limits),) = where(ended, "rate_limit_starves").items()
    assert cell == ("c", "trapped.limited")
    assert limits["limited"] == ["trapped.limited"]
    assert limits["longest_wait_s"] > 0.3
    assert where(ended, "poison_task") == {
        ("c", "trapped.poison"): {
            "tasks": ["trapped.poison", "trapped.rejected"],
            # Both units, and the call of the poison before they were measured.
            "messages": 3,
            "processes": 6,
            "put_back": 6,
            "most": 6,
        },
    }
    ((cell, chords),) = where(ended, "endless_chord").items()
    assert cell == ("c", "trapped.starts_chord")
    assert 1 <= chords["chords"] == chords["header_unstored"]
    assert "Celery looks for a chord's header for ever" in ended.words
    *_, last = ended.record.cells
    assert last.blocks[0].unfinished["celery.chord_unlock"].messages >= chords["chords"]
    assert where(ended, "children_replaced") == {}, "those that were killed are not meant"
    assert ended.code == ExitCode.REGRESSION


def test_a_quorum_queue_and_a_pool_of_connections(
    site: Site, rabbitmq_server: OwnedRabbitmq
) -> None:
    """ETAs fill a window that cannot grow, unless the broker delays them, which it does only
    through a topic exchange; and many callers wait for one connection."""
    before = rabbitmq_server.inventory()
    for exchange, connections in (("direct", 1), ("topic", 32)):
        site.configuration(
            exchange,
            broker=rabbitmq_server.broker(site),
            worker={"pool": "prefork", "concurrency": 1},
            settings={
                "task_default_queue_type": "quorum",
                "task_default_exchange_type": exchange,
                "broker_pool_limit": connections,
            },
        )
    now = {"task": "trapped.quick", "name": "now"}
    later = {"task": "trapped.quick", "name": "later", "options": {"countdown": "3s"}}
    site.scenario(
        configurations=["direct", "topic"],
        workloads=[own(site, now, later)],
        loads=[{"load": "closed", "in_flight": 24}],
        measure={"units": 24, "warmup": 0, "timeout": "60s"},
    )
    ended = site.run()
    ((cell, etas),) = where(ended, "eta_fills_window").items()
    assert cell == ("direct", "now")
    assert etas["longest_wait_s"] > 1
    ((cell, waits),) = where(ended, "pool_wait").items()
    assert cell == ("direct", "now")
    assert waits["limit"] == 1
    assert rabbitmq_server.inventory() == before, "celery_delayed_* are gone with the vhost"
    direct, topic = (cell.blocks[0] for cell in ended.record.cells)
    for block in (direct, topic):
        assert outcomes_of(block) == {"ok": 24}
        assert block.lateness_s.count == 12
    # A worker has a window of four, and holds what it received; the broker holds them all.
    assert sorted(delayed_s(ended, direct, "dispatch"))[-4] > 0.8
    assert min(delayed_s(ended, topic, "queue")) > 0.8


def delayed_s(ended: Ended, block: BlockRecord, phase: str) -> list[float]:
    """A phase of those of its units that are to run later."""
    rows = ended.rows(block, "units")
    return [row[f"{phase}_ns"] / 1e9 for row in rows if row["task"] == "later"]


def test_pools(site: Site) -> None:
    """One process for each task, a connection for each message, a limit that threads ignore."""
    site.configuration("children", settings={"worker_max_tasks_per_child": 1})
    site.configuration(
        "threads",
        worker={"pool": "threads", "concurrency": 2},
        settings={"broker_pool_limit": 0},
    )
    too_long = own(site, {"task": "trapped.too_long"}, loads=BACKLOG, measure={"units": 2})
    site.scenario(
        configurations=["children", "threads"],
        workloads=["add", too_long],
        measure={"units": 12, "warmup": 0, "timeout": "20s"},
    )
    ended = site.run()
    told = where(ended, "children_replaced")  # of two tasks on one, too, if starting took long
    assert {configuration for configuration, _ in told} == {"children"}
    assert told["children", "add"]["tasks_each"] == 1
    lives = [block.children for cell in ended.record.cells for block in cell.blocks]
    (of_adds,) = (one for one in lives if one is not None and one.lived > 8)
    assert of_adds.ended.keys() == {"max_tasks"}
    assert of_adds.replaced >= 10, "all but the last two, which nothing may follow"
    assert of_adds.gap_s.count == of_adds.replaced
    assert of_adds.start_s.count >= 10
    assert sum(one is None for one in lives) == 2, "threads have none"
    ((cell, opened),) = where(ended, "connection_per_publish").items()
    assert cell == ("threads", "add")
    assert opened["connections"] == 12
    ((cell, late),) = where(ended, "time_limit_ignored").items()
    assert cell == ("threads", "trapped.too_long")
    assert (late["pool"], late["limit"], late["limit_s"]) == ("threads", "hard", 0.3)
    assert late["longest_s"] >= 0.6


def test_reserved_messages_beyond_the_visibility_timeout(site: Site) -> None:
    """No task is longer than the timeout; eight in a row are."""
    site.configuration(
        worker={"pool": "prefork", "concurrency": 1},
        settings={
            "worker_prefetch_multiplier": 8,
            "broker_transport_options": {"visibility_timeout": 1, **SOON},
        },
    )
    site.scenario(
        workloads=[{"workload": "heavy_task", "n": 12, "sleep": "50ms"}],
        loads=BACKLOG,
        measure={"units": 8, "warmup": 0},
    )
    (data,) = where(site.run(), "reserved_beyond_visibility").values()
    assert data["reserved_s"] >= 1 > data["run_s"]
    assert 0 < data["tasks"] <= data["duplicated"]


def test_a_worker_full_of_etas(site: Site) -> None:
    """It has taken them all long before the first is due, however slow the machine is. Where it is
    silent, records made by hand tell (tests/results/diagnoses/test_traps.py)."""
    site.configuration(worker={"pool": "threads", "concurrency": 2})
    site.scenario(
        workloads=[{"workload": "add", "payload_bytes": 8000, "options": {"countdown": "12s"}}],
        loads=[{"load": "backlog", "publish": "batch"}],
        measure={"units": 600, "warmup": 0, "timeout": "60s"},
    )
    (data,) = where(site.run(), "eta_hoard").values()
    assert data["held"] == 600
    assert data["bytes_each"] > 8000


def test_message_groups_that_overlap(site: Site) -> None:
    """One worker of four processes takes several messages of a group at once. A FIFO queue's
    requests cost a quarter more than a standard queue's. Prebuilt messages work, too."""
    site.configuration(
        broker={"service": "sqs"},
        worker={"pool": "prefork", "concurrency": 4},
        settings={"broker_transport_options": {"polling_interval": 0, "wait_time_seconds": 1}},
    )
    site.scenario(
        matrix={"broker.fifo": [True, False]},
        workloads=[{"workload": "heavy_task", "n": 12, "sleep": "10ms"}],
        loads=[{"load": "backlog", "publish": "prebuilt"}],
        measure={"units": 12, "warmup": 0},
    )
    ended = site.run()
    assert_told_of_the_first_only(ended, "fifo_groups_overlap")
    prices = []
    for block in (cell.blocks[0] for cell in ended.record.cells):
        assert outcomes_of(block) == {"ok": 12}
        assert block.dollars_per_million_tasks is not None
        prices.append(block.dollars_per_million_tasks / block.traffic["sqs.requests"])
    fifo, standard = prices
    assert fifo / standard == pytest.approx(0.50 / 0.40, rel=0.01)


def test_workers_that_talk_about_themselves(site: Site) -> None:
    """Three of them; two that were told not to."""
    quiet = ["--without-gossip", "--without-mingle", "--without-heartbeat"]
    solo = {"pool": "solo", "concurrency": 1}
    site.scenario(
        matrix={"worker": [{**solo, "count": 3}, {**solo, "count": 2, "options": quiet}]},
        loads=[{"load": "rate", "rate": "0.5/s"}],
        measure={"duration": "10s", "warmup": 0},
    )
    ended = site.run()
    assert_told_of_the_first_only(ended, "worker_chatter")
    for block in ended.record.blocks:
        assert_idling_is_apart(block)


def assert_idling_is_apart(block: BlockRecord) -> None:
    """Of what workers ask for whether there is a task or not."""
    assert all(0 < count <= block.traffic[name] for name, count in block.idle_traffic.items())
