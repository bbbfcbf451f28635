"""Whether a run is still being written: by the lock on its folder."""

from __future__ import annotations

import fcntl
import os
import subprocess
import sys
from pathlib import Path

from harness.results.store.liveness import is_being_written


def test_a_folder_without_a_writer(tmp_path: Path) -> None:
    assert is_being_written(tmp_path) is False


def test_a_folder_with_a_writer(tmp_path: Path) -> None:
    handle = os.open(tmp_path, os.O_RDONLY)
    fcntl.flock(handle, fcntl.LOCK_EX)
    assert is_being_written(tmp_path) is True
    os.close(handle)
    assert is_being_written(tmp_path) is False


def test_a_writer_that_was_killed(tmp_path: Path) -> None:
    program = (
        "import fcntl, os, sys, time\n"
        "fcntl.flock(os.open(sys.argv[1], os.O_RDONLY), fcntl.LOCK_EX)\n"
        "print('locked', flush=True)\n"
        "time.sleep(600)\n"
    )
    command = [sys.executable, "-c", program, str(tmp_path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as writer:
        assert writer.stdout is not None
        assert writer.stdout.readline() == b"locked\n"
        assert is_being_written(tmp_path) is True
        writer.kill()
        writer.wait()
    assert is_being_written(tmp_path) is False


def test_no_folder_at_all(tmp_path: Path) -> None:
    assert is_being_written(tmp_path / "none") is None
