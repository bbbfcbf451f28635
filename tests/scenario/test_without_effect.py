"""What has no effect is refused only where nothing else of the plan or the command line uses it."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from harness.errors import InvalidInput
from harness.scenario.plan.loader import load_plan

ROOT = Path(__file__).parents[2]
SMOKE = ROOT / "scenarios" / "smoke.yaml"


def scenario(folder: Path, text: str) -> Path:
    path = folder / "s.yaml"
    path.write_text(f"name: s\nconfigurations: [{ROOT}/configs/redis.yaml]\n{text}")
    return path


@pytest.mark.parametrize(
    "text",
    [
        # One point of the matrix uses it.
        "workloads: [{workload: group, size: 3, collect: join}]\n"
        "loads: [{load: closed}]\nmatrix: {load.load: [closed, backlog]}\nmeasure: {units: 10}\n",
        # Each provider reads other fields of the configuration.
        "workloads: [add]\nloads: [{load: closed}]\nmeasure: {units: 10}\n"
        "matrix: {broker.provider+backend.provider: [local, compose]}\n",
    ],
)
def test_another_point_of_the_matrix_uses_it(tmp_path: Path, text: str) -> None:
    assert len(load_plan(scenario(tmp_path, text)).cells) == 2


def test_what_no_point_uses_is_refused(tmp_path: Path) -> None:
    text = (
        "workloads: [{workload: group, size: 3, collect: join}]\n"
        "loads: [{load: backlog}]\nmatrix: {workload.size: [2, 3]}\nmeasure: {units: 10}\n"
    )
    with pytest.raises(InvalidInput) as refused:
        load_plan(scenario(tmp_path, text))
    assert str(refused.value).endswith(
        "3:40: collect says how a caller waits, and in load backlog nobody does: "
        "use load closed, or remove it"
    )


@pytest.mark.parametrize(
    "change",
    ["config.broker.provider=compose", "config.backend.provider=local", "loads=[saturate]"],
)
def test_the_command_line_may_leave_parts_of_a_file_unused(change: str) -> None:
    assert load_plan(SMOKE, sets=[change]).cells


def test_modules_that_other_finders_know_are_there(monkeypatch: pytest.MonkeyPatch) -> None:
    """As those of editable installs, and what a module has without being a package."""
    there = "config.settings.imports=[harness.probe.app, os.path, xml.dom]"
    assert load_plan(SMOKE, sets=[there], environ=dict(os.environ)).cells
    for name in ("nowhere.tasks", "xml.nowhere"):
        with pytest.raises(InvalidInput, match=f'there is no module "{name}"'):
            load_plan(SMOKE, sets=[f"config.settings.imports=[{name}]"], environ=dict(os.environ))
    monkeypatch.chdir(ROOT.parent)
    assert load_plan(SMOKE, sets=[there], environ=dict(os.environ)).cells
