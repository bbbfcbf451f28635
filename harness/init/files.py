"""What `harness init` writes below a project's `benchmarks/`: configurations and two scenarios."""

from __future__ import annotations

import itertools
import os
import textwrap
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from harness import shipped
from harness.errors import UsageError
from harness.init.guessing import Guess
from harness.scenario.files.yaml12 import shown_path
from harness.scenario.plan.copying import text_of_copy

BENCHMARKS = "benchmarks"
SMOKE = "tasks-smoke"
SPEED = "tasks-speed"
_LINE = 96
_ROUNDS = 5
_LEAST_UNITS = 50


@dataclass(frozen=True)
class File:
    """A file to be written, and its whole text."""

    path: Path
    text: str


@dataclass(frozen=True)
class Project:
    """What is written down of a project."""

    folder: Path
    """Where `benchmarks/` is made."""
    app: str
    """`module:attribute`."""
    home: Path
    """The folder that the app is imported from."""
    python: Path | None
    """The Python that it runs in; None for that of the harness."""
    configurations: Sequence[str]
    """Shipped configurations that can run there: `redis`, `rabbitmq`."""
    guesses: Sequence[Guess]
    failed: Collection[str] = ()
    """Names of tasks that failed when they were called."""

    @property
    def measured(self) -> list[Guess]:
        """Those that are called: nothing of them is left to be filled in, and they did not fail."""
        return [g for g in self.guesses if not g.unknown and g.task.name not in self.failed]


def files_for(project: Project) -> list[File]:
    """All of them, in the order in which they are told."""
    benchmarks = project.folder / BENCHMARKS
    return [
        *(_configuration(project, name) for name in project.configurations),
        File(benchmarks / "scenarios" / f"{SMOKE}.yaml", smoke(project)),
        File(benchmarks / "scenarios" / f"{SPEED}.yaml", speed(project)),
        *_ignored(project.folder),
    ]


def write(files: Iterable[File]) -> Iterator[tuple[File, bool]]:
    """Write those that are not there yet; each with whether it was written. UsageError where one
    cannot be."""
    for one in files:
        try:
            one.path.parent.mkdir(parents=True, exist_ok=True)
            with one.path.open("x", encoding="utf-8") as file:
                file.write(one.text)
        except FileExistsError:
            yield one, False
        except OSError as error:
            raise UsageError(f"cannot write {shown_path(one.path)}: {error.strerror}") from error
        else:
            yield one, True


def _ignored(folder: Path) -> Iterator[File]:
    """Results of runs are no source. In a folder of results that somebody has already, all stays
    as it is."""
    results = folder / "results"
    if not results.exists() or (results / ".gitignore").exists():
        yield File(results / ".gitignore", "# Runs of the harness.\n*\n")


# --- configurations -----------------------------------------------------------------------------


def _configuration(project: Project, name: str) -> File:
    """The shipped one, with the Python of the project."""
    text = text_of_copy(shipped.folder("configs") / f"{name}.yaml")
    path = project.folder / BENCHMARKS / "configs" / f"{name}.yaml"
    if project.python is not None:
        text += (
            "\n# Clients and workers run in the project's own environment, with what is installed "
            f"there.\ncelery:\n  python: {flow(python_from(project, path.parent))}\n"
        )
    return File(path, text)


def python_from(project: Project, folder: Path) -> str:
    """The project's Python as a file in `folder` names it: one in the project by the way to it."""
    assert project.python is not None  # noqa: S101 - asked only where there is one
    home = project.python.parent.parent
    named = home if (home / "pyvenv.cfg").exists() else project.python
    if not named.is_relative_to(project.folder):
        return str(named)
    return os.path.relpath(named, folder)


# --- scenarios ----------------------------------------------------------------------------------

_FOR_REAL = """\
THE TASKS RUN FOR REAL: your own code, with all that it connects to by itself (a database, mail, \
payments). Give it test credentials, and take out what must not be called. Only broker, result \
backend and routes are the harness' own."""
_GUESSED = """\
Arguments were guessed from types: make them those of your work. A range, text or choice is drawn \
anew for each unit. `expect: VALUE` beside them has results compared (harness docs your-tasks)."""


def smoke(project: Project) -> str:
    """The scenario that asks whether the tasks work at all, with a gate on what must not happen."""
    units = max(_LEAST_UNITS, _ROUNDS * len(project.measured))
    return _scenario(
        project,
        SMOKE,
        "Do this project's tasks come back right, every one of them?",
        [f"harness run {SMOKE}"],
        f"""\
loads: [{{load: closed, in_flight: 4}}]

measure:
  units: {units}
  warmup: {max(10, len(project.measured))}
  timeout: 30s

# Of a unit that is wrong, doubled or failed, too, the exit code is 1.
gates:
  - lost == 0
""",
    )


def speed(project: Project) -> str:
    """The scenario that asks whether a change made the tasks slower."""
    return _scenario(
        project,
        SPEED,
        "Did this change make the project's tasks slower by a tenth or more?",
        [f"harness ab --base main --head HEAD {SPEED}"],
        """\
loads: [{load: closed, in_flight: 4}]

measure:
  duration: 5s
  warmup: 50
  timeout: 30s

compare:
  margin: 5%
  # Verdicts end it sooner; the first look says what this machine can find in the time.
  effect: 10%
  minutes: 10

gates:
  - lost == 0
""",
    )


def _scenario(
    project: Project, name: str, question: str, commands: Sequence[str], rest: str
) -> str:
    home = os.path.relpath(project.home, project.folder / BENCHMARKS / "scenarios")
    told = (textwrap.wrap(one, _LINE, break_on_hyphens=False) for one in (_FOR_REAL, _GUESSED))
    head = [*commands, *itertools.chain.from_iterable(told)]
    mix = "\n".join(
        f"        {line}" for guess in project.guesses for line in _part(project, guess)
    )
    comments = "\n".join(f"# {line}" for line in head)
    return f"""\
{comments}
name: {name}
question: {question}

configurations: [{project.configurations[0]}]

workloads:
  - workload:
      app: {project.app}
      project: {flow(home)}
      mix:
{mix}

{rest}"""


def _part(project: Project, guess: Guess) -> Iterator[str]:
    """The lines of one task in the mix: comments where it cannot be called yet."""
    task = guess.task
    yield f"# {task.name}{task.signature}  {task.place}".rstrip()
    if guess.by_name:
        yield f"# guessed by name alone, as they have no type: {', '.join(guess.by_name)}"
    mark = ""
    if guess.unknown:
        yield f"# FILL IN, then take the # away: {'; '.join(guess.unknown)}"
        mark = "# "
    elif task.name in project.failed:
        yield "# FAILED when it was called with this: mend it, then take the # away"
        mark = "# "
    yield f"{mark}- task: {flow(task.name)}"
    if guess.args:
        yield f"{mark}  args: {flow([*guess.args])}"
    if guess.kwargs:
        yield f"{mark}  kwargs: {flow(dict(guess.kwargs))}"


def flow(value: Any) -> str:
    """On one line, as YAML."""
    text = yaml.safe_dump(
        value, default_flow_style=True, width=10_000, sort_keys=False, allow_unicode=True
    )
    return text.removesuffix("...\n").strip()
