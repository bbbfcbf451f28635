"""What is kept of environments, and what removes it."""

from __future__ import annotations

import fcntl
import os
import time
from pathlib import Path

import pytest
from click.testing import CliRunner

from harness.cli import clean
from harness.environments.kept import COMPLETE, LOCK, all_kept
from harness.workspace import open_workspace

DAY_S = 86_400


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where environments are kept: one of today, one of last month, and what a build left that was
    killed. No run is under way where this test looks for some."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr("harness.runner.prepare.preflight._marks", lambda: iter(()))
    home = tmp_path / "cache" / "harness" / "envs"
    for name, pins, days in (("new", "celery==5.7.0\nredis\n", 0), ("old", "celery==5.6.3\n", 40)):
        (home / name / "lib").mkdir(parents=True)
        (home / name / "lib" / "a.py").write_bytes(bytes(2**20))
        (home / name / ".pins").write_text(pins)
        (home / name / COMPLETE).touch()
        os.utime(home / name / COMPLETE, 2 * (time.time() - days * DAY_S,))
        (home / f"{name}.log").touch()
        (home / f"{name}{LOCK}").touch()
    (home / "half" / "bin").mkdir(parents=True)
    return home


def said(*words: str) -> list[str]:
    done = CliRunner().invoke(clean.command, words)
    assert done.exit_code == 0, done.output
    return done.output.splitlines()


def names(home: Path) -> set[str]:
    return {path.name for path in home.iterdir() if path.suffix != LOCK}


def test_what_is_there_is_shown_and_kept(home: Path) -> None:
    (home / "new" / ".about").write_text("what commit 1234 of /home/me/shop needs (uv.lock)\n")
    before = names(home)
    first, _, half, old, new, end = said()
    assert first == str(home)
    assert half.startswith("never ")
    assert half.endswith("left by a build that did not end well")
    assert old.startswith("40 days ago")
    assert old.endswith("  celery==5.6.3")
    assert new.startswith("today ")
    assert " 1.0" in new
    assert new.endswith(" MiB  what commit 1234 of /home/me/shop needs (uv.lock)")
    assert end.startswith("3, 2.0")
    assert "`harness clean --unused 30` frees 1.0" in end
    assert names(home) == before


def test_what_was_not_used_is_removed_with_all_that_lies_beside_it(home: Path) -> None:
    (told,) = said("--unused", "30")
    assert told.startswith("removed 2 of 3: 1.0")
    assert names(home) == {"new", "new.log"}
    assert said("--all") == ["removed 1 of 1: 1.00 MiB freed"]
    assert names(home) == set()
    assert said() == [f"no environments are kept in {home}"]


def test_what_a_run_may_be_using_is_kept(home: Path) -> None:
    with open_workspace(dict(os.environ)) as workspace:
        began_s = (workspace.path / "owner.json").stat().st_mtime
        os.utime(home / "new" / COMPLETE, 2 * (began_s,))
        assert said("--all")[1:] == ["kept 1: a run is under way that may be using them"]
    assert names(home) == {"new", "new.log"}


def test_what_is_being_built_is_kept(home: Path) -> None:
    with (home / f"half{LOCK}").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        told = said("--all")
    assert told[1:] == [f"not removed, as they are being built or cannot be: {home}/half"]
    assert {one.folder.name for one in all_kept(dict(os.environ))} == {"half"}
