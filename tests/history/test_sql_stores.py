"""`harness sql` over stores in which somebody left something odd."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from harness.results.record.run import RunStatus
from harness.results.store.catalog import scan
from harness.results.store.database import answered
from harness.results.store.run_folders import read_run
from tests.history.queries import REFERENCE, copied, rows
from tests.history.stores import plain_run, run_id, store

HOSTILE = (
    *("it's", '"; drop table runs; --', "star*", "starfish", "q?", "qq", "[ab]", "a", "{a,b}"),
    *("**", "new\nline", "üñí", "\x1b[31mred", "--store", "${HOME}", "$rows", "%s", "=cmd()", " "),
)
"""Names of folders: quotes, patterns and what they would match, options, control characters."""


def test_hostile_folder_names(tmp_path: Path) -> None:
    """None is a pattern, a statement, or an option; each run has its own samples."""
    folder = tmp_path / "store"
    for name in HOSTILE:
        copied(folder, name)
    units = sum(block.units for block in read_run(REFERENCE).blocks)
    counted = "SELECT run_id, count(*) FROM units GROUP BY run_id"
    assert dict(rows(folder, counted)) == {f"id of {name}": units for name in HOSTILE}
    assert {name for (name,) in rows(folder, "SELECT folder FROM runs")} == {
        str(folder / name) for name in HOSTILE
    }


@pytest.mark.parametrize("name", ["back\\slash", os.fsdecode(b"\xff\xfe")])
def test_paths_that_duckdb_cannot_open_are_told(tmp_path: Path, name: str) -> None:
    copied(tmp_path / "store", name)
    assert rows(tmp_path / "store", "SELECT count(*) FROM blocks") == [(5,)]
    with answered(scan(tmp_path / "store"), "SELECT * FROM units") as answer:
        assert list(answer.rows) == []
        (skipped,) = answer.skipped
    assert skipped.endswith("DuckDB opens no path with a backslash or that is not UTF-8")


def _truncated(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-100])


def _text_file(path: Path) -> None:
    path.write_text("no", encoding="utf-8")


def _pipe(path: Path) -> None:
    path.unlink()
    os.mkfifo(path)


def _elsewhere(path: Path) -> None:
    path.unlink()
    path.symlink_to(REFERENCE / "blocks/000/units.parquet")


@pytest.mark.parametrize(
    ("spoil", "reason"),
    [
        (_truncated, "not a Parquet file, or only part of one"),
        (_text_file, "not a Parquet file, or only part of one"),
        (Path.unlink, "no such file"),
        (_pipe, "no such file"),
        (_elsewhere, "outside of its run's folder"),
    ],
)
def test_samples_that_cannot_be_read_are_told(
    reference: Path, spoil: Callable[[Path], None], reason: str
) -> None:
    spoil(reference / "run/blocks/000/units.parquet")
    with answered(scan(reference), "SELECT DISTINCT block FROM units ORDER BY block") as answer:
        assert list(answer.rows) == [(1,), (2,), (3,), (4,)]
        assert answer.skipped == (f"skipped the units of {reference / 'run'}, block 0: {reason}",)


@pytest.mark.parametrize("stored", ["/etc/passwd", "../../../../etc/passwd", "a\0b", ""])
def test_a_record_cannot_point_at_other_files(tmp_path: Path, stored: str) -> None:
    record = json.loads((REFERENCE / "run.json").read_text(encoding="utf-8"))
    for cell in record["cells"]:
        for block in cell["blocks"]:
            block["files"] = {"units": stored}
    copied(tmp_path / "store", "run", cells=record["cells"])
    with answered(scan(tmp_path / "store"), "SELECT * FROM units") as answer:
        assert list(answer.rows) == []
        assert len(answer.skipped) == 1


def test_folders_that_hold_no_readable_run(tmp_path: Path) -> None:
    folder = store(tmp_path / "store", [plain_run(0, 500)])
    texts = {
        "binary": b"\xff\xfe\0",
        "deep": b"[" * 200_000,
        "half": (REFERENCE / "run.json").read_bytes()[:5000],
        "list": b"[1]",
        "newer": b'{"schema_version": 99}',
        "null": b"null",
        "old": b'{"schema_version": 0}',
    }
    for name, text in texts.items():
        (folder / name).mkdir()
        (folder / name / "run.json").write_bytes(text)
    (folder / "directory/run.json").mkdir(parents=True)
    (folder / "empty").mkdir()
    (folder / ".hidden").mkdir()
    (folder / "file").touch()
    shutil.copytree(folder / run_id(0), folder / "twin")
    catalog = scan(folder)
    assert [run.record.run_id for run in catalog.runs] == [run_id(0)]
    reasons = {one.folder.name: one.reason for one in catalog.skipped}
    assert sorted(reasons) == sorted([*texts, "directory", "empty", "twin"])
    assert "written by a newer harness" in reasons["newer"]
    assert reasons["empty"] == "no run.json: no run"
    assert reasons["twin"].startswith("a copy: ")
    assert all("not a run record" in reasons[name] for name in ("binary", "deep", "half", "old"))


def test_odd_values_in_a_record_spoil_nothing(tmp_path: Path) -> None:
    folder = tmp_path / "store"
    odd: Sequence[dict[str, Any]] = (
        {"source": "\ud800"},
        {"source": "a\0b"},
        {"seed": 10**30},
        {"started_at": "someday"},
        {"order": [77, -5], "status": "running"},
    )
    for number, changes in enumerate(odd):
        copied(folder, str(number), **changes)
    query = "SELECT source, seed, started_at IS NULL FROM runs ORDER BY run_id"
    found = rows(folder, query)
    assert [source for source, *_ in found[:2]] == ["\\ud800", "a\0b"]
    assert found[2][1] is None
    assert [unknown for *_, unknown in found] == [False, False, False, True, False]


def test_killed_and_partial_runs_are_there(tmp_path: Path) -> None:
    states: Sequence[RunStatus] = ("running", "partial", "failed", "complete")
    folder = store(
        tmp_path / "store",
        [plain_run(night, 500, status=status) for night, status in enumerate(states)],
    )
    query = """
        SELECT runs.status, count(*) FROM runs JOIN blocks USING (run_id) GROUP BY ALL ORDER BY 1
    """
    assert rows(folder, query) == [(status, 3) for status in sorted(states)]
