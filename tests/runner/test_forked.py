"""What tests fork in place of a new interpreter is for others and for itself as if one had been
executed."""

from __future__ import annotations

import json
import os
import sys
from contextlib import nullcontext
from pathlib import Path
from subprocess import PIPE
from typing import Any

import pytest

from harness.processes import Process, spawn
from tests.runner.children import forked_children
from tests.runner.forked import fork_server
from tests.runner.running import PATIENCE_S, ROOT

TELLS = """
import json, os, sys, time
from pathlib import Path
from celery import Celery

app = Celery("tells")
if "report" in sys.argv:
    seen = Path(f"/proc/{os.getpid()}")
    told = {
        "words": [w for w in (seen / "cmdline").read_text().split("\\0") if w],
        "variables": sorted(v for v in (seen / "environ").read_text().split("\\0") if v),
        "known": sorted(f"{name}={value}" for name, value in os.environ.items()),
        "argv": sys.argv[1:], "given": sys.orig_argv, "path": sys.path[:3], "zone": time.tzname,
        "cores": sorted(os.sched_getaffinity(0)), "folder": os.getcwd(),
        "leads": [os.getpgid(0) == os.getpid(), os.getsid(0) == os.getpid()],
        "parent": os.getppid(), "open": sorted(int(fd.name) for fd in (seen / "fd").iterdir()),
    }
    print(json.dumps(told), flush=True)
    print("to the log", file=sys.stderr)
    sys.exit(int(sys.stdin.readline()))
"""
"""Imported by `celery -A`, which it keeps from coming any further."""


def _command(folder: Path, variables: dict[str, str], forked: bool) -> None:
    """A command that starts two programs: of one the end is awaited, the other is killed."""
    with forked_children() if forked else nullcontext():
        asked = _program("asked", folder, variables)
        assert asked.stdin is not None
        assert asked.stdout is not None
        told = json.loads(asked.stdout.readline())
        told["parent"] = told["parent"] == os.getpid()
        asked.stdin.write(b"3\n")
        asked.stdin.close()
        told["code"] = asked.finished(PATIENCE_S)
        killed = _program("killed", folder, variables)
        assert killed.stdout is not None
        killed.stdout.readline()
        killed.kill()
        told["killed"] = killed.ending
    (folder / "told").write_text(json.dumps(told), encoding="utf-8")


def _program(name: str, folder: Path, variables: dict[str, str]) -> Process:
    argv = (sys.executable, "-m", "celery", "-A", "tells", "report")
    log = folder / f"{name}.log"
    cores = frozenset({min(os.sched_getaffinity(0))})
    return spawn(argv, env=variables, name=name, log=log, cores=cores, stdin=PIPE, stdout=PIPE)


def _told(folder: Path, variables: dict[str, str], *, forked: bool) -> dict[str, Any]:
    process = fork_server().Process(target=_command, args=(folder, variables, forked))
    process.start()
    process.join(PATIENCE_S)
    assert process.exitcode == 0
    assert (folder / "asked.log").read_text(encoding="utf-8") == "to the log\n"
    told: dict[str, Any] = json.loads((folder / "told").read_text(encoding="utf-8"))
    return told


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere they are executed")
def test_a_forked_program_is_as_an_executed_one(tmp_path: Path) -> None:
    (tmp_path / "tells.py").write_text(TELLS, encoding="utf-8")
    path = os.pathsep.join((str(tmp_path), str(ROOT)))
    variables = {"PYTHONPATH": path, "TZ": "Asia/Tokyo", "TMPDIR": str(tmp_path), "WORD": "ä b=c"}
    variables["LC_ALL"] = "C.UTF-8"  # or a new interpreter would say so itself
    forked = _told(tmp_path, variables, forked=True)
    (tmp_path / "asked.log").unlink()
    executed = _told(tmp_path, variables, forked=False)
    assert forked == executed
    assert (executed["code"], executed["parent"]) == (3, True)
    assert executed["killed"] == "exit code -9 (SIGKILL)"
    assert executed["words"][1:] == ["-m", "celery", "-A", "tells", "report"]
    assert "WORD=ä b=c" in executed["variables"]
