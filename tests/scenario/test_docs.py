"""The examples of docs/scenarios.md load, and its tables name every field there is."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from harness.cli.listing import TOPICS
from harness.scenario.files.fields import Frozen
from harness.scenario.files.kinds import kinds
from harness.scenario.loads.rate import LoadPhase
from harness.scenario.loads.registry import Load
from harness.scenario.models.configuration import Configuration, Worker
from harness.scenario.models.measure import Measure
from harness.scenario.models.scenario import Scenario
from harness.scenario.plan.loader import load_configuration, load_plan
from harness.scenario.vendors.registry import Backend, Broker
from harness.scenario.vendors.transport_options import OWNED_OPTIONS
from harness.scenario.workloads.registry import Workload
from tests.scenario.project import CONFIGURATION, SCENARIO, Project

DOCS = Path(__file__).parents[2] / "docs"
TEXT = (DOCS / "scenarios.md").read_text(encoding="utf-8")
MIXED = re.findall(
    r"```yaml\n(name:.*?)```", (DOCS / "mixed-work.md").read_text(encoding="utf-8"), re.DOTALL
)


def test_examples_load(project: Project) -> None:
    configuration, groups, scenario, matrix, grouping = re.findall(
        r"```yaml\n(.*?)```", TEXT, re.DOTALL
    )
    assert matrix.startswith("matrix:")
    project.configuration(configuration, "example")
    project.scenario.write_text(scenario, encoding="utf-8")
    project.change("configurations: [example]")
    cells = load_plan(project.scenario).cells
    assert len(cells) == 4 * (2 + 2 + 1)
    project.scenario.write_text(SCENARIO, encoding="utf-8")
    project.configuration(CONFIGURATION + groups)
    assert {cell.configuration.worker_count for cell in load_plan(project.scenario).cells} == {3}
    urgent = SCENARIO.replace("[add]", "[{workload: add, options: {queue: urgent}}]")
    project.scenario.write_text(f"{urgent}{grouping}", encoding="utf-8")
    names = [cell.name.partition("/")[0] for cell in load_plan(project.scenario).cells]
    assert names == ["c[workers=one-pool]", "c[workers=two-groups]"]


def test_examples_of_queues_load(project: Project) -> None:
    text = (DOCS / "queues.md").read_text(encoding="utf-8")
    examples = re.findall(r"```yaml\n(name: (\S+).*?)```", text, re.DOTALL)
    (scenario,) = (example for example, _ in examples if "workloads:" in example)
    for configuration, name in examples:
        if configuration != scenario:
            path = project.configuration(configuration, name)
            assert load_configuration(path).name == name
    project.scenario.write_text(scenario, encoding="utf-8")
    cells = load_plan(project.scenario).cells
    assert {cell.configuration.broker.service for cell in cells} == {"redis", "rabbitmq", "sqs"}


@pytest.mark.parametrize("example", MIXED, ids=lambda text: text.splitlines()[0])
def test_examples_of_mixed_work_load(project: Project, example: str) -> None:
    configuration, *_ = re.findall(r"```yaml\n(.*?)```", TEXT, re.DOTALL)
    project.configuration(configuration, "example")
    example = example.replace("configurations: [redis]", "configurations: [example]")
    project.scenario.write_text(example, encoding="utf-8")
    assert load_plan(project.scenario).cells


def test_the_table_of_backends_says_who_removes_what_has_expired() -> None:
    """In the words of `harness list backends`, but for articles and marks."""
    head, *rows = TOPICS["backends"]()
    column = list(head).index("EXPIRED BY")
    listed = {row[0]: row[column] for row in rows}
    (table,) = re.findall(r"expired results are removed by .*?\n\n", TEXT, re.DOTALL)
    cells = [line.split("|") for line in table.splitlines()[2:] if line]
    documented = {cell[1].strip(" `"): cell[5].replace("`", "").strip() for cell in cells}
    plain = {
        name: text.removeprefix("the ").removesuffix(" alone") for name, text in documented.items()
    }
    assert plain == listed
    assert listed["rpc"] == "RabbitMQ; on Redis nobody"


def test_every_field_is_documented() -> None:
    models: list[type[Frozen]] = [Configuration, Scenario, Worker, Measure]
    models += [
        model for union in (Broker, Backend, Workload, Load, LoadPhase) for model in kinds(union)
    ]
    documented = set(re.findall(r"`([a-z_]+)`", TEXT))
    assert {name for model in models for name in model.model_fields} <= documented | {
        "workload",
        "load",
    }
    assert {option for _, option in OWNED_OPTIONS} <= documented
