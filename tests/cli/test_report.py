"""`harness report`: which run, which format, where to."""

from __future__ import annotations

import csv
import io
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from harness.errors import ExitCode
from harness.results.store.run_folders import RunFolder
from tests.cli.project import ROOT, harness
from tests.report.made import records
from tests.report.made.records import block, cell, run

NEWER = "20261124T000000Z-example-5b2c00"


@pytest.fixture
def results(tmp_path: Path) -> Path:
    """`tmp_path/results` with two runs."""
    folder = tmp_path / "results"
    for record in (records.tutorial_run(), records.brokers_run()):
        newer = record if len(record.cells) == 5 else record.model_copy(update={"run_id": NEWER})
        stored = RunFolder.create(folder, newer.run_id)
        stored.write(newer)
        stored.close()
    return folder


@pytest.mark.parametrize("name", ["latest", "5b2c00", NEWER])
def test_a_run_is_found_by_name(results: Path, name: str) -> None:
    shown = harness("report", name, folder=results.parent)
    assert (shown.returncode, shown.stderr) == (0, "")
    assert shown.stdout.splitlines()[0] == f"example: run {NEWER}"
    assert shown.stdout.splitlines()[-1] == f"results/{NEWER}"


@pytest.mark.parametrize("name", ["", "run.json"])
def test_a_run_is_found_by_path(results: Path, name: str) -> None:
    shown = harness("report", str(results / NEWER / name), folder=Path("/"))
    assert shown.returncode == 0
    assert shown.stdout.splitlines()[-1] == str(results / NEWER)


def test_formats(results: Path) -> None:
    def shown(form: str) -> str:
        return harness("report", "latest", "--format", form, "--results", str(results)).stdout

    assert json.loads(shown("json"))["run_id"] == NEWER
    assert len(list(csv.DictReader(io.StringIO(shown("csv"))))) == 6
    assert "| `sqs-redis` (emulator) |" in shown("md")


def test_a_file_instead_of_standard_output(results: Path, tmp_path: Path) -> None:
    target = tmp_path / "report.md"
    arguments = ("report", "latest", "--results", str(results), "--format", "md")
    shown = harness(*arguments, "--output", str(target))
    assert (shown.returncode, shown.stdout, shown.stderr) == (0, "", "")
    assert target.read_text(encoding="utf-8") == harness(*arguments).stdout


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["nothing"], "no run 'nothing'; the newest in results: 20261123T225401Z-example-4f1a9c"),
        (["latest", "--results", "elsewhere"], "no run 'latest'; the newest in elsewhere: none"),
        (["latest", "--format", "pdf"], "'pdf' is not one of"),
        (["latest", "--output", "no/such/folder/report.md"], "choose another place with --output"),
        ([], "Missing argument 'RUN'"),
    ],
)
def test_what_cannot_be_shown(results: Path, arguments: list[str], message: str) -> None:
    shown = harness("report", *arguments, folder=results.parent)
    assert shown.returncode == ExitCode.USAGE
    assert message in shown.stderr
    assert "Traceback" not in shown.stderr


@pytest.mark.parametrize("damage", ['{"schema_version": 99}', "{", "[]", '{"schema_version": 1}'])
def test_a_damaged_record_is_named(results: Path, damage: str) -> None:
    (results / NEWER / "run.json").write_text(damage)
    shown = harness("report", "latest", folder=results.parent)
    assert shown.returncode == ExitCode.USAGE
    assert f"results/{NEWER}/run.json" in shown.stderr
    assert "Traceback" not in shown.stderr


def test_a_terminal_without_unicode(results: Path) -> None:
    arguments = ("report", "latest", "--results", str(results), "--format", "md")
    shown = harness(*arguments, environ={"PYTHONIOENCODING": "ascii", "PYTHONUTF8": "0"})
    assert shown.returncode == 0
    assert shown.stdout.isascii()


def test_no_reader(results: Path) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    with os.fdopen(writer, "w") as closed_pipe:
        ended = subprocess.run(
            [sys.executable, "-m", "harness", "report", "latest", "--results", str(results)],
            cwd=ROOT,
            stdout=closed_pipe,
            stderr=subprocess.PIPE,
            check=False,
        )
    assert (ended.returncode, ended.stderr) == (141, b"")


@pytest.mark.parametrize(
    ("killed", "words"),
    [
        (True, "INTERRUPTED: the harness was killed, 1 of 3 blocks complete."),
        (False, "RUNNING: 1 of 3 blocks complete so far."),
    ],
)
def test_a_run_without_an_end_shows_its_finished_blocks(
    tmp_path: Path, killed: bool, words: str
) -> None:
    record = run(cell("redis/add/closed-8", block(0, 0)), planned=3, status="running")
    folder = RunFolder.create(tmp_path / "results", record.run_id)
    folder.write(record)
    if killed:
        folder.close()
    shown = harness("report", "latest", folder=tmp_path).stdout
    folder.close()
    assert shown.startswith(words)
    assert "1,000 ok" in shown
