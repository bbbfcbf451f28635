"""What docs/exports.md, docs/ci.md and examples/ci say can be done, can be done."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from harness.report.registry import FORMATS, SEVERAL_FILES
from harness.scenario.plan.loader import load_plan
from tests.exports.commands import check_command, harness_commands, pytest_options

ROOT = Path(__file__).parents[2]
FILES = [
    *("docs/exports.md", "docs/ci.md", "docs/selftest.md"),
    *("examples/ci/github-actions.yml", "examples/ci/gitlab-ci.yml"),
]
COMMANDS = [(name, c) for name in FILES for c in harness_commands((ROOT / name).read_text("utf-8"))]


def test_commands_are_found() -> None:
    assert {name for name, _ in COMMANDS} == set(FILES)
    assert [
        "ab",
        "--base",
        "$base",
        "--head",
        "HEAD",
        "--strict",
        "$SPEED",
    ] in [command for _, command in COMMANDS]
    assert len(COMMANDS) > 20


@pytest.mark.parametrize(("name", "command"), COMMANDS, ids=lambda part: str(part)[:60])
def test_every_command_is_one(name: str, command: list[str]) -> None:
    if "--help" in command:
        assert command == ["ab", "--help"]
        return
    context = check_command(command)
    scenario = context.params.get("scenario")
    if scenario is not None and "$" not in str(scenario):
        assert (ROOT / scenario).is_file()


def test_every_option_of_pytest_is_one() -> None:
    text = (ROOT / "docs/ci.md").read_text("utf-8")
    options = set(pytest_options(text)) | set(re.findall(r"`(--harness[\w-]*)`", text))
    assert {"--harness", "--benchmark-compare-fail", "--harness-strict", "-k"} <= options
    shown = subprocess.run(
        [sys.executable, "-m", "pytest", "--help"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    known = set(re.findall(r"(?<![\w-])--?[a-z][\w-]*", shown.stdout))
    assert options <= known
    ours = {option for option in known if option.startswith("--harness")}
    assert ours <= options  # and each of them is documented


def test_the_test_of_ones_own_names_a_cell_that_there_is() -> None:
    (code,) = re.findall(
        r"```python\n(.*?)```", (ROOT / "docs/ci.md").read_text("utf-8"), re.DOTALL
    )
    (scenario,) = re.findall(r'harness_run\("(.*?)"', code)
    (cell,) = re.findall(r'run.cell\("(.*?)"', code)
    plan = load_plan(ROOT / scenario, only=(), sets=("measure.units=200",), environ={})
    assert cell in [cell.name for cell in plan.cells]


def test_every_format_is_documented() -> None:
    rows = re.findall(
        r"^\| (`[^|]*) \|", (ROOT / "docs/exports.md").read_text("utf-8"), re.MULTILINE
    )
    documented = {name for row in rows for name in re.findall(r"`([\w-]+)`", row)}
    assert documented == {*FORMATS, *SEVERAL_FILES} - {"text"} | {"--format"}


@pytest.mark.parametrize(
    ("schema", "name"),
    [
        ("vendor.github-workflows", "github-actions.yml"),
        ("custom.github-workflows-require-timeout", "github-actions.yml"),
        ("vendor.gitlab-ci", "gitlab-ci.yml"),
    ],
)
def test_the_examples_are_valid(schema: str, name: str) -> None:
    _check(schema, ROOT / "examples/ci" / name)


def test_the_steps_of_the_documents_are_valid(tmp_path: Path) -> None:
    (steps,) = re.findall(
        r"```yaml\n(.*?)```", (ROOT / "docs/exports.md").read_text("utf-8"), re.DOTALL
    )
    workflow = tmp_path / "workflow.yml"
    job = "on: push\njobs:\n  one:\n    runs-on: ubuntu-24.04\n    steps:\n"
    indented = "".join(f"      {line}\n" for line in steps.splitlines())
    workflow.write_text(job + indented, encoding="utf-8")
    _check("vendor.github-workflows", workflow)


def _check(schema: str, path: Path) -> None:
    ended = subprocess.run(
        [sys.executable, "-m", "check_jsonschema", "--builtin-schema", schema, str(path)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == 0, ended.stdout + ended.stderr
