"""`harness check`: every problem of YAML files, without a server."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import click

from harness.cli.options import results_option
from harness.cli.terminal import tell_shadowed
from harness.errors import ExitCode, Problem
from harness.scenario.checks.combinations import installation_conflicts
from harness.scenario.files.wording import printable
from harness.scenario.models.scenario import Plan
from harness.scenario.plan.finding import file_exists, find_either, yaml_files
from harness.scenario.plan.loader import check_file, load_plan, names_a_scenario


@click.command(
    "check",
    epilog="Example: harness check configs quickstart",
)
@click.argument("paths", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option(
    "--explain", is_flag=True, help="Say what stands behind each number: by cell, with its source."
)
@results_option
def command(paths: tuple[Path, ...], explain: bool, results: Path) -> ExitCode:
    """Validate YAML files, by their paths or names, or all of those in folders. No server needed.

    Of a scenario it says how long it will take, which cores and how much memory, and what it can
    tell apart at this machine's noise: by the last runs in the results folder, where there are any.

    Apps of your own that a scenario names are imported, in a process of their own. Every problem
    is printed as FILE:LINE:COLUMN: MESSAGE. Exit code 2 if there is one. A note is no problem: a
    group of workers, or a route, that nothing of the scenario comes to; a package that a
    configuration needs and that is not installed here.
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
    if len(files) == 1:
        click.echo("1 file, no problems")
    plans = {file: load_plan(file) for file in files if names_a_scenario(file)}
    for note in _notes(list(plans.values())):
        click.echo(f"note: {note}")
    for line in _ahead(plans, results, explain=explain, alone=len(files) == 1):
        click.echo(line)
    if len(files) > 1:
        click.echo(f"{len(files)} files, no problems")
    return ExitCode.PASS


def _notes(plans: Sequence[Plan]) -> Iterator[str]:
    """What scenarios do not use, and what has to be installed before they can run here."""
    yield from map(str, sorted({note for plan in plans for note in plan.notes}))
    used = {cell.configuration.name: cell.configuration for plan in plans for cell in plan.cells}
    for name, configuration in sorted(used.items()):
        for _, message in installation_conflicts(configuration, own_app=True):
            yield f"to run here, configuration {printable(name)}: {message}"


def _ahead(
    plans: Mapping[Path, Plan], results: Path, *, explain: bool, alone: bool
) -> Iterator[str]:
    """What scenarios will take and can tell: the first line for each of several."""
    from harness.cli.watching.outlook_words import explained, head_lines  # noqa: PLC0415 - fast
    from harness.results.outlook.last_runs import last_runs  # noqa: PLC0415
    from harness.runner.prepare.environment import fingerprint  # noqa: PLC0415
    from harness.runner.prepare.outlook import outlook_of  # noqa: PLC0415

    if not plans:
        return
    here = fingerprint(Path.cwd())
    runs = last_runs(results, here)
    for file, plan in plans.items():
        tell_shadowed(plan.shadowed)
        ahead = outlook_of(plan, runs, here)
        first, *more = head_lines(ahead)
        yield first if alone else f"{printable(str(file))}: {first}"
        yield from more if alone or explain else ()
        yield from explained(ahead) if explain else ()


def _apps_refused(file: Path) -> list[Problem]:
    """What is wrong with apps of the user's own that a scenario names."""
    from harness.runner.prepare.own_apps import refusals  # noqa: PLC0415 - few scenarios have one

    return refusals(file)


def _files(path: Path) -> list[Path]:
    """The file itself, that of a name, or a folder's files: those of configs/ and scenarios/ if it
    has these."""
    if not path.is_dir():
        named = None if path.suffix or file_exists(path) else find_either(path.as_posix())
        return [path if named is None else named.path]
    parts = [folder for name in ("configs", "scenarios") if (folder := path / name).is_dir()]
    return [file for folder in parts or [path] for file in yaml_files(folder)]
