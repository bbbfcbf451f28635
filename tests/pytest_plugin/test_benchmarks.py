"""`pytest --harness` with pytest-benchmark as it is, against real servers."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from harness.report.registry import render
from harness.results.record import RunRecord
from harness.results.store import read_run
from tests.pytest_plugin.project import ROOT, Project

BROKEN_WORKER = """
from celery import signals

@signals.task_prerun.connect(weak=False)
def die(**_):
    import os
    os._exit(9)
"""


def _record(project: Project) -> tuple[RunRecord, Path]:
    (folder,) = (project.folder / "results").iterdir()
    return read_run(folder), folder


def test_blocks_are_rounds_and_the_export_is_a_baseline(project: Project) -> None:
    ended = project.pytest(
        *("--harness", "scenarios/s.yaml", "--harness-seed", "1"),
        *("--benchmark-save=first", "--benchmark-save-data", "--benchmark-histogram=histogram"),
    )
    assert ended.code == 0, ended.text
    assert ended.counts == {"passed": 1}
    record, folder = _record(project)
    assert (record.seed, record.status, len(record.blocks)) == (1, "complete", 2)
    (saved,) = project.saved("first")["benchmarks"]
    assert saved["stats"]["data"] == [1 / (b.throughput_per_s or 0) for b in record.blocks]
    assert saved["extra_info"]["outcomes"]["ok"] == 40
    assert saved["extra_info"]["latency_s"]["count"] == 40
    assert saved["extra_info"]["run_id"] == record.run_id
    assert list(project.folder.glob("histogram*.svg"))

    # A run that was exported by `harness report` is what the next one is compared with.
    exported = json.loads(render(record, folder, "pytest-benchmark"))
    (benchmark,) = exported["benchmarks"]
    assert benchmark["fullname"] == saved["fullname"] == "scenarios/s.yaml::c/add/closed-4"
    assert {name: benchmark["stats"][name] for name in saved["stats"]} == saved["stats"]
    assert benchmark["group"] == saved["group"]
    for name in ("min", "max", "mean", "median"):
        benchmark["stats"][name] /= 1000
    (store,) = (project.folder / ".benchmarks").iterdir()
    (store / "0002_faster.json").write_text(json.dumps(exported), encoding="utf-8")
    slower = project.pytest(
        *("--harness", "scenarios/s.yaml"),
        *("--benchmark-compare=0002", "--benchmark-compare-fail=mean:50%"),
    )
    assert slower.code != 0
    assert "Performance has regressed" in slower.text
    assert "(0002_faster)" in slower.text


def test_a_cell_with_a_loss_fails_its_item_and_no_other(project: Project) -> None:
    project.module("dying.py", BROKEN_WORKER)
    project.configuration("broken", worker={"options": ["-I", "dying"]})
    project.scenario(configurations=["c", "broken"], measure={"units": 5, "timeout": "2s"})
    ended = project.pytest("--harness", "scenarios/s.yaml", "-v", "--benchmark-disable")
    assert ended.counts == {"passed": 1, "failed": 1}, ended.text
    assert "scenarios/s.yaml::c/add/closed-4 PASSED" in ended.text
    assert "scenarios/s.yaml::broken/add/closed-4 FAILED" in ended.text
    assert "Traceback" not in ended.text.partition("Captured")[0]


def test_only_the_selected_cells_are_measured(project: Project) -> None:
    project.scenario(loads=[{"load": "closed", "in_flight": 2}, "backlog"])
    arguments = ("--harness-set", "measure.blocks=1", "-k", "backlog")
    ended = project.pytest("--harness", "scenarios/s.yaml", *arguments)
    assert ended.code == 0, ended.text
    record, _ = _record(project)
    assert [cell.name for cell in record.cells] == ["c/add/backlog"]
    assert len(record.blocks) == 1


def test_the_fixture_runs_a_scenario_in_a_test_of_ones_own(project: Project) -> None:
    project.module(
        "test_own.py",
        "import pytest\n"
        "def test_speed(harness_run, tmp_path):\n"
        "    run = harness_run('scenarios/s.yaml', sets=['measure.blocks=1'], seed=3)\n"
        "    run.check()\n"
        "    cell = run.cell('c/add/closed-4')\n"
        "    assert cell.figures.counts.completed == 20\n"
        "    assert cell.figures.throughput_per_s.median > 0\n"
        "    assert run.record.seed == 3\n"
        "    assert run.folder.is_relative_to(tmp_path)\n"
        "    with pytest.raises(Exception, match='did you mean \"c/add/closed-4\"'):\n"
        "        run.cell('c/add/closed-5')\n",
    )
    ended = project.pytest("test_own.py")
    assert ended.counts == {"passed": 1}, ended.text


def test_without_the_option_nothing_is_imported_or_changed(project: Project) -> None:
    project.module(
        "test_own.py",
        "import sys\n"
        "def test_nothing(request):\n"
        "    found = {name for name in sys.modules if name.startswith('harness')}\n"
        "    assert found == {'harness', 'harness.pytest_plugin'}\n"
        "    assert not request.config.pluginmanager.hasplugin('harness-scenarios')\n"
        "    assert len(request.session.items) == 1\n",
    )
    assert project.pytest().counts == {"passed": 1}


def test_own_tests_and_scenarios_side_by_side(project: Project) -> None:
    project.module("test_own.py", "def test_own():\n    pass\n")
    collected = project.pytest(".", "--harness", "scenarios/s.yaml", "--collect-only", "-q")
    assert sorted(collected.text.splitlines()[:2]) == [
        "scenarios/s.yaml::c/add/closed-4",
        "test_own.py::test_own",
    ]
    alone = project.pytest("--harness", "scenarios/s.yaml", "--collect-only", "-q")
    assert "test_own" not in alone.text


@pytest.mark.parametrize(
    ("arguments", "plugins", "message"),
    [
        (["--harness", "no.yaml"], (), "file or directory not found"),
        (["--harness", "scenarios/s.yaml", "-n", "2"], (), "leave out -n"),
        (["--harness", "scenarios/s.yaml"], ["no:benchmark"], "needs pytest-benchmark"),
        (
            ["--harness", "scenarios/s.yaml", "--harness-set", "measure.bloks=1"],
            (),
            'did you mean "blocks"?',
        ),
        (["--harness", "scenarios/s.yaml", "--harness-config", "d"], (), "no configuration"),
        (["--harness", "scenarios/bad.yaml"], (), "scenarios/bad.yaml:"),
    ],
)
def test_what_cannot_be_run(
    project: Project, arguments: list[str], plugins: tuple[str, ...], message: str
) -> None:
    (project.folder / "scenarios" / "bad.yaml").write_text("name: bad\n", encoding="utf-8")
    ended = project.pytest(*arguments, plugins=plugins)
    assert ended.code != 0
    assert message in ended.text
    assert "Traceback" not in ended.text
    assert not (project.folder / "results").exists()


def test_servers_that_cannot_be_had_fail_the_items(project: Project) -> None:
    project.configuration(broker={"service": "redis", "server": "/no/such/server"})
    ended = project.pytest("--harness", "scenarios/s.yaml")
    assert ended.counts == {"failed": 1}, ended.text
    assert "/no/such/server" in ended.text
    assert "Traceback" not in ended.text


def test_the_entry_point_is_installed() -> None:
    text = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    assert '[project.entry-points.pytest11]\nharness = "harness.pytest_plugin"' in text
