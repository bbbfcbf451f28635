"""`harness check`: every problem of YAML files, without a server."""

from __future__ import annotations

from pathlib import Path

import click

from harness.errors import ExitCode, Problem
from harness.scenario.files.wording import printable
from harness.scenario.plan.bounds import at_most
from harness.scenario.plan.configurations import yaml_files
from harness.scenario.plan.loader import check_file, load_plan, names_a_scenario


@click.command(
    "check",
    epilog="Example: harness check configs scenarios/quickstart.yaml",
)
@click.argument("paths", nargs=-1, required=True, type=click.Path(path_type=Path))
def command(paths: tuple[Path, ...]) -> ExitCode:
    """Validate YAML files, or all of those in folders. No server is needed.

    Apps of your own that a scenario names are imported, in a process of their own. Every problem
    is printed as FILE:LINE:COLUMN: MESSAGE. Exit code 2 if there is one.
    """
    problems: set[Problem] = set()
    files: dict[Path, None] = {}
    for path in paths:
        found = _files(path)
        if not found:
            problems.add(Problem(str(path), 1, 1, "no YAML files in this folder"))
        files |= dict.fromkeys(found)
    for file in files:
        problems.update(check_file(file))
        problems.update(_apps_refused(file))
    for problem in sorted(problems):
        click.echo(str(problem))
    if problems:
        return ExitCode.USAGE
    bounds = {file: words for file in files if (words := _at_most(file))}
    if len(files) > 1:
        for file, words in bounds.items():
            click.echo(f"{printable(str(file))}: {words}")
        click.echo(f"{len(files)} files, no problems")
    else:
        click.echo("; ".join(["1 file, no problems", *bounds.values()]))
    return ExitCode.PASS


def _at_most(file: Path) -> str:
    """How long a scenario's blocks may take; nothing for a configuration."""
    from harness.cli.watching.words import at_most_words  # noqa: PLC0415 - `--help` stays fast
    from harness.runner.adaptive import Budget  # noqa: PLC0415

    if not names_a_scenario(file):
        return ""
    plan = load_plan(file)
    return at_most_words(at_most(plan.cells, Budget(plan).blocks()))


def _apps_refused(file: Path) -> list[Problem]:
    """What is wrong with apps of the user's own that a scenario names."""
    from harness.runner.prepare.own_apps import refusals  # noqa: PLC0415 - few scenarios have one

    return refusals(file)


def _files(path: Path) -> list[Path]:
    """The file itself, or a folder's files: those of configs/ and scenarios/ if it has these."""
    if not path.is_dir():
        return [path]
    parts = [folder for name in ("configs", "scenarios") if (folder := path / name).is_dir()]
    return [file for folder in parts or [path] for file in yaml_files(folder)]
