"""`harness selftest` on real servers, and what it leaves behind: nothing."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import psutil
import pytest
from click.testing import CliRunner

from harness.cli import cli
from harness.errors import ExitCode
from harness.results.store.run_folders import read_run
from harness.selftest import checks
from harness.selftest.check_result import CheckResult
from harness.workspace import MARK
from tests.runner.running import wait_for

PATIENCE_S = 240.0


@pytest.fixture
def environ(tmp_path: Path) -> Iterator[dict[str, str]]:
    """Temporary files of this test only; no process that says so survives the test."""
    (tmp_path / "tmp").mkdir()
    kept = {name: value for name, value in os.environ.items() if not name.startswith("HARNESS_")}
    yield kept | {"TMPDIR": str(tmp_path / "tmp")}
    left = list(_processes(tmp_path))
    for process in left:
        with suppress(psutil.Error):
            process.kill()
    assert not left
    assert not list((tmp_path / "tmp").iterdir())


def _processes(folder: Path) -> Iterator[psutil.Process]:
    for process in psutil.process_iter():
        with suppress(psutil.Error, OSError):
            if process.environ().get(MARK, "").startswith(str(folder)):
                yield process


def _start(environ: Mapping[str, str], *arguments: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "harness", "selftest", "--short", *arguments],
        env=dict(environ),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def test_the_short_form_finds_all_that_it_plants(environ: dict[str, str], tmp_path: Path) -> None:
    kept = tmp_path / "kept"
    process = _start(environ, "--json", "--out", str(kept))
    stdout, stderr = process.communicate(timeout=PATIENCE_S)
    document = json.loads(stdout)
    wrong = [finding for finding in document["findings"] if not finding["ok"]]
    assert (process.returncode, wrong) == (0, []), stderr
    assert document["left_out"] == {}
    done = [(finding["broker"], finding["check"]) for finding in document["findings"]]
    assert len(done) == len(set(done)) == 14
    for broker in ("redis", "rabbitmq"):
        for check in (
            "run phase",
            "server's own counters",
            "planted trouble",
            "planted reordering",
        ):
            assert (broker, check) in done
    runs = [read_run(folder) for folder in sorted(kept.iterdir())]
    assert len(runs) == 6
    assert {run.status for run in runs} == {"complete"}
    secrets = ("redis://:", "amqp://harness:")
    texts = [path.read_text("utf-8") for path in kept.rglob("*.json")]
    assert not [text for text in texts if any(secret in text for secret in secrets)]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_the_user_ends_it_while_workers_stand_still(
    environ: dict[str, str], tmp_path: Path, number: signal.Signals
) -> None:
    process = _start(environ, "--broker", "redis")
    try:

        def held() -> bool:
            assert process.poll() is None
            return any(p.status() == psutil.STATUS_STOPPED for p in _alive(tmp_path))

        wait_for(held, "workers that stand still")
        process.send_signal(number)
        stdout, stderr = process.communicate(timeout=60)
    finally:
        process.kill()
    assert process.returncode == 130
    assert stdout == ""
    assert stderr.splitlines()[-1] == "harness: interrupted"


def _alive(folder: Path) -> list[psutil.Process]:
    found = []
    for process in _processes(folder):
        with suppress(psutil.Error):
            process.status()
            found.append(process)
    return found


# --- the command, with checks of the test's own -------------------------------------------------


def _finding(*, ok: bool) -> CheckResult:
    return CheckResult("stall", "redis", "this", "that", "those", ok)


@pytest.fixture
def found(monkeypatch: pytest.MonkeyPatch) -> list[CheckResult]:
    findings: list[CheckResult] = []

    def selftest(brokers: Any, **_: Any) -> Iterator[CheckResult]:
        yield from findings

    monkeypatch.setattr(checks, "selftest", selftest)
    return findings


def test_one_check_that_is_not_right_is_exit_code_1(found: list[CheckResult]) -> None:
    found += [_finding(ok=True), _finding(ok=False)]
    ended = CliRunner().invoke(cli, ["selftest", "--broker", "redis"], standalone_mode=False)
    assert ended.return_value == ExitCode.REGRESSION
    assert ended.stdout.splitlines() == [
        "ok  redis    stall: this; expected that; measured those",
        "NOT redis    stall: this; expected that; measured those",
    ]


def test_a_broker_that_is_not_installed_is_said(
    found: list[CheckResult], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(checks, "find_server", lambda _: None)
    found.append(_finding(ok=True))
    ended = CliRunner().invoke(cli, ["selftest"], standalone_mode=False)
    assert ended.return_value == ExitCode.PASS
    assert "rabbitmq left out: RabbitMQ is not installed" in ended.stdout
    ended = CliRunner().invoke(cli, ["selftest", "--json"], standalone_mode=False)
    assert set(json.loads(ended.stdout)["left_out"]) == {"rabbitmq"}
