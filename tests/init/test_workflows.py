"""Workflows that are written are valid, and run what was written beside them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml
from check_jsonschema import main as check_jsonschema  # type: ignore[import-untyped] # no stubs
from click.testing import CliRunner

from harness import __version__
from harness.init.files import Project, files_for
from harness.init.workflows import Ci, workflow_files


def project(folder: Path, **fields: Any) -> Project:
    return replace(Project(folder, "shop:app", folder, None, ("redis",), ()), **fields)


def valid(path: Path, schema: str) -> None:
    judged = CliRunner().invoke(check_jsonschema, ["--builtin-schema", schema, str(path)])
    assert judged.exit_code == 0, judged.output


def written(made: Project, ci: Ci) -> Path:
    first, *_ = files = workflow_files(made, ci)
    for file in files:
        file.path.parent.mkdir(parents=True, exist_ok=True)
        file.path.write_text(file.text, encoding="utf-8")
    return first.path


@pytest.mark.parametrize("python", [None, ".venv/bin/python", "my envs/one/bin/python"])
@pytest.mark.parametrize(
    ("ci", "schema"), [("github", "vendor.github-workflows"), ("gitlab", "vendor.gitlab-ci")]
)
def test_a_workflow_is_valid_and_runs_what_is_there(
    tmp_path: Path, ci: Ci, schema: str, python: str | None
) -> None:
    made = project(tmp_path, python=None if python is None else tmp_path / python)
    path = written(made, ci)
    valid(path, schema)
    text = path.read_text(encoding="utf-8")
    assert f"HARNESS: celery-config-bench=={__version__}\n" in text
    known = {file.path.relative_to(tmp_path).as_posix() for file in files_for(made)}
    job = yaml.safe_load(text)
    told = job["env"] if ci == "github" else job["benchmark"]["variables"]
    assert {told["SCENARIO"], told["SPEED"]} <= known
    assert "example.org" not in text
    place = {
        None: "/harness/bin/pip",
        ".venv/bin/python": "python -m venv .venv\n",
        "my envs/one/bin/python": "python -m venv 'my envs/one'\n",
    }[python]
    assert place in text


def test_the_steps_come_in_their_order(tmp_path: Path) -> None:
    (tmp_path / "requirements.txt").touch()
    (tmp_path / "pyproject.toml").touch()
    path = written(project(tmp_path), "github")
    steps = yaml.safe_load(path.read_text(encoding="utf-8"))["jobs"]["gate"]["steps"]
    names = [step.get("name") for step in steps]
    assert names.index("Install the project") == 1 + names.index(
        "Install the harness, apart from the project"
    )
    (install,) = [step["run"] for step in steps if step.get("name") == "Install the project"]
    assert install == '"$RUNNER_TEMP/harness/bin/pip" install -r requirements.txt -e .\n'


def test_gitlab_s_note_is_written_where_the_job_looks_for_it(tmp_path: Path) -> None:
    path = written(project(tmp_path), "gitlab")
    text = path.read_text(encoding="utf-8")
    assert "python benchmarks/gitlab_note.py comment.md" in text
    assert (tmp_path / "benchmarks/gitlab_note.py").is_file()
