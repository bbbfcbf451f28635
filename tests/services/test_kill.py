"""After SIGKILL of the harness nothing of it is left: at once, or after the next sweep."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from harness.processes import Process, spawn, wait_ended
from harness.scenario.models.configuration import Configuration
from harness.scenario.vendors.redis import RedisBackend, RedisBroker
from harness.services.provide import Services
from harness.services.sweep import leftovers, sweep
from tests.services.cases import RABBITMQ, REDIS, SQS, Case, foreign

ROOT = Path(__file__).parent.parent.parent
DEADLINE_S = 20.0


@contextlib.contextmanager
def parent(
    folder: Path, *configurations: Configuration
) -> Iterator[tuple[Process, dict[str, Any]]]:
    """The harness of `parent.py`, up and in the middle of its blocks."""
    process = spawn(
        [
            sys.executable,
            Path(__file__).with_name("parent.py"),
            folder,
            *(configuration.model_dump_json() for configuration in configurations),
        ],
        name="parent",
        log=folder / "parent.log",
        env={**os.environ, "PYTHONPATH": str(ROOT), "TMPDIR": str(folder)},
        stdout=subprocess.PIPE,
    )
    try:
        assert process.stdout is not None
        line = process.stdout.readline()
        assert line, process.log_tail(40)
        yield process, json.loads(line)
    finally:
        process.kill()


def test_no_process_survives_the_harness(tmp_path: Path) -> None:
    """The kernel kills local servers with the harness; the sweep removes the folder."""
    environ = {**os.environ, "TMPDIR": str(tmp_path)}
    with parent(tmp_path, REDIS, RABBITMQ, SQS) as (process, facts):
        children = [psutil.Process(pid) for pid in facts["pids"]]
        assert len(children) >= 4
        os.kill(process.pid, signal.SIGKILL)  # the leader alone, not its group
        assert process.wait(DEADLINE_S)
        assert wait_ended(children, DEADLINE_S) == []
        assert Path(facts["folder"]).is_dir()
        assert len(leftovers(environ)) == 1
        assert sweep(environ) == [f"removed the folder of a dead run ({facts['folder']})"]
    assert not Path(facts["folder"]).exists()
    assert sweep(environ) == []


@pytest.mark.parametrize(
    "name", ["redis-external", "rabbitmq-external", "rabbitmq-external-names", "sqs-external"]
)
def test_the_next_sweep_removes_names_on_lasting_servers(
    outside: dict[str, Case], name: str, tmp_path: Path
) -> None:
    case = outside[name]
    environ = {**os.environ, "TMPDIR": str(tmp_path)}
    with foreign(case):
        before = case.inventory()
        with parent(tmp_path, case.configuration) as (process, facts):
            assert case.inventory() - before
            assert sweep(environ) == []  # its owner lives
            os.kill(process.pid, signal.SIGKILL)
            assert process.wait(DEADLINE_S)
            said = sweep(environ)
        assert case.inventory() == before
    assert any(sentence.startswith("removed ") for sentence in said)
    assert not Path(facts["folder"]).exists()


def test_a_promise_is_kept_for_later_while_its_server_is_away(
    local: Services, tmp_path: Path
) -> None:
    """The server of the killed run is unreachable at the first sweep, and back at the second."""
    environ = {**os.environ, "TMPDIR": str(tmp_path)}
    with parent(tmp_path, REDIS) as (_, facts):
        folder = Path(facts["folder"])
    promise = {"url": "redis://:secret-4711@127.0.0.1:1/0", "prefix": "harness:gone:"}
    with (folder / "journal.jsonl").open("a") as journal:
        entry = {"event": "promised", "id": "1", "kind": "redis-keys", "payload": promise}
        journal.write(json.dumps(entry) + '\n{"event":"promi')  # and half a line
    (sentence,) = sweep(environ)
    assert "will try again next time" in sentence
    assert "secret-4711" not in sentence
    assert folder.is_dir()
    with (folder / "journal.jsonl").open("a") as journal:
        journal.write('\n{"event":"fulfilled","id":"1"}\n')
    assert sweep(environ) == [f"removed the folder of a dead run ({folder})"]


def test_an_external_backend_has_promises_too(outside: dict[str, Case], tmp_path: Path) -> None:
    case = outside["redis-external"]
    backend = case.configuration.backend
    assert isinstance(backend, RedisBackend)
    mixed = Configuration(name="mixed", broker=RedisBroker(service="redis"), backend=backend)
    with parent(tmp_path, mixed) as (_, facts):
        journal = (Path(facts["folder"]) / "journal.jsonl").read_text()
        assert '"kind":"redis-keys"' in journal
        assert (Path(facts["folder"]) / "journal.jsonl").stat().st_mode & 0o077 == 0
