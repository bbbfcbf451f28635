"""`harness schema`: the JSON Schema of both kinds of YAML file, and of `--json-lines`."""

from __future__ import annotations

from pathlib import Path
from typing import Literal, get_args

import click

from harness.errors import ExitCode, UsageError
from harness.scenario.files.json_schema import Kind as YamlKind
from harness.scenario.files.json_schema import file_name as yaml_file_name
from harness.scenario.files.json_schema import rendered
from harness.scenario.files.json_schema import schema_text as yaml_schema_text

Kind = YamlKind | Literal["progress"]
KINDS: tuple[Kind, ...] = (*get_args(YamlKind), "progress")


@click.command("schema", epilog="Example: harness schema scenario > scenario.schema.json")
@click.argument("kind", required=False, type=click.Choice(KINDS))
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


def file_name(kind: Kind) -> str:
    """The name under which a schema is committed."""
    return "progress.schema.json" if kind == "progress" else yaml_file_name(kind)


def schema_text(kind: Kind) -> str:
    """A schema, byte for byte as committed."""
    if kind != "progress":
        return yaml_schema_text(kind)
    from harness.cli.watching.progress import ProgressLine  # noqa: PLC0415 - `--help` stays fast

    return rendered(ProgressLine, "a line of harness run --json-lines")


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
