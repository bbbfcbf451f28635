"""`harness list`: tables that fit a screen, in words of the YAML."""

from __future__ import annotations

import pytest
from click.testing import CliRunner

from harness.cli.listing import command
from tests.runner.running import ROOT


@pytest.mark.parametrize("topic", ["configs", "scenarios", "workloads", "loads", "backends"])
def test_tables_fit_a_screen(topic: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    told = CliRunner().invoke(command, [topic]).output
    assert "Pydantic" not in told
    assert max(map(len, told.splitlines())) <= 140


def test_fields_that_have_to_be_given_stand_alone() -> None:
    told = CliRunner().invoke(command, ["workloads"]).output
    task = told[told.index("\ntask ") :]
    assert " app project=- " in task
    assert "size=2 volume=- count=- collect=get" in told
