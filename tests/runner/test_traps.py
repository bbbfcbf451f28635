"""Traps of Celery, provoked for real: named where a run walks into them, and not beside them."""

from __future__ import annotations

from typing import Any

from harness.errors import ExitCode
from harness.results.record.run import BlockRecord
from tests.runner.outside import OwnedRabbitmq
from tests.runner.running import Ended, Site
from tests.runner.test_diagnoses import SOON, assert_told_of_the_first_only

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
        settings={"worker_prefetch_multiplier": 1},
    )
    quick = {"task": "trapped.quick"}
    fast: dict[str, Any] = {"load": "rate", "rate": "10/s"}
    slowly: dict[str, Any] = {
        "loads": [{"load": "rate", "rate": "1/s"}],
        "measure": {"duration": "2s", "timeout": "4s"},
    }
    chords = {
        name: {"task": "trapped.starts_chord", "name": name, "args": [1, f"trapped.{member}"]}
        for name, member in (("ignored", "ignored"), ("kept", "quick"))
    }
    site.scenario(
        workloads=[
            own(site, {"task": "trapped.limited"}, quick, loads=[fast]),
            own(site, {**quick, "name": "a"}, {**quick, "name": "b"}, loads=[fast]),
            own(site, {"task": "trapped.poison"}, loads=BACKLOG, measure={"units": 1}),
            own(site, {"task": "trapped.rejected"}, loads=BACKLOG, measure={"units": 1}),
            own(site, {**chords["ignored"], "expect": 1}, **slowly),
            own(site, {**chords["kept"], "expect": 1}, **slowly),
        ],
        measure={"duration": "2s", "warmup": 0, "timeout": "10s"},
    )
    ended = site.run()
    ((cell, limits),) = where(ended, "rate_limit_starves").items()
    assert cell == ("c", "trapped.limited")
    assert limits["limited"] == ["trapped.limited"]
    assert limits["longest_wait_s"] > 0.3
    found = where(ended, "poison_task")
    assert found == {
        ("c", "trapped.poison"): {
            "tasks": ["trapped.poison"],
            "messages": 2,  # the unit, and the call before it was measured
            "processes": 6,
            "put_back": 0,
            "most": 3,
        },
        ("c", "trapped.rejected"): {
            "tasks": ["trapped.rejected"],
            "messages": 1,
            "processes": 0,
            "put_back": 6,
            "most": 6,
        },
    }
    ((cell, chord),) = where(ended, "endless_chord").items()
    assert cell == ("c", "ignored")
    assert 1 <= chord["chords"] == chord["header_unstored"]
    assert "Celery looks for a chord's header for ever" in ended.words
    left = {_first_task(one.workload): one.blocks[0].unfinished for one in ended.record.cells}
    assert left["ignored"]["celery.chord_unlock"].messages >= chord["chords"]
    assert ended.code == ExitCode.REGRESSION


def test_a_quorum_queue_and_a_pool_of_connections(
    site: Site, rabbitmq_server: OwnedRabbitmq
) -> None:
    """ETAs fill a window that cannot grow, unless the broker delays them; and many callers wait
    for one connection."""
    queue = {"task_default_queue_type": "quorum"}
    site.configuration(
        "direct",
        broker=rabbitmq_server.broker(site),
        worker={"pool": "prefork", "concurrency": 1},
        settings={**queue, "task_default_exchange_type": "direct", "broker_pool_limit": 32},
    )
    site.configuration(
        "topic",
        broker=rabbitmq_server.broker(site),
        worker={"pool": "prefork", "concurrency": 1},
        settings={**queue, "task_default_exchange_type": "topic", "broker_pool_limit": 1},
    )
    now = {"task": "trapped.quick", "name": "now"}
    later = {"task": "trapped.quick", "name": "later", "options": {"countdown": "4s"}}
    site.scenario(
        configurations=["direct", "topic"],
        workloads=[
            own(site, now, later, loads=[{"load": "rate", "rate": "10/s"}]),
            {
                "workload": "add",
                "loads": [{"load": "closed", "in_flight": 32}],
                "measure": {"units": 200, "warmup": 32},
            },
        ],
        measure={"duration": "3s", "warmup": 0, "timeout": "30s"},
    )
    ended = site.run()
    ((cell, etas),) = where(ended, "eta_fills_window").items()
    assert cell == ("direct", "now")
    assert etas["longest_wait_s"] > 1
    ((cell, waits),) = where(ended, "pool_wait").items()
    assert cell == ("topic", "add")
    assert waits["limit"] == 1


