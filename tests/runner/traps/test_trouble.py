"""What goes wrong around a run: said once, clearly, in time, and with the right exit code."""

from __future__ import annotations

import re
import signal
import socket
import time
from urllib.parse import urlsplit

import pytest

from harness.errors import ExitCode
from tests.runner.outside import OwnedRabbitmq, OwnedRedis
from tests.runner.running import Ended, Site, outcomes_of

SECRET = "open-sesame-4711"
PROMPT_S = 60.0
"""By then it has been said on any machine; without a time-out of its own it would take longer."""
LATE = """
import os, time
from harness.probe import tasks
add = tasks.add.run

def late_add(x, y):
    time.sleep(1.5)
    return add(x, y)

if os.environ["HARNESS_ROLE"] == "worker":
    from harness.probe.app import app
    tasks.add.run = late_add
"""


NAP = """
import sys, time
if "worker" in sys.orig_argv:
    print("before the nap", flush=True)
    time.sleep(600)
"""
"""A worker that stands still before it imports anything, for which a busy machine needs long."""


def assert_said(ended: Ended, *words: str) -> None:
    """One message for a person, without traceback, and nothing on standard output."""
    assert ended.code == ExitCode.USAGE
    assert "Traceback" not in ended.stderr
    for word in words:
        assert word in ended.stderr
    assert ended.stdout == ""


def unused_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def test_workers_that_never_get_ready(site: Site) -> None:
    site.module("sitecustomize", NAP)
    site.scenario(measure={"units": 5, "warmup": 0, "startup_timeout": "4s"})
    began = time.monotonic()
    ended = site.run()
    assert ended.code == ExitCode.USAGE
    assert (ended.record.status, ended.block.status) == ("failed", "failed")
    assert ended.block.error.startswith("the workers were not ready within 4 s (measure.startup_")
    assert "the end of worker1.log:\nbefore the nap" in ended.block.error
    assert "the workers were not ready within 4 s" in ended.words
    assert time.monotonic() - began < 4 + 15 + PROMPT_S  # a worker gets 15 s to stop
    assert list(site.temporary.iterdir()) == []


def test_workers_that_cannot_start(site: Site) -> None:
    """The cell fails at once, with the reason; its other blocks are not tried again."""
    site.module("broken", "raise RuntimeError('planted at import')\n")
    site.configuration(settings={"imports": ["broken"]})
    site.scenario(measure={"units": 5, "warmup": 0, "blocks": 3})
    ended = site.run()
    assert ended.code == ExitCode.USAGE
    assert ended.block.status == "failed"
    assert ended.block.error.startswith("worker1 ended with exit code 1; the end of worker1.log:")
    assert "RuntimeError: planted at import" in ended.block.error
    assert "RuntimeError: planted at import" in ended.words
    log = ended.folder / ended.block.files["logs"] / "worker1.log"
    assert "planted at import" in log.read_text()


@pytest.mark.parametrize("service", ["redis", "rabbitmq"])
def test_a_server_that_is_not_there(site: Site, service: str) -> None:
    scheme = {"redis": "redis", "rabbitmq": "amqp"}[service]
    port = unused_port()
    url = f"{scheme}://user:{SECRET}@127.0.0.1:{port}"
    broker = {"service": service, "provider": "external", "url": url.replace(SECRET, "${SECRET}")}
    site.environ["SECRET"] = SECRET
    site.configuration(broker=broker, backend={"service": "none"})
    site.scenario(loads=["backlog"])
    began = time.monotonic()
    ended = site.run()
    assert time.monotonic() - began < PROMPT_S
    assert_said(ended, f"cannot use {service} at 127.0.0.1:{port}", "Check that it runs")
    assert ended.record.status == "failed"
    assert SECRET not in ended.stderr + (ended.folder / "run.json").read_text()


def test_a_wrong_password_for_redis(site: Site, redis_server: OwnedRedis) -> None:
    parts = urlsplit(redis_server.url)
    wrong = parts._replace(netloc=f":{SECRET}@{parts.hostname}:{parts.port}").geturl()
    OwnedRedis(wrong).configure(site)
    ended = site.run()
    assert_said(ended, f"cannot use redis at 127.0.0.1:{parts.port}", "password in the URL")
    assert SECRET not in ended.stderr


