"""`harness report`: a stored run again, rebuilt from disk."""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path

import click

from harness.errors import UsageError
from harness.report.look import Look
from harness.report.registry import FORMATS, Format, render
from harness.results.salvage import salvaged
from harness.results.store import find_run, read_run

_WIDEST = 140
_EPILOG = """\b
Example: harness report latest
         harness report 4f1a9c --format md --output report.md
"""


@click.command("report", epilog=_EPILOG)
@click.argument("run", metavar="RUN")
@click.option(
    "--format",
    "form",
    type=click.Choice(FORMATS),
    default="text",
    show_default=True,
    metavar="FORMAT",
    help="text for people, md for pull requests, csv with a row per block, json with all of it; "
    "and for other tools, as docs/exports.md says: " + ", ".join(FORMATS[4:]) + ".",
)
@click.option(
    "--output",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Write to this file instead of standard output.",
)
@click.option(
    "--results",
    type=click.Path(path_type=Path, file_okay=False),
    default=Path("results"),
    show_default=True,
    help="Folder that holds the runs.",
)
def command(run: str, form: Format, output: Path | None, results: Path) -> None:
    """Show a stored RUN: its folder, its id, the unique end of its id, or `latest`.

    Nothing is measured again: everything comes from the run's folder.
    """
    folder = find_run(run, results)
    record = salvaged(folder, read_run(folder))
    if output is not None:
        _write(output, render(record, folder, form))
        return
    look = terminal_look()
    # A terminal that lacks a character gets its escape instead of a traceback.
    text = render(record, folder, form, look).encode(look.encoding, "backslashreplace")
    click.echo(text.decode(look.encoding), nl=False)


def terminal_look() -> Look:
    """What standard output can show; 100 columns where it is no terminal."""
    columns = shutil.get_terminal_size((Look.width, 24)).columns
    color = (
        sys.stdout.isatty() and "NO_COLOR" not in os.environ and os.environ.get("TERM") != "dumb"
    )
    return Look(min(columns, _WIDEST), color, sys.stdout.encoding or Look.encoding)


def _write(path: Path, text: str) -> None:
    try:
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise UsageError(
            f"cannot write {path}: {error.strerror}; choose another place with --output"
        ) from error
