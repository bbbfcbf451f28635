"""`harness report --format ... --output`: where files go, and what stands in the way."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from harness.errors import ExitCode
from harness.report.registry import SEVERAL_FILES
from harness.results.store.run_folders import RunFolder
from tests.cli.project import ROOT, harness
from tests.report.made import records


@pytest.fixture
def results(tmp_path: Path) -> Path:
    """A store with one run."""
    record = records.brokers_run()
    folder = RunFolder.create(tmp_path / "results", record.run_id)
    folder.write(record)
    folder.close()
    return tmp_path / "results"


def _report(results: Path, form: str, *output: str) -> subprocess.CompletedProcess[str]:
    return harness("report", "latest", "--format", form, *output, folder=results.parent)


def test_github_benchmark_is_a_file_per_direction(results: Path) -> None:
    written = _report(results, "github-benchmark", "--output", "out.v1.json")
    assert (written.returncode, written.stdout, written.stderr) == (0, "", "")
    folder = results.parent
    assert sorted(path.name for path in folder.glob("out*")) == [
        "out.v1-bigger.json",
        "out.v1-smaller.json",
    ]
    for word, form in SEVERAL_FILES["github-benchmark"].items():
        text = (folder / f"out.v1-{word}.json").read_text(encoding="utf-8")
        assert text == _report(results, form).stdout
        assert json.loads(text)


def test_two_files_do_not_fit_on_standard_output(results: Path) -> None:
    refused = _report(results, "github-benchmark")
    assert (refused.returncode, refused.stdout) == (ExitCode.USAGE, "")
    assert "--output benchmark.json writes benchmark-bigger.json and" in refused.stderr


@pytest.mark.parametrize(
    ("output", "reason"),
    [
        ("no/such/folder/junit.xml", "No such file or directory"),
        ("/dev/full", "No space left on device"),
        ("results/junit.xml/x", "Not a directory"),
    ],
)
def test_what_cannot_be_written(results: Path, output: str, reason: str) -> None:
    (results / "junit.xml").touch()
    refused = _report(results, "junit", "--output", output)
    assert refused.returncode == ExitCode.USAGE
    (message,) = refused.stderr.splitlines()
    assert message.startswith(f"cannot write {output}: ")
    assert reason in message
    assert message.endswith("; choose another place with --output")


def test_standard_output_without_room(results: Path) -> None:
    with open("/dev/full", "w", encoding="utf-8") as full:  # noqa: PTH123 - a device, not a file
        ended = subprocess.run(
            [sys.executable, "-m", "harness", "report", "latest", "--format", "csv"],
            cwd=results.parent,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )
    assert ended.returncode == ExitCode.USAGE
    (message,) = ended.stderr.splitlines()
    assert message == "harness: cannot write the output: No space left on device; make room first"
