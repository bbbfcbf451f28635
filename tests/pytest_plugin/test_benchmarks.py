"""`pytest --harness` with pytest-benchmark as it is, against real servers."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from pytest_benchmark.utils import get_machine_id

from harness.report.registry import render
from harness.results.record.run import RunRecord
from harness.results.store.run_folders import read_run
from tests.pytest_plugin.project import ROOT, Ended, Project
from tests.report.made import records

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


def _store_faster(project: Project) -> None:
    """What `harness report --format pytest-benchmark` says of a run at a million units/s."""
    fast = records.block(0, 0, throughput_per_s=1e6)
    record = records.run(records.cell("c/add/closed-4", fast), source="scenarios/s.yaml")
    store = project.folder / ".benchmarks" / get_machine_id()
    store.mkdir(parents=True)
    text = render(record, project.folder, "pytest-benchmark")
    (store / "0001_faster.json").write_text(text, encoding="utf-8")


def test_blocks_are_rounds_for_everything_that_pytest_benchmark_does(project: Project) -> None:
    project.scenario(
        loads=[{"load": "closed", "in_flight": 4}, "backlog"], gates=["lost == 0", "units == 40"]
    )
    project.module("test_own.py", "def test_own():\n    assert False\n")  # not asked for
    _store_faster(project)
    ended = project.pytest(
        *("--harness", "scenarios/s.yaml", "--harness-seed", "1", "-k", "closed", "-n", "0"),
        *("--benchmark-save=head", "--benchmark-save-data", "--benchmark-histogram=histogram"),
        *("--benchmark-compare=0001", "--benchmark-compare-fail=mean:50%"),
    )
    assert "collected 2 items / 1 deselected / 1 selected" in ended.text, ended.text
    assert ended.code != 0
    assert "Performance has regressed" in ended.text
    assert "(0001_faster)" in ended.text
    assert list(project.folder.glob("histogram*.svg"))

    record, folder = _record(project)
    assert str(folder) in ended.text
    assert (record.seed, record.status, len(record.blocks)) == (1, "complete", 2)
    assert [cell.name for cell in record.cells] == ["c/add/closed-4"]
    (saved,) = project.saved("head")["benchmarks"]
    assert saved["fullname"] == "scenarios/s.yaml::c/add/closed-4"
    assert saved["stats"]["data"] == [1 / (b.throughput_per_s or 0) for b in record.blocks]
    assert saved["extra_info"]["outcomes"]["ok"] == 40
    assert saved["extra_info"]["latency_s"]["count"] == 40
    assert saved["extra_info"]["run_id"] == record.run_id
    assert [gate["passed"] for gate in saved["extra_info"]["gates"]] == [True, True]

    # The plugin and the export agree in every figure, so either is a baseline of the other.
    (exported,) = json.loads(render(record, folder, "pytest-benchmark"))["benchmarks"]
    assert {name: exported["stats"][name] for name in saved["stats"]} == saved["stats"]
    for name in ("fullname", "group", "params", "param"):
        assert exported[name] == saved[name]
    assert saved["params"]["workload"] == "add"


def test_a_cell_with_a_loss_fails_its_item_and_no_other(project: Project) -> None:
    project.module("dying.py", BROKEN_WORKER)
    project.configuration("broken", worker={"options": ["-I", "dying"]})
    project.scenario(configurations=["c", "broken"], measure={"units": 5, "timeout": "2s"})
    ended = project.pytest("--harness", "scenarios/s.yaml", "-v", "--benchmark-disable")
    assert ended.counts == {"passed": 1, "failed": 1}, ended.text
    assert "scenarios/s.yaml::c/add/closed-4 PASSED" in ended.text
    assert "scenarios/s.yaml::broken/add/closed-4 FAILED" in ended.text
    assert "Traceback" not in ended.text.partition("Captured")[0]


def test_the_fixture_runs_a_scenario_in_a_test_of_ones_own(project: Project) -> None:
    """Without pytest-benchmark, and in a worker of pytest-xdist."""
    project.scenario(gates=["units == 20", "throughput > 1000000"])
    project.module(
        "test_own.py",
        "import pytest\n"
        "def test_speed(harness_run, tmp_path):\n"
        "    run = harness_run('scenarios/s.yaml', sets=['measure.blocks=1'], seed=3)\n"
        "    with pytest.raises(AssertionError) as failed:\n"
        "        run.check()\n"
        "    first, where = str(failed.value).splitlines()\n"
        "    assert 'c/add/closed-4: gate failed: throughput > 1000000: ' in first\n"
        "    assert where == f'see {run.folder}'\n"
        "    cell = run.cell('c/add/closed-4')\n"
        "    assert cell.figures.counts.completed == 20\n"
        "    assert cell.figures.throughput_per_s.median > 0\n"
        "    assert run.record.seed == 3\n"
        "    assert run.folder.is_relative_to(tmp_path)\n"
        "    with pytest.raises(Exception, match='did you mean \"c/add/closed-4\"'):\n"
        "        run.cell('c/add/closed-5')\n"
        "    with pytest.raises(TypeError, match='setz'):\n"
        "        harness_run('scenarios/s.yaml', setz=[])\n",
    )
    ended = project.pytest("test_own.py", "-n", "1", plugins=["no:benchmark"])
    assert (ended.code, ended.counts["passed"]) == (0, 1), ended.text
    assert "harness_run measures while pytest-xdist runs other tests" in ended.text


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


@pytest.mark.parametrize(
    ("arguments", "plugins", "message"),
    [
        (["--harness", "no.yaml"], (), "file or directory not found"),
        (["--harness", "scenarios/s.yaml", "-n", "2"], (), "leave out -n"),
        (["--harness", "scenarios/s.yaml"], ["no:benchmark"], "needs pytest-benchmark"),
    ],
)
def test_what_cannot_be_run(
    project: Project, arguments: list[str], plugins: tuple[str, ...], message: str
) -> None:
    _refused(project, project.pytest(*arguments, plugins=plugins), message)


def test_mistakes_in_yaml_and_options_are_collection_errors(project: Project) -> None:
    (project.folder / "scenarios" / "bad.yaml").write_text("name: bad\n", encoding="utf-8")
    ended = project.pytest(
        *("--harness", "scenarios/bad.yaml", "--harness", "scenarios/s.yaml"),
        *("--harness-set", "measure.bloks=1"),
    )
    assert ended.counts == {"errors": 2}
    _refused(project, ended, "scenarios/bad.yaml:1:1: ", 'did you mean "blocks"?')


def _refused(project: Project, ended: Ended, *messages: str) -> None:
    assert ended.code != 0
    assert [message for message in messages if message not in ended.text] == [], ended.text
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
