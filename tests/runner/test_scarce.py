"""What a machine may be short of, and what may never come: one clear error each within a bounded
time, and what was measured is kept."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from harness.errors import ExitCode
from harness.probe.recording.events import Kind
from harness.results.store.run_folders import read_run
from harness.runner.prepare.disk import RESERVE_BYTES, DiskGuard, free_bytes
from tests.runner.running import PATIENCE_S, SLEEPING, Ended, Site, outcomes_of, wait_for

SECRET = "pw-4711-of-nobody"  # what must not be said
MIB = 1024 * 1024


@contextlib.contextmanager
def small_disk(folder: Path, size: str, *options: str) -> Iterator[None]:
    """A file system of its own on a folder, as root."""
    folder.mkdir(exist_ok=True)
    words = ",".join((f"size={size}", *options))
    command = ["mount", "-t", "tmpfs", "-o", words, "tmpfs", str(folder)]
    if (
        os.geteuid() != 0
        or subprocess.run(command, capture_output=True, check=False).returncode != 0
    ):
        pytest.skip("only a root that may mount can make a small disk")
    try:
        yield
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)  # noqa: S607 - as above


def said(ended: Ended, *words: str) -> None:
    """A mistake of the surroundings: exit code 2, one clear error, nothing left."""
    assert ended.code == ExitCode.USAGE, ended.stderr
    assert "Traceback" not in ended.stderr + ended.stdout
    assert "this is a bug" not in ended.stderr
    for word in words:
        assert word in ended.stderr


def test_a_disk_that_is_full_before_the_first_block(site: Site) -> None:
    with small_disk(site.results, "20m"):
        ended = site.run()
        said(ended, "is full: ", "Make room, then go on: harness resume ")
        assert ended.record.status == "failed"
        assert ended.record.blocks == ()
    assert list(site.temporary.iterdir()) == []


def test_a_disk_that_fills_up_in_a_block(site: Site) -> None:
    """The block ends in order, its units are all accounted for; with room again it is measured."""
    site.scenario(measure={"duration": "60s", "warmup": 0})
    with small_disk(site.results, "64m"):
        with site.start("run", "scenarios/s.yaml") as running:
            running.wait_event(Kind.SEEN, 50)
            filler = site.results / "filler"
            filler.write_bytes(bytes(free_bytes(site.results) - RESERVE_BYTES + MIB))
            ended = running.ended()
        filler.unlink()
        (run,) = site.results.iterdir()
        ended = Ended(ended.code, ended.stdout, ended.stderr, site.results)
        assert ended.code == ExitCode.USAGE
        block = ended.block
        assert block.status == "failed"
        assert "is nearly full (15.0 MiB free)" in block.error
        assert outcomes_of(block) == {"ok": block.units}
        assert block.units >= 50
        assert len(ended.rows(block, "units")) == block.units

        site.scenario()
        stored = (run / "run.json").read_text(encoding="utf-8")
        (run / "run.json").write_text(stored.replace('"duration": 60.0', '"duration": 0.5'))
        again = site.harness("resume", "latest")
        assert again.code == ExitCode.PASS, again.stderr
        assert again.block.status == "complete"
        assert again.record.broken_off[0].units == block.units


def test_the_disk_is_looked_at_twice_a_second(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    now_ns, free = [0], [RESERVE_BYTES]
    monkeypatch.setattr("harness.runner.prepare.disk.free_bytes", lambda _: free[0])
    guard = DiskGuard(tmp_path, lambda: now_ns[0])
    assert guard.trouble() == ""
    free[0] -= 1
    now_ns[0] = 499_999_999
    assert guard.trouble() == "", "not looked at again so soon"
    now_ns[0] = 500_000_000
    assert "nearly full (16.0 MiB free)" in guard.trouble()


def test_results_on_a_disk_that_takes_nothing(site: Site) -> None:
    with small_disk(site.results, "64m", "ro"):
        ended = site.run()
        said(ended, "cannot create the run's folder", "Read-only file system", "--out")
    assert list(site.temporary.iterdir()) == []


def test_too_few_files_may_be_open(site: Site) -> None:
    command = f"ulimit -n 64; exec {sys.executable} -m harness run scenarios/s.yaml"
    done = subprocess.run(
        ["bash", "-c", command],  # noqa: S607 - found on PATH
        cwd=site.folder,
        env=site.environment(),
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
        check=False,
    )
    said(Ended(done.returncode, done.stdout, done.stderr, site.results), "`ulimit -n 1024`")
    assert not site.results.exists()


@contextlib.contextmanager
def silent_server() -> Iterator[int]:
    """Takes every connection, and never says a word; its port."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(64)  # the kernel completes the handshakes by itself
        yield int(listener.getsockname()[1])


