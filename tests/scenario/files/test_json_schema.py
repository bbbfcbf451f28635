"""The committed JSON Schemas are current, and judge the shipped YAML as the loader does."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from check_jsonschema import main as check_jsonschema  # type: ignore[import-untyped] # no stubs
from click.testing import CliRunner, Result
from pydantic import Field

from harness.scenario.files.fields import Frozen
from harness.scenario.files.json_schema import KINDS, Kind, file_name, rendered, schema_text
from harness.scenario.plan.finding import yaml_files
from harness.scenario.plan.loader import check_file
from tests.scenario.project import Project

ROOT = Path(__file__).parents[3]
FOLDERS: dict[Kind, str] = {"configuration": "configs", "scenario": "scenarios"}


def judge(kind: Kind, *files: Path) -> Result:
    """The command `check-jsonschema`, within this process."""
    schema = str(ROOT / "schemas" / file_name(kind))
    return CliRunner().invoke(check_jsonschema, ["--schemafile", schema, *map(str, files)])


@pytest.mark.parametrize("kind", KINDS)
def test_committed_schema_is_current(kind: Kind) -> None:
    committed = (ROOT / "schemas" / file_name(kind)).read_text(encoding="utf-8")
    assert committed == schema_text(kind), "run harness schema --write"


@pytest.mark.parametrize("kind", KINDS)
def test_schema_accepts_what_ships(kind: Kind) -> None:
    result = judge(kind, *yaml_files(ROOT / FOLDERS[kind]))
    assert result.exit_code == 0, result.output


@pytest.mark.parametrize(
    "line", ["workloads: [ad]", "loads: [rate]", "measure: {unitz: 5}", "name: 5"]
)
def test_schema_rejects_what_the_loader_rejects(project: Project, line: str) -> None:
    assert judge("scenario", project.scenario).exit_code == 0
    project.change(line)
    assert check_file(project.scenario)
    assert judge("scenario", project.scenario).exit_code == 1


def test_shipped_files_point_their_editor_at_the_schema() -> None:
    for kind in KINDS:
        for path in yaml_files(ROOT / FOLDERS[kind]):
            first = path.read_text(encoding="utf-8").splitlines()[0]
            up = "../" * len(path.parent.relative_to(ROOT).parts)
            assert first == f"# yaml-language-server: $schema={up}schemas/{file_name(kind)}"


class Made(Frozen):
    """A model whose fields are described below them."""

    kept: int = 0
    """Of the base."""
    anew: int = 0
    """What the base says of it."""
    renamed: int = Field(0, alias="called")
    """By its alias."""
    bare: int = 0


class Derived(Made):
    """One that declares a field anew."""

    anew: int = 1
    own: int = Field(0, description="Its own words.")
    """Others, below."""


def test_fields_are_described_by_what_stands_below_them() -> None:
    """In the class that declares them, whoever inherits; a description that is given stands."""
    made, derived = (json.loads(rendered(model, "x"))["properties"] for model in (Made, Derived))
    assert {name: field.get("description") for name, field in made.items()} == {
        "kept": "Of the base.",
        "anew": "What the base says of it.",
        "called": "By its alias.",
        "bare": None,
    }
    assert {name: field.get("description") for name, field in derived.items()} == {
        "kept": "Of the base.",
        "anew": None,
        "called": "By its alias.",
        "bare": None,
        "own": "Its own words.",
    }
