"""Workflows for a project's pull requests: the shipped examples, with what is the project's own."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from typing import Literal

from harness import __version__, shipped
from harness.init.files import BENCHMARKS, SMOKE, SPEED, File, Project, flow

Ci = Literal["github", "gitlab"]
_HARNESS = "git+https://git.example.org/tools/celery-config-bench@v0.1.0"
_OWN_NOTE = f"{BENCHMARKS}/gitlab_note.py"
_HEAD = """\
# Written by `harness init`: nothing lost, wrong or doubled, and no slower than the merge base, on
# every {request}. It is yours to change. What it does and why: harness docs ci.
"""
_PROJECT_STEP = """\
      # As your project is installed; {where}.
      - name: Install the project
        run: |
{commands}

"""


def workflow_files(project: Project, ci: Ci) -> list[File]:
    """The workflow, and what it runs beside the harness. GitLab's is included by the project's own
    `.gitlab-ci.yml`, which stays as it is."""
    if ci == "github":
        return [File(project.folder / ".github/workflows/benchmark.yml", github(project))]
    note = (shipped.folder("examples") / "ci/gitlab_note.py").read_text(encoding="utf-8")
    return [
        File(project.folder / BENCHMARKS / "gitlab-ci.yml", gitlab(project)),
        File(project.folder / _OWN_NOTE, note),
    ]


def how_to_use(ci: Ci) -> str:
    """What is left to do about it."""
    if ci == "github":
        return "commit .github/workflows/benchmark.yml, at the top of the repository"
    return f"in .gitlab-ci.yml: include: {BENCHMARKS}/gitlab-ci.yml"


def github(project: Project) -> str:
    """`.github/workflows/benchmark.yml`."""
    text = _own(_example("github-actions.yml"), "pull request", _scenarios())
    commands = "\n".join(
        f"          {one}" for one in _installing(project, '"$RUNNER_TEMP/harness/bin/pip"')
    )
    step = _PROJECT_STEP.format(where=_where(project), commands=commands)
    before = "      - name: Find the merge base\n"
    return _replaced(text, {before: f"{step}{before}"})


def gitlab(project: Project) -> str:
    """The job, to be included by `.gitlab-ci.yml`."""
    text = _own(_example("gitlab-ci.yml"), "merge request", _scenarios())
    commands = "".join(
        f"    - {flow(one)}\n" for one in _installing(project, "/opt/harness/bin/pip")
    )
    before = '    - export PATH="/opt/harness/bin:$PATH"\n'
    step = f"    # As your project is installed; {_where(project)}.\n{commands}"
    return _replaced(text, {before: f"{step}{before}", "ci/gitlab_note.py": _OWN_NOTE})


def _example(name: str) -> str:
    return (shipped.folder("examples") / "ci" / name).read_text(encoding="utf-8")


def _scenarios() -> Mapping[str, str]:
    folder = f"{BENCHMARKS}/scenarios"
    return {
        "SCENARIO: scenarios/smoke.yaml": f"SCENARIO: {folder}/{SMOKE}.yaml",
        "SPEED: scenarios/speed-gate.yaml": f"SPEED: {folder}/{SPEED}.yaml",
        _HARNESS: f"celery-config-bench=={__version__}",
    }


def _own(text: str, request: str, own: Mapping[str, str]) -> str:
    """An example with another head, and other values."""
    lines = text.splitlines(keepends=True)
    while lines[0].startswith("#"):
        del lines[0]
    return _HEAD.format(request=request) + _replaced("".join(lines), own)


def _replaced(text: str, own: Mapping[str, str]) -> str:
    """ValueError where the example has not, once, what is to be replaced."""
    for old, new in own.items():
        if text.count(old) != 1:
            raise ValueError(f"the example has {text.count(old)} times {old!r}")
        text = text.replace(old, new)
    return text


def _installing(project: Project, pip: str) -> Sequence[str]:
    """Shell commands that make the Python which the configurations name, or else add to the one of
    the harness, by its `pip`, what the app needs."""
    words = shlex.join(_pip_words(project))
    if project.python is None:
        return [f"{pip} install {words}"]
    place = project.python.parent.parent
    inside = place.is_relative_to(project.folder)
    named = shlex.quote(str(place.relative_to(project.folder) if inside else place))
    return [f"python -m venv {named}", f"{named}/bin/pip install {words}"]


def _pip_words(project: Project) -> list[str]:
    folder = project.folder
    listed = ["-r", "requirements.txt"] if (folder / "requirements.txt").is_file() else []
    is_package = (folder / "setup.py").is_file() or (folder / "pyproject.toml").is_file()
    return [*listed, *(["-e", "."] if is_package else [])] or ["-r", "requirements.txt"]


def _where(project: Project) -> str:
    if project.python is None:
        return "its app runs in the Python of the harness"
    return f"{BENCHMARKS}/configs names this Python"
