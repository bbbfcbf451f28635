"""Names of configurations and scenarios: whose file they mean, from any folder."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness import shipped
from harness.scenario.plan.finding import every, find, find_either, scenario_file
from harness.scenario.plan.loader import load_plan
from tests.scenario.project import CONFIGURATION, Project

REDIS = CONFIGURATION.replace("name: c", "name: redis")


def test_shipped_ones_are_found_from_any_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    plan = load_plan(Path("quickstart"))
    assert plan.source == str(shipped.folder("scenarios") / "quickstart.yaml")
    assert {cell.configuration.name for cell in plan.cells} == {"redis"}
    assert plan.shadowed == ()
    other = load_plan(Path("quickstart"), only=["rabbitmq", "faults/redis-aof"])
    assert {cell.configuration.name for cell in other.cells} == {"rabbitmq", "redis-aof"}


def test_ones_own_come_before_shipped_ones(
    project: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also for a shipped scenario, and it is said."""
    monkeypatch.chdir(project.folder)
    own = project.configuration(f"{REDIS}worker: {{concurrency: 3}}\n", "redis")
    plan = load_plan(Path("quickstart"))
    assert {cell.configuration.worker.concurrency for cell in plan.cells} == {3}
    assert plan.shadowed == ("configs/redis.yaml is meant, not the shipped redis",)
    found = find("configs", "redis")
    assert found is not None
    assert (found.path.resolve(), found.is_shipped) == (own, False)
    assert found.shadows == shipped.folder("configs") / "redis.yaml"


def test_benchmarks_holds_ones_own_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for kind, text in (("configs", CONFIGURATION), ("scenarios", "name: c\n")):
        path = tmp_path / "benchmarks" / kind / "c.yaml"
        path.parent.mkdir(parents=True)
        path.write_text(text, encoding="utf-8")
    assert scenario_file(Path("c")) == Path("benchmarks/scenarios/c.yaml")
    either = find_either("c")
    assert either is not None
    assert either.path == Path("benchmarks/configs/c.yaml")


def test_a_checkout_has_no_files_of_ones_own(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its folders at the top are what is shipped; paths are short there."""
    monkeypatch.chdir(shipped.root())
    assert all(one.is_shipped for one in every("configs"))
    assert scenario_file(Path("quickstart")) == Path("scenarios/quickstart.yaml")


def test_a_path_is_a_path_and_a_folder_no_scenario(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "quickstart").mkdir()
    assert scenario_file(Path("quickstart")).name == "quickstart.yaml"
    assert scenario_file(Path("quickstart.yaml")) == Path("quickstart.yaml")
    (tmp_path / "configs" / "redis.yaml").mkdir(parents=True)
    either = find_either("redis")
    assert either is not None
    assert either.is_shipped
    (tmp_path / "smoke").write_text("name: s\n", encoding="utf-8")
    assert scenario_file(Path("smoke")) == Path("smoke")


@pytest.mark.parametrize("name", ["../configs/redis", "/etc/passwd", "x" * 300, "nul\0", ""])
def test_what_is_no_name_finds_nothing(name: str) -> None:
    assert find("configs", name) is None
