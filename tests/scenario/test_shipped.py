"""What ships: valid, and as large as it says."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.errors import InvalidInput
from harness.scenario.models.scenario import Plan
from harness.scenario.plan.finding import yaml_files
from harness.scenario.plan.loader import check_file, load_configuration, load_plan
from harness.scenario.workloads.chain import ChainWorkload
from harness.stats.paired import FEWEST_PAIRS

ROOT = Path(__file__).parents[2]
SHIPPED = [*yaml_files(ROOT / "configs"), *yaml_files(ROOT / "scenarios")]


def shipped(name: str) -> Plan:
    return load_plan(ROOT / "scenarios" / f"{name}.yaml", environ={})


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.stem)
def test_no_problems(path: Path) -> None:
    assert check_file(path) == []


def test_names() -> None:
    configurations = {path.stem for path in yaml_files(ROOT / "configs")}
    assert configurations >= {"redis", "rabbitmq", "rabbitmq-redis", "sqs-redis", "aws-sqs"}


def test_quickstart_needs_nothing_but_the_embedded_server() -> None:
    plan = shipped("quickstart")
    assert {cell.configuration.name for cell in plan.cells} == {"redis"}
    assert {cell.workload.workload for cell in plan.cells} == {
        "add",
        "group",
        "chain",
        "heavy_task",
    }
    assert len(plan.cells) * plan.scenario.measure.blocks <= 5


def test_tutorial_makes_the_tutorials_calls_on_every_broker() -> None:
    plan = shipped("tutorial")
    by_configuration: dict[str, list[object]] = {}
    for cell in plan.cells:
        arguments = cell.workload.model_dump(include={"x", "y", "volume", "count", "id", "n"})
        by_configuration.setdefault(cell.configuration.name, []).append(arguments)
        assert (cell.measure.units, cell.measure.warmup) == (1, 0)
    calls: list[object] = [
        {"x": 4, "y": 5},
        {"volume": 7, "count": 5},
        {"id": 1},
        {"n": 50},
        {"n": "Сейчас будет ошибка"},
    ]
    names = ("redis", "rabbitmq", "rabbitmq-redis", "sqs-redis")
    assert by_configuration == dict.fromkeys(names, calls)


def test_compare_brokers_compares_all_three() -> None:
    plan = shipped("compare-brokers")
    assert {cell.configuration.broker.service for cell in plan.cells} == {
        "redis",
        "rabbitmq",
        "sqs",
    }
    assert plan.scenario.measure.blocks >= FEWEST_PAIRS  # or its answer has no verdict
    assert any(isinstance(cell.workload, ChainWorkload) for cell in plan.cells)


def test_aws_needs_its_variable() -> None:
    with pytest.raises(InvalidInput) as caught:
        load_configuration(ROOT / "configs" / "aws-sqs.yaml", environ={})
    (problem,) = caught.value.problems
    assert problem.message == "set the environment variable HARNESS_REDIS_URL"


def test_no_variable_is_asked_for_where_it_is_not_known_who_runs_the_server() -> None:
    """A matrix that cannot be read may have the provider as an axis."""
    scenario = ROOT / "scenarios/price-of-acks-late.yaml"
    with pytest.raises(InvalidInput) as error:
        load_plan(scenario, only=["rabbitmq"], sets=["matrix=3"], environ={}, provider="local")
    (problem,) = error.value.problems
    assert problem.message.startswith("expected a mapping")
