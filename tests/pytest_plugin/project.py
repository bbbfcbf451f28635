"""A project whose tests are run by a pytest of its own."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from tests.probe.forked import Program
from tests.runner.running import UNNEEDED

ROOT = Path(__file__).parents[2]
_PATIENCE_S = 120.0


@dataclass(frozen=True)
class Ended:
    """What pytest said."""

    code: int
    text: str

    @property
    def counts(self) -> dict[str, int]:
        """`{"passed": 2}` from its last line."""
        found = re.findall(r"(\d+) (passed|failed|errors?|skipped)", self.text.splitlines()[-1])
        return {what: int(count) for count, what in found}


@dataclass(frozen=True)
class Project:
    """A folder with configurations and scenarios, and temporary files of its own."""

    folder: Path

    def configuration(self, name: str = "c", **fields: Any) -> None:
        """Redis for everything, unless `fields` say otherwise."""
        text = {"name": name, "broker": {"service": "redis"}, "backend": {"service": "redis"}}
        self._write(f"configs/{name}.yaml", text | fields)

    def scenario(self, name: str = "s", **fields: Any) -> None:
        """A few adds in two blocks, unless `fields` say otherwise."""
        text = {
            "name": name,
            "configurations": ["c"],
            "workloads": ["add"],
            "loads": [{"load": "closed", "in_flight": 4}],
            "measure": {"units": 20, "warmup": 0, "blocks": 2},
        }
        self._write(f"scenarios/{name}.yaml", text | fields)

    def module(self, name: str, text: str) -> None:
        """A file of Python at the top of the project."""
        (self.folder / name).write_text(text, encoding="utf-8")

    def pytest(self, *arguments: str, plugins: Sequence[str] = ()) -> Ended:
        """`pytest ARGUMENTS` in the project, to its end."""
        words = [word for name in plugins for word in ("-p", name)] + list(arguments)
        said = self.folder / f"pytest-{len(list(self.folder.glob('pytest-*')))}"
        if "--harness" in arguments:  # it imports all that the forking process has imported
            program = Program("pytest", words, self._environ(), said, folder=self.folder)
            try:
                code = program.wait(_PATIENCE_S)
            finally:
                program.kill()
        else:
            with said.open("wb") as log:
                command = [sys.executable, "-m", "pytest", *words]
                code = subprocess.run(
                    command,
                    cwd=self.folder,
                    env=self._environ(),
                    stdout=log,
                    stderr=log,
                    check=False,
                    timeout=_PATIENCE_S,
                ).returncode
        return Ended(code, said.read_text(encoding="utf-8"))

    def saved(self, name: str) -> Any:
        """What `--benchmark-save NAME` wrote."""
        (path,) = self.folder.glob(f".benchmarks/*/*_{name}.json")
        return json.loads(path.read_text(encoding="utf-8"))

    def _write(self, name: str, text: Any) -> None:
        path = self.folder / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(yaml.safe_dump(text), encoding="utf-8")

    def _environ(self) -> dict[str, str]:
        temporary = self.folder / "tmp"
        temporary.mkdir(exist_ok=True)
        outer = ("PYTEST_", "HARNESS_")
        kept = {name: text for name, text in os.environ.items() if not name.startswith(outer)}
        return kept | {
            "TMPDIR": str(temporary),
            "PYTHONPATH": os.pathsep.join(map(str, (ROOT, UNNEEDED, self.folder))),
            "PYTHONDONTWRITEBYTECODE": "1",
        }


def make_project(folder: Path) -> Project:
    """An empty project with one configuration and one scenario."""
    project = Project(folder)
    # Of its own: without one pytest looks for the settings of whoever runs these tests.
    project.module(
        "pytest.ini", "[pytest]\naddopts = -p no:valkey -p no:hypothesispytest --strict-markers\n"
    )
    project.configuration()
    project.scenario()
    return project