def test_pools(site: Site) -> None:
    """One process for each task, a connection for each message, a limit that threads ignore."""
    site.configuration("children", settings={"worker_max_tasks_per_child": 1})
    site.configuration(
        "threads",
        worker={"pool": "threads", "concurrency": 2},
        settings={"broker_pool_limit": 0},
    )
    site.configuration("plain", settings={"worker_max_tasks_per_child": 1000})
    site.scenario(
        configurations=["children", "threads", "plain"],
        workloads=["add", own(site, {"task": "trapped.too_long"}, loads=BACKLOG)],
        measure={"units": 20, "warmup": 0, "timeout": "20s"},
    )
    ended = site.run()
    ((cell, replaced),) = [
        one for one in where(ended, "children_replaced").items() if one[0][1] == "add"
    ]
    assert cell == ("children", "add")
    assert replaced["tasks_each"] == 1
    opened = where(ended, "connection_per_publish")
    assert {configuration for configuration, _ in opened} == {"threads"}
    assert opened["threads", "add"]["connections"] == 20
    ((cell, late),) = where(ended, "time_limit_ignored").items()
    assert cell == ("threads", "trapped.too_long")
    assert (late["pool"], late["limit"], late["limit_s"]) == ("threads", "hard", 0.3)
    assert late["longest_s"] >= 0.6


def test_reserved_messages_beyond_the_visibility_timeout(site: Site) -> None:
    """No task is longer than the timeout; eight in a row are."""
    options = {"visibility_timeout": 1, **SOON}
    site.configuration(
        worker={"pool": "prefork", "concurrency": 1},
        settings={"broker_transport_options": options},
    )
    site.scenario(
        matrix={"settings.worker_prefetch_multiplier": [8, 1]},
        workloads=[{"workload": "heavy_task", "n": 12, "sleep": "50ms"}],
        loads=BACKLOG,
        measure={"units": 8, "warmup": 0},
    )
    ended = site.run()
    assert_told_of_the_first_only(ended, "reserved_beyond_visibility")
    (data,) = where(ended, "reserved_beyond_visibility").values()
    assert data["reserved_s"] >= 1 > data["run_s"]
    assert 0 < data["tasks"] <= data["duplicated"]


def test_a_worker_full_of_etas(site: Site) -> None:
    """It has taken them all long before the first is due, however slow the machine is. Where it is
    silent, records made by hand tell (tests/results/test_traps.py)."""
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
    """One worker of four processes; then one at a time, each acknowledged when it is over."""
    options = {"polling_interval": 0.05}
    site.configuration(
        "c",
        broker={"service": "sqs", "fifo": True},
        worker={"pool": "prefork", "concurrency": 4},
        settings={"broker_transport_options": options},
    )
    site.configuration(
        "d",
        broker={"service": "sqs", "fifo": True},
        worker={"pool": "prefork", "concurrency": 1},
        settings={
            "broker_transport_options": options,
            "task_acks_late": True,
            "worker_prefetch_multiplier": 1,
        },
    )
    site.scenario(
        configurations=["c", "d"],
        workloads=[{"workload": "heavy_task", "n": 12, "sleep": "10ms"}],
        loads=["backlog"],
        measure={"units": 12, "warmup": 0},
    )
    assert_told_of_the_first_only(site.run(), "fifo_groups_overlap")


def test_workers_that_talk_about_themselves(site: Site) -> None:
    quiet = ["--without-gossip", "--without-mingle", "--without-heartbeat"]
    site.configuration(worker={"pool": "solo", "concurrency": 1, "count": 4})
    site.scenario(
        matrix={"worker.options": [[], quiet]},
        loads=[{"load": "rate", "rate": "1/s"}],
        measure={"duration": "5s", "warmup": 0},
    )
    ended = site.run()
    assert_told_of_the_first_only(ended, "worker_chatter")
    for block in ended.record.blocks:
        assert_idling_is_apart(block)


def assert_idling_is_apart(block: BlockRecord) -> None:
    """Of what four workers ask for whether there is a task or not."""
    assert all(0 < count <= block.traffic[name] for name, count in block.idle_traffic.items())
