"""`harness list`: tables that fit a screen, in words of the YAML."""

from __future__ import annotations

import subprocess
import sys

import pytest
from click.testing import CliRunner

from harness.cli.listing import command
from harness.figures.table import FIGURES
from harness.results.judge.metrics import metric_named
from tests.runner.running import ROOT


@pytest.mark.parametrize(
    "topic", ["configurations", "scenarios", "workloads", "loads", "backends", "metrics"]
)
def test_tables_fit_a_screen(topic: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    told = CliRunner().invoke(command, [topic]).output
    assert "Pydantic" not in told
    assert max(map(len, told.splitlines())) <= 140


def test_fields_that_have_to_be_given_stand_alone() -> None:
    told = CliRunner().invoke(command, ["workloads"]).output
    task = told[told.index("\ntask ") :]
    assert " app project=- " in task
    group = told[told.index("\ngroup ") : told.index("\nchain ")].split()
    assert {"size=2", "volume=-", "count=-", "collect=get"} <= set(group), "of any line"


def test_metrics_are_listed_as_they_are_asked_for() -> None:
    """The whole name, its unit, which way is better, and what it is."""
    told = CliRunner().invoke(command, ["metrics"]).output
    rows = [line.split(maxsplit=3) for line in told.splitlines()]
    assert ["worker_cpu", "ms/task", "less", "CPU time of all workers per task"] in rows
    names = {row[0] for row in rows if row}
    for figure in FIGURES:
        name = f"{figure.name}.p99" if figure.distribution else figure.name
        assert name in names
        assert metric_named(name).unit == figure.unit


def test_the_page_of_figures_is_current() -> None:
    page = [sys.executable, "docs/render_figures.py", "--check"]
    done = subprocess.run(page, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