@pytest.mark.parametrize(
    ("service", "url"),
    [("redis", f"redis://:{SECRET}@"), ("rabbitmq", f"amqp://u:{SECRET}@")],
)
def test_a_server_that_never_answers(site: Site, service: str, url: str) -> None:
    with silent_server() as port:
        site.environ["TEST_URL"] = f"{url}127.0.0.1:{port}/"
        broker = {"service": service, "provider": "external", "url": "${TEST_URL}"}
        site.configuration(broker=broker)
        began_s = time.monotonic()
        ended = site.run()
        assert time.monotonic() - began_s < 90
    said(ended, f"cannot use {service} at 127.0.0.1:{port}")
    assert SECRET not in ended.stderr + (ended.folder / "run.json").read_text()


TASKS = """
import time
from celery.signals import celeryd_init

@celeryd_init.connect
def patch(**_):
    from celery import current_app
    task = current_app.tasks["harness.probe.tasks.add"]
    run, encode = task.run, type(current_app.backend).encode
    def changed(x, y):
        if x == 11:
            time.sleep(3600)
        return object() if x == 12 else run(x, y)
    def spoilt(self, data):
        good = encode(self, data)
        return "\\x00{" if isinstance(data, dict) and data.get("result") == 27 else good
    task.run, type(current_app.backend).encode = changed, spoilt
"""


def test_tasks_that_hang_and_results_that_nobody_can_read(site: Site) -> None:
    """One unit hangs, one returns what no serializer takes, one is stored as rubbish."""
    site.module("trouble", TASKS)
    site.configuration(settings={"imports": ["trouble"]})
    site.scenario(measure={"units": 20, "warmup": 0, "timeout": "2s"})
    began_s = time.monotonic()
    ended = site.run()
    assert time.monotonic() - began_s < 120
    assert ended.code == ExitCode.REGRESSION
    # Celery raises for the rubbish where it looks for the result, and once more in a later get()
    # where it had been announced as well: which comes first is chance.
    rubbish = ended.block.failures.get("DecodeError", 0)
    assert rubbish in (1, 2)
    assert ended.block.failures == {"EncodeError": 1, "DecodeError": rubbish}
    assert outcomes_of(ended.block) == {"ok": 18 - rubbish, "failed": 1 + rubbish, "timed_out": 1}
    assert list(site.temporary.iterdir()) == []


def test_two_runs_at_once_do_not_disturb_each_other(site: Site) -> None:
    """They are told that they share the cores, and each finds all of its own units."""
    site.scenario(workloads=[SLEEPING], measure={"duration": "60s", "warmup": 0})
    with site.start("run", "scenarios/s.yaml", "--out", "first") as first:
        wait_for(lambda: "[1/1]" in first.stderr, "the first run's block")
        site.scenario()
        second = site.run("--out", "second")
        first.kill(signal.SIGINT)
        first.ended()
    records = [read_run(next((site.folder / name).iterdir())) for name in ("first", "second")]
    assert second.code == ExitCode.PASS, second.stderr
    assert "Another run of the harness was under way" in second.words
    for record in records:
        (block,) = record.blocks
        assert outcomes_of(block) == {"ok": block.units}
        assert [warning.code for warning in record.warnings] == ["other_runs"]


CLOCK = """
import os, time
real_s, real_ns, stepped = time.time, time.time_ns, os.environ["TEST_STEPPED"]
time.time = lambda: real_s() - (3600 if os.path.exists(stepped) else 0)
time.time_ns = lambda: real_ns() - (3600 * 10**9 if os.path.exists(stepped) else 0)
"""


def test_a_clock_that_is_set_back(site: Site) -> None:
    """By an hour, for harness, client, observer and workers alike, in the middle of a block: no
    figure comes from the wall clock."""
    site.module("sitecustomize", CLOCK)
    stepped = site.folder / "stepped"
    site.environ["TEST_STEPPED"] = str(stepped)
    site.scenario(loads=[{"load": "rate", "rate": "40/s"}], measure={"duration": "2s", "warmup": 0})
    with site.start("run", "scenarios/s.yaml") as running:
        running.wait_event(Kind.SEEN, 20)
        stepped.touch()
        ended = running.ended()
    assert ended.code == ExitCode.PASS, ended.stderr
    assert outcomes_of(ended.block) == {"ok": 80}
    assert ended.block.negative_phases == {}
    assert 1.9 < (ended.block.window_s or 0) < 20
    assert 0 < (ended.block.latency_s.max or 0) < 20
