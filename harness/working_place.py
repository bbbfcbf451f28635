"""Where the processes of a block run: as whose Python, told what, and on which cores."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TypedDict, Unpack

from harness.environments.interpreter import OWN, Interpreter
from harness.processes import Process
from harness.workspace import Workspace


class Pipes(TypedDict, total=False):
    """Which streams of a process are pipes; see `processes.Spawning`."""

    stdin: int
    stdout: int


@dataclass(frozen=True)
class WorkingPlace:
    """What all processes of one kind have in common: clients, workers, beat."""

    workspace: Workspace
    """Where each of them is written down, in case the harness is killed."""
    logs: Path
    """Folder of what they print, a file each."""
    environ: Mapping[str, str] = field(repr=False)
    """Environment variables, among them the one that names the cell spec. May hold credentials."""
    interpreter: Interpreter = OWN
    cores: frozenset[int] | None = None
    """Linux: the only ones that they, and whatever they start, may run on."""

    def told(self, environ: Mapping[str, str]) -> WorkingPlace:
        """The same place with other environment variables laid above those that it has."""
        return replace(self, environ={**self.environ, **environ})

    def spawn(
        self, argv: Sequence[str | Path], name: str, log: str = "", **pipes: Unpack[Pipes]
    ) -> Process:
        """Start one, in the folder of its Python: `celery -A` looks in the current folder before
        anywhere else. `log`: the name of its log's file, without ending, where it is another."""
        return self.workspace.spawn(
            argv,
            name=name,
            log=self.logs / f"{log or name}.log",
            env=self.interpreter.environ(self.environ),
            cwd=self.interpreter.folder,
            cores=self.cores,
            **pipes,
        )
