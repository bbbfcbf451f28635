"""Configurations that stand in the scenario itself."""

from __future__ import annotations

import json

import pytest

from harness.scenario.files.json_schema import schema_text
from harness.scenario.plan.identity import configuration_key
from harness.scenario.plan.loader import load_plan, load_scenario
from tests.scenario.project import CONFIGURATION, Project

INLINE = (
    "configurations: [c, {name: inline, broker: {service: redis}, backend: {service: redis}, "
    "worker: {concurrency: 3}}]"
)


def test_they_are_configurations_like_those_of_files(project: Project) -> None:
    project.change(INLINE)
    plan = project.plan()
    assert plan.scenario.configurations == ("c", "inline")
    as_file = CONFIGURATION.replace("name: c", "name: inline") + "worker: {concurrency: 3}\n"
    project.configuration(as_file, "inline")
    project.change("configurations: [c, inline]")
    assert project.plan() == plan
    kept = [configuration_key(cell.configuration.model_dump(mode="json")) for cell in plan.cells]
    assert len(set(kept)) == 2, "what history and resuming know them by"
    assert load_scenario(project.scenario).configurations == ("c", "inline")


def test_set_changes_them_as_all_others(project: Project) -> None:
    project.change(INLINE)
    changed = project.plan("config.worker.concurrency=5").cells
    assert [cell.configuration.worker.concurrency for cell in changed] == [5, 5]


def test_the_command_line_chooses_among_them(project: Project) -> None:
    project.change(INLINE)
    only = load_plan(project.scenario, only=["inline"])
    assert [cell.configuration.worker.concurrency for cell in only.cells] == [3]
    both = load_plan(project.scenario, only=["c", "inline"])
    assert both.scenario.configurations == ("c", "inline")


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        ("worker: {concurency: 3}", '2:90: unknown key "concurency" (did you mean "concurrency"?)'),
        ("worker: {concurrency: many}", '2:103: expected a whole number, or auto, not "many"'),
        ("settings: {task_ack_late: true}", '2:92: Celery has no setting "task_ack_late"'),
        ("settings: {some_url: 'redis://:secret@h'}", "2:92: Celery has no setting"),
    ],
)
def test_what_is_wrong_is_said_at_its_place(project: Project, wrong: str, told: str) -> None:
    """As strictly as in a file."""
    ends = "broker: {service: redis}, backend: {service: redis}"
    project.change(f"configurations: [{{name: i, {ends}, {wrong}}}]")
    assert project.problems()[0].startswith(f"scenarios/s.yaml:{told}")


def test_editors_are_told_of_them() -> None:
    entries = json.loads(schema_text("scenario"))["properties"]["configurations"]["items"]
    assert {"type": "string"} in entries["anyOf"]
    assert {"$ref": "#/$defs/Configuration"} in entries["anyOf"]