def test_a_wrong_password_for_rabbitmq(site: Site, rabbitmq_server: OwnedRabbitmq) -> None:
    rabbitmq_server.configure(site)
    parts = urlsplit(rabbitmq_server.url)
    wrong = parts._replace(netloc=f"{parts.username}:{SECRET}@{parts.hostname}:{parts.port}")
    site.environ["TEST_RABBITMQ_URL"] = wrong.geturl()
    ended = site.run()
    assert_said(ended, f"cannot use rabbitmq at 127.0.0.1:{parts.port}", "password and vhost")
    assert SECRET not in ended.stderr


def test_results_that_cannot_be_written(site: Site) -> None:
    (site.folder / "file").touch()
    ended = site.run("--out", "file/inside")
    assert_said(ended, "cannot create the run's folder file/inside/", "--out")
    assert list(site.temporary.iterdir()) == []


def test_units_that_all_come_too_late(site: Site) -> None:
    """The client gives up after twice as many units as it keeps in flight."""
    site.module("late", LATE)
    site.configuration(settings={"imports": ["late"]})
    site.scenario(
        loads=[{"load": "closed", "in_flight": 2}],
        measure={"units": 10_000, "warmup": 0, "timeout": "500ms"},
    )
    ended = site.run()
    assert ended.code == ExitCode.REGRESSION
    assert ended.block.status == "partial"
    assert ended.block.units in {4, 5}, "while one caller gives up, the other may have begun"
    assert outcomes_of(ended.block) == {"timed_out": ended.block.units}
    assert ended.block.throughput_per_s is None
    assert "gave_up" in {warning.code for warning in ended.block.warnings}
    assert "Nothing came back any more" in ended.words
    assert f"{ended.block.units} timed" in ended.words


def test_the_command_line_wins(site: Site) -> None:
    """`--config` takes the place of the scenario's list, `--set` reaches both kinds of file.
    And the configuration wins over a shell's BROKER_URL, which `celery worker` puts above all."""
    site.environ.update(dict.fromkeys(("BROKER_URL", "RESULT_BACKEND"), "redis://127.0.0.1:1/0"))
    site.configuration("other")
    ended = site.run(
        *("--config", "other", "--set", "config.worker.pool=threads"),
        *("--set", "config.settings.worker_prefetch_multiplier=2"),
        *("--set", "measure.duration=700ms", "--set", "measure.units=null"),
    )
    assert ended.code == ExitCode.PASS, ended.stderr
    (cell,) = ended.record.cells
    assert (cell.config["name"], cell.config["worker"]["pool"]) == ("other", "threads")
    assert cell.config["settings"] == {"worker_prefetch_multiplier": 2}
    assert cell.measure["duration"] == pytest.approx(0.7)
    assert cell.measure["units"] is None
    rows = ended.rows(ended.block, "units")
    started_s = (rows[-1]["publish_ns"] - min(row["publish_ns"] for row in rows)) / 1e9
    assert 0 < started_s < 10, (
        "units are started for so long, and no longer, unless all stands still"
    )
    assert outcomes_of(ended.block) == {"ok": len(rows)}


def test_a_seed_gives_the_same_order(site: Site) -> None:
    """The order is in the record from the start: the runs are ended before the first block."""
    site.scenario(
        matrix={"worker.concurrency": [1, 2, 3]}, measure={"units": 1, "warmup": 0, "blocks": 8}
    )
    orders: list[tuple[int, ...]] = []
    for seed in ("7", "7", "8"):
        out = f"out-{len(orders)}"
        with site.start("run", "scenarios/s.yaml", "--seed", seed, "--out", out) as running:
            running.wait_said("ready after")
            running.kill(signal.SIGINT)
            ended = running.ended()
        record = Ended(ended.code, "", "", site.folder / out).record
        assert record.seed == int(seed)
        orders.append(record.order)
    assert orders[0] == orders[1] != orders[2]
    assert [sorted(order) for order in orders] == [[0] * 8 + [1] * 8 + [2] * 8] * 3


def test_a_typo_is_found_before_anything_starts(site: Site) -> None:
    ended = site.run("--set", "measure.unit=5")
    assert_said(ended, "units")
    assert re.search("did you mean", ended.stderr)
    assert not site.results.exists()
    assert list(site.temporary.iterdir()) == []
