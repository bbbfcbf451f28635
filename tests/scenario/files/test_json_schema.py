"""The committed JSON Schemas are current, and judge the shipped YAML as the loader does."""

from __future__ import annotations

from pathlib import Path

import pytest
from check_jsonschema import main as check_jsonschema  # type: ignore[import-untyped] # no stubs
from click.testing import CliRunner, Result

from harness.scenario.files.json_schema import KINDS, Kind, file_name, schema_text
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
