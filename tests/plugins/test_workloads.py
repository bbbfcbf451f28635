"""A workload that another package brings: no file of the harness is touched for it."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from harness.errors import ExitCode
from tests.plugins.packages import harness, install
from tests.runner.running import Site, make_site

PAIR = {"workload": "pair", "by": 3}


@pytest.fixture
def site(tmp_path: Path) -> Site:
    return make_site(tmp_path)


def plug_in(site: Site, value: str = "tests.plugins.workload.model:ROW") -> None:
    """What pip would leave of a package with one entry point."""
    install(site.modules, {"workloads": {"pair": value}}, "pair-bench")


def test_a_workload_of_somebody_elses_is_measured(site: Site) -> None:
    """Two files and an entry point: its model and steps, its tasks and units, its row. What was
    measured is understood where the package is gone, too."""
    plug_in(site)
    site.configuration(broker={"service": "redis"}, backend={"service": "redis"})
    site.scenario(workloads=[PAIR])
    ended = harness(site, "run", "scenarios/s.yaml")
    assert ended.code == ExitCode.PASS, ended.stderr
    (cell,) = ended.record.cells
    assert "/pair-3/" in cell.name
    assert ended.block.outcomes.ok == 20
    assert ended.block.canvas_s["hop"].count == 20
    assert len(ended.rows(ended.block, "tasks")) == 40
    shutil.rmtree(site.modules)
    told = harness(site, "report", str(ended.folder))
    assert told.code == ExitCode.PASS, told.stderr
    assert "pair-3" in told.words


def test_it_is_listed_and_checked_like_any_other(site: Site) -> None:
    """By its own check, and by those of all workloads."""
    plug_in(site)
    listed = harness(site, "list", "workloads")
    assert "pair options=- by=1 double(n), then increase(doubled, by)" in listed.words
    site.scenario(
        workloads=[{"workload": "pair", "by": 7}],
        loads=[{"load": "backlog", "publish": "batch"}, "schedule"],
    )
    ended = harness(site, "check", "scenarios/s.yaml")
    assert ended.code == ExitCode.USAGE
    for words in (
        "nobody is increased by seven: use another number",
        "Celery publishes a pair past any batch: use publish: api",
        "beat publishes periodic tasks only, not pair",
    ):
        assert words in ended.stdout


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ("tests.plugins.workload.nowhere:ROW", "failed: ModuleNotFoundError"),
        (
            "tests.plugins.workload.model:PairWorkload",
            "is no WorkloadRow of harness.scenario.workloads.base",
        ),
        ("tests.plugins.workload.model:NAMELESS", "has no field `workload: Literal[...]`"),
        ("tests.plugins.workload.model:ADD_AGAIN", "there is a workload add already"),
    ],
)
def test_one_that_is_no_use_is_named(site: Site, value: str, words: str) -> None:
    plug_in(site, value)
    ended = harness(site, "check", "scenarios/s.yaml")
    assert ended.code == ExitCode.USAGE
    assert "plug-in pair of pair-bench 1.0 (celery_config_bench.workloads)" in ended.stderr
    assert words in ended.stderr


def test_it_is_not_in_an_environment_of_another_celery(site: Site) -> None:
    plug_in(site)
    site.configuration(celery={"version": "5.5.3"})
    site.scenario(workloads=[PAIR, "add"])
    ended = harness(site, "check", "scenarios/s.yaml")
    assert ended.code == ExitCode.USAGE
    (line,) = [line for line in ended.stdout.splitlines() if "plug-in" in line]
    assert "pair is a plug-in, and another Celery has an environment" in line
