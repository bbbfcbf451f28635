"""`--affinity`: what it may say, and that a process has its cores from its first moment on."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from harness.affinity import ANYWHERE, Affinity, parse
from harness.errors import ExitCode, UsageError
from harness.processes import spawn
from tests.runner.running import Site

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="no other system has it")
OURS = frozenset(os.sched_getaffinity(0)) if sys.platform == "linux" else frozenset()


@pytest.fixture
def many_cores(monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine with cores 0 to 7, whatever this one has."""
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(8)))


@pytest.mark.usefixtures("many_cores")
def test_it_reads_what_it_writes() -> None:
    affinity = parse("client=0, broker=1+0,workers=2-4+7")
    cores = {0}, {0, 1}, {2, 3, 4, 7}
    assert affinity == Affinity(*map(frozenset, cores))
    assert affinity.described() == {"client": "0", "broker": "0-1", "workers": "2-4+7"}
    assert parse(",".join(f"{k}={v}" for k, v in affinity.described().items())) == affinity
    assert parse("workers=3") == Affinity(workers=frozenset({3}))
    assert ANYWHERE.described() == {}


@pytest.mark.usefixtures("many_cores")
@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "cannot read ''"),
        ("client", "cannot read 'client'"),
        ("server=1", "cannot read 'server=1'"),
        ("client=", "cannot read the cores in 'client='"),
        ("client=a", "cannot read the cores in 'client=a'"),
        ("client=1-", "cannot read the cores in 'client=1-'"),
        ("client=-1", "cannot read the cores in 'client=-1'"),
        ("client=3-1", "3-1 counts backwards"),
        ("client=1,client=2", "names client twice"),
        ("client=1,workers=6-9", "workers cannot have core 8-9: this process may use 0-7"),
    ],
)
def test_what_cannot_be_is_refused(text: str, words: str) -> None:
    with pytest.raises(UsageError) as caught:
        parse(text)
    assert words in str(caught.value)


def test_a_child_has_its_cores_before_its_program_runs(tmp_path: Path) -> None:
    """And so have its own children; the harness keeps all of its own."""
    core = max(OURS)
    tell = "import os; print(sorted(os.sched_getaffinity(0)), flush=True)"
    program = f"{tell}\nimport subprocess, sys; subprocess.run([sys.executable, '-c', {tell!r}])"
    process = spawn(
        [sys.executable, "-c", program],
        name="pinned",
        log=tmp_path / "log",
        env=os.environ,
        cores=frozenset({core}),
        stdout=subprocess.PIPE,
    )
    try:
        assert process.stdout is not None
        assert process.stdout.read().decode().splitlines() == [f"[{core}]"] * 2
    finally:
        process.stop()
    assert os.sched_getaffinity(0) == OURS


def test_cores_that_are_not_there_end_the_command(site: Site) -> None:
    """Before a server is started, with one line."""
    ended = site.run("--affinity", "client=4000")
    assert ended.code == ExitCode.USAGE
    assert ended.stderr.count("\n") == 1
    assert "client cannot have core 4000: this process may use" in ended.stderr
    assert not ended.results.exists()
