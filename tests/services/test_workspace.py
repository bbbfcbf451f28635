"""The private folder, its journal, and telling the dead from the living."""

from __future__ import annotations

import fcntl
import json
import os
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from harness.errors import HarnessError
from harness.runner.prepare.preflight import others_measuring
from harness.workspace import dead_workspaces, living_workspaces, open_workspace


@pytest.fixture
def environ(tmp_path: Path) -> dict[str, str]:
    return {"TMPDIR": str(tmp_path)}


def orphan(environ: dict[str, str], journal: bytes = b"", age_s: float = 0.0) -> Path:
    """The folder of a run that was killed."""
    workspace = open_workspace(environ)
    (workspace.path / "journal.jsonl").write_bytes(journal)
    os.close(workspace._owner)  # type: ignore[arg-type]  # what the kernel does at a kill
    os.utime(workspace.path, (workspace.path.stat().st_mtime - age_s,) * 2)
    return workspace.path


def dead(environ: dict[str, str]) -> list[Path]:
    with dead_workspaces(environ) as found:
        return [workspace.path for workspace in found]


def test_the_folder_is_private_and_goes(environ: dict[str, str], tmp_path: Path) -> None:
    with open_workspace(environ) as workspace:
        assert workspace.path.parent == tmp_path
        assert workspace.path.name.startswith(f"harness-{os.getuid()}-")
        assert workspace.path.stat().st_mode & 0o777 == 0o700
        for name in ("owner.json", "journal.jsonl"):
            assert (workspace.path / name).stat().st_mode & 0o777 == 0o600
        assert [workspace.folder("redis").name for _ in range(3)] == ["redis", "redis-2", "redis-3"]
    assert list(tmp_path.iterdir()) == []
    workspace.close()


def test_the_living_are_left_alone(environ: dict[str, str]) -> None:
    with open_workspace(environ) as workspace:
        assert dead(environ) == []
        assert workspace.path.is_dir()


def test_the_dead_are_found_once_at_a_time(environ: dict[str, str]) -> None:
    path = orphan(environ)
    with dead_workspaces(environ) as first, dead_workspaces(environ) as second:
        assert [workspace.path for workspace in first] == [path]
        assert second == []
    assert dead(environ) == [path]


def test_a_folder_being_born_is_left_alone(environ: dict[str, str], tmp_path: Path) -> None:
    young = tmp_path / f"harness-{os.getuid()}-young"
    young.mkdir()
    empty = tmp_path / f"harness-{os.getuid()}-empty"
    empty.mkdir()
    (empty / "owner.json").touch()
    assert dead(environ) == []
    for path in (young, empty):
        os.utime(path, (0, 0))
    assert dead(environ) == [empty, young]


def test_another_users_folder_is_not_ours(environ: dict[str, str], tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    real = orphan({"TMPDIR": str(tmp_path / "elsewhere")})
    (tmp_path / real.name).symlink_to(real)
    (tmp_path / f"harness-{os.getuid() + 1}-x").mkdir()
    assert dead(environ) == []


def test_promises_until_fulfilled(environ: dict[str, str]) -> None:
    with open_workspace(environ) as workspace:
        kept, broken = (workspace.promise("keys", {"prefix": name}) for name in "ab")
        workspace.fulfil(kept)
        workspace.fulfil(kept)
        assert workspace.unfulfilled == (broken,)
        workspace.folder("data").joinpath("big").write_text("x")
    with dead_workspaces(environ) as found:
        assert found[0].promises == (broken,)
        assert sorted(p.name for p in found[0].path.iterdir()) == ["journal.jsonl", "owner.json"]
        found[0].fulfil(broken)
    with dead_workspaces(environ) as found:
        assert found[0].promises == ()


def test_another_boot_has_no_processes(environ: dict[str, str]) -> None:
    path = orphan(environ)
    owner = json.loads((path / "owner.json").read_text())
    (path / "owner.json").write_text(json.dumps({**owner, "boot_id": "another"}))
    with dead_workspaces(environ) as found:
        assert not found[0].same_boot


def test_the_owner_holds_the_lock(environ: dict[str, str]) -> None:
    with (
        open_workspace(environ) as workspace,
        (workspace.path / "owner.json").open() as stream,
        pytest.raises(BlockingIOError),
    ):
        fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)


def test_nowhere_to_write(tmp_path: Path) -> None:
    with pytest.raises(HarnessError, match="Point TMPDIR"):
        open_workspace({"TMPDIR": str(tmp_path / "absent")})


ENTRIES = st.lists(
    st.one_of(
        st.binary(max_size=40),
        st.sampled_from(
            [
                b'{"event":"promised","id":"1","kind":"k","payload":{}}',
                b'{"event":"fulfilled","id":"1"}',
                b'{"event":"spawned","pid":1}',
                b'{"event":"promised","id":',
                b"[]",
            ]
        ),
    ),
    max_size=8,
)


@given(entries=ENTRIES)
@settings(
    suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=60
)
def test_no_journal_breaks_the_sweep(environ: dict[str, str], entries: list[bytes]) -> None:
    path = orphan(environ, b"\n".join(entries))
    try:
        with dead_workspaces(environ) as found:
            (workspace,) = found
            whole = b"\n".join(entries).splitlines()
            assert len(workspace.processes) == whole.count(b'{"event":"spawned","pid":1}')
    finally:
        for name in ("journal.jsonl", "owner.json"):
            (path / name).unlink()
        path.rmdir()


def test_who_lives_is_seen_though_none_of_its_processes_shows(
    environ: dict[str, str], tmp_path: Path
) -> None:
    """Between blocks a run has no process with its mark: Redis overwrites its own environment."""
    orphan(environ)
    with open_workspace(environ) as own, open_workspace(environ) as other:
        assert set(living_workspaces(tmp_path)) == {own.path, other.path}
        # Of the machine's other runs, which may come and go, nothing is known here.
        assert others_measuring(str(own.path)) >= 1
    assert list(living_workspaces(tmp_path)) == []
