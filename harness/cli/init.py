"""`harness init`: a project's own tasks, measurable in a minute."""

from __future__ import annotations

import os
import shlex
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

from harness.errors import UsageError
from harness.scenario.files.wording import printable

if TYPE_CHECKING:
    from harness.init.files import File, Project
    from harness.init.guessing import Guess
    from harness.init.workflows import Ci

_EPILOG = """\b
Examples:
  harness init
  harness init -A worker.celery --python .venv/bin/python
  harness init -A shop.celery:app --ci github --dry-run
"""


@click.command("init", epilog=_EPILOG)
@click.option(
    "-A",
    "--app",
    metavar="APP",
    help="The app, as `celery -A` takes it. Without it, the one that the folder has.",
)
@click.option(
    "--folder",
    type=click.Path(path_type=Path, file_okay=False, exists=True),
    default=Path(),
    help="The project's folder. Default: the current one.",
)
@click.option(
    "--python",
    metavar="PATH",
    help="The Python (or virtual environment) that the project runs in. Default: its .venv, else "
    "the active one, else the one of the harness.",
)
@click.option(
    "--call/--no-call",
    default=None,
    help="Call each task once or twice on an embedded server, to see whether it runs: for real, "
    "with guessed arguments. Without either you are asked in a terminal; elsewhere none is called.",
)
@click.option(
    "--ci", type=click.Choice(["github", "gitlab"]), help="A workflow for pull requests as well."
)
@click.option("--dry-run", is_flag=True, help="Print what would be written. Calls no task.")
def command(
    app: str | None,
    folder: Path,
    python: str | None,
    call: bool | None,
    ci: Ci | None,
    dry_run: bool,
) -> None:
    """Write benchmarks/ for the tasks of your own project: configurations for Redis and RabbitMQ, a
    scenario with a smoke gate, one with a speed gate. Nothing is ever overwritten.

    The app is imported, in a process of its own and by your project's Python, and nothing of your
    project is changed. Arguments are guessed from the tasks' types; what cannot be guessed is
    marked FILL IN. No task is called unless you say so.
    """
    from harness.init.files import files_for, write  # noqa: PLC0415 - `--help` stays fast
    from harness.init.workflows import how_to_use, workflow_files  # noqa: PLC0415

    folder = Path(os.path.normpath(Path.cwd() / folder))
    project = _looked_at(app, folder, python)
    if not dry_run and is_wanted(call, project.measured):
        project = _called(project)
    files = [*files_for(project), *(workflow_files(project, ci) if ci is not None else ())]
    if dry_run:
        _show(files)
        return
    for file, wrote in write(files):
        shown = os.path.relpath(file.path)
        click.echo(f"wrote {shown}" if wrote else f"kept yours: {shown}")
    if ci is not None:
        click.echo(f"for the workflow: {how_to_use(ci)}")
    _close(project)


def _looked_at(app: str | None, folder: Path, python: str | None) -> Project:
    """Find the app and say what it has."""
    from harness.init.files import Project  # noqa: PLC0415 - see above
    from harness.init.guessing import guess  # noqa: PLC0415
    from harness.init.looking import chosen, look_at, python_for  # noqa: PLC0415
    from harness.init.usable import usable  # noqa: PLC0415

    environ = dict(os.environ)
    candidate = chosen(app, folder)
    own = python_for(python, folder, environ)
    click.echo(f"app: {candidate.app} ({candidate.seen}), imported by {own or sys.executable}")
    seen = look_at(candidate, own, environ)
    guesses = [guess(task) for task in seen.tasks]
    _tell(guesses)
    there = usable(own, environ)
    for name, reason in there.lacking.items():
        click.echo(f"left out: configuration {name}: {reason}")
    if not there.names:
        raise UsageError("neither of them can be used there, so nothing is written: see above")
    return Project(folder, seen.name, candidate.project, own, there.names, guesses)


def _tell(guesses: Sequence[Guess]) -> None:
    """The tasks with their signatures, and how they would be called."""
    click.echo(f"{len(guesses)} task{'s' if len(guesses) > 1 else ''}:")
    for one in guesses:
        click.echo(f"  {printable(one.task.name + one.task.signature)}")
        if one.unknown:
            click.echo(f"      cannot be guessed: {printable('; '.join(one.unknown))}")


def is_wanted(call: bool | None, measured: Sequence[Guess]) -> bool:
    """Whether tasks are to be called: what they do is done for real, so nobody is taken by
    surprise."""
    if call is not None or not measured:
        return bool(call and measured)
    if not sys.stdin.isatty():
        click.echo("no task was called: harness init --call tries each of them, for real")
        return False
    names = ", ".join(one.task.name for one in measured)
    click.echo(f"Call {names} now, twice at most, to see whether they run?")
    return click.confirm("They run FOR REAL, with guessed arguments, in your project's environment")


def _called(project: Project) -> Project:
    """Call what could be guessed, and say what came of it."""
    from harness.init.calling import call  # noqa: PLC0415 - see above

    click.echo(f"calling {len(project.measured)}, for real, on {project.configurations[0]} ...")
    came = call(project, dict(os.environ))
    for line in (line for sentence in came.sentences for line in sentence.splitlines()):
        click.echo(f"  {printable(line)}")
    return replace(project, failed=came.failed)


def _show(files: Sequence[File]) -> None:
    for file in files:
        there = " (is there already, and would be kept)" if os.path.lexists(file.path) else ""
        click.echo(f"--- {os.path.relpath(file.path)}{there}\n{file.text}")


def _close(project: Project) -> None:
    """What is left to do, and the next commands."""
    from harness.init.files import BENCHMARKS, SMOKE, SPEED  # noqa: PLC0415 - see above

    open_ones = len(project.guesses) - len(project.measured)
    if open_ones:
        scenarios = os.path.relpath(project.folder / BENCHMARKS / "scenarios")
        click.echo(f"{open_ones} of {len(project.guesses)} tasks are left out: see {scenarios}")
    click.echo("next:" if project.measured else "next, once one of them is filled in:")
    if project.folder != Path.cwd():
        click.echo(f"  cd {shlex.quote(os.path.relpath(project.folder))}")
    click.echo(f"  harness check {BENCHMARKS}")
    click.echo(f"  harness run {SMOKE}")
    click.echo(f"  harness ab --base main --head HEAD {SPEED}")
