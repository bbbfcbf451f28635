"""`harness schema`: the JSON Schema of both kinds of YAML file."""

from __future__ import annotations

from pathlib import Path
from typing import get_args

import click

from harness.errors import ExitCode, UsageError
from harness.scenario.json_schema import KINDS, Kind, file_name, schema_text


@click.command("schema", epilog="Example: harness schema scenario > scenario.schema.json")
@click.argument("kind", required=False, type=click.Choice(get_args(Kind)))
@click.option("--check", is_flag=True, help="Fail if the files in schemas/ are out of date.")
@click.option("--write", is_flag=True, help="Write the files in schemas/.")
@click.option(
    "--folder",
    type=click.Path(path_type=Path, file_okay=False),
    default=Path("schemas"),
    show_default=True,
    help="Where the committed files are.",
)
def command(kind: Kind | None, check: bool, write: bool, folder: Path) -> ExitCode:
    """Print a JSON Schema for editors, or keep the committed ones current."""
    kinds = KINDS if kind is None else (kind,)
    if check and write:
        raise click.UsageError("--check and --write exclude each other")
    if check:
        return _check(folder, kinds)
    if write:
        folder.mkdir(parents=True, exist_ok=True)
        for one in kinds:
            (folder / file_name(one)).write_text(schema_text(one), encoding="utf-8")
            click.echo(f"wrote {folder / file_name(one)}")
        return ExitCode.PASS
    if kind is None:
        raise click.UsageError(f"which one? {' or '.join(KINDS)}")
    click.echo(schema_text(kind), nl=False)
    return ExitCode.PASS


def _check(folder: Path, kinds: tuple[Kind, ...]) -> ExitCode:
    stale = [one for one in kinds if _committed(folder / file_name(one)) != schema_text(one)]
    if stale:
        names = ", ".join(str(folder / file_name(one)) for one in stale)
        raise UsageError(f"out of date: {names}; run harness schema --write")
    click.echo(f"{len(kinds)} {'schema' if len(kinds) == 1 else 'schemas'}, current")
    return ExitCode.PASS


def _committed(path: Path) -> str | None:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        return None
