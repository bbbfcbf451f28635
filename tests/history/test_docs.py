"""docs/history.md: every query in it works as written; its commands: see tests/docs."""

from __future__ import annotations

import re
import shlex
import shutil
from pathlib import Path

import pytest

from harness.cli import exit_code_of
from harness.cli.sql import FORMATS
from harness.errors import ExitCode
from harness.results.judge.metrics import metric_named
from harness.stats.changepoints import SHORTEST_SERIES
from tests.cli.project import ROOT
from tests.history.stores import paired_run, plain_run, store

TEXT = (ROOT / "docs/history.md").read_text(encoding="utf-8")
FENCED = re.findall(r"^```(\w*)\n(.*?)^```$", TEXT, re.DOTALL | re.MULTILINE)
COMMANDS = [line for kind, block in FENCED if not kind for line in block.splitlines()]
QUERIES = [block for kind, block in FENCED if kind == "sql"]
QUANTILES = ("mean", "min", "p50", "p90", "p95", "p99", "p999", "max")


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a store that has what the document speaks of."""
    results = store(
        tmp_path / "results",
        [paired_run(night, 1.0) for night in range(3)]
        + [plain_run(3, 500, scenario={"name": "smoke-ab"})],
    )
    shutil.copytree(ROOT / "results/reference", results / "reference")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_there_are_commands_and_queries() -> None:
    assert {shlex.split(command)[1] for command in COMMANDS} == {"baseline", "history", "ab"}
    assert len(QUERIES) == 7


@pytest.mark.parametrize("query", QUERIES)
@pytest.mark.parametrize("form", FORMATS)
def test_the_queries(
    project: Path, capsys: pytest.CaptureFixture[str], query: str, form: str
) -> None:
    assert exit_code_of(["sql", query, "--format", form]) == ExitCode.PASS
    captured = capsys.readouterr()
    rows = len(captured.out.splitlines())
    nothing_is_wrong = "not sound" in query or "gates_failed" in query
    assert (rows > 2) is not nothing_is_wrong, captured.out


def test_the_metrics_of_the_document_are_some() -> None:
    section = TEXT.partition("\nMetrics: ")[2].partition("\n\n")[0]
    section = section.partition("A name of older versions")[0]
    names = {*re.findall(r"`([^`]+)`", section)} - {*QUANTILES, "harness list metrics"}
    assert len(names) > 5
    assert all(metric_named(name).name == name for name in names)


def test_the_fewest_points() -> None:
    row = next(line for line in TEXT.splitlines() if line.startswith("| fewest points"))
    assert row.split("|")[2].strip() == str(SHORTEST_SERIES)
