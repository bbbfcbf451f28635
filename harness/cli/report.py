"""`harness report`: a stored run again, rebuilt from disk."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import click

from harness.cli.options import results_option
from harness.cli.terminal import terminal_look
from harness.errors import UsageError
from harness.report.registry import (
    FILE_PER_CELL,
    FOR_PEOPLE,
    FORMATS,
    SEVERAL_FILES,
    formats_for_tools,
    render,
)
from harness.results.block.salvage import salvaged
from harness.results.record.run import RunRecord
from harness.results.store.run_folders import find_run, read_run

_FOR_TOOLS = formats_for_tools()
_EPILOG = """\b
Example: harness report latest
         harness report latest --files
         harness report latest --format html --output report.html
         harness report 4f1a9c --format md --output report.md
         harness report latest --format github-benchmark --output benchmark.json
"""


@click.command("report", epilog=_EPILOG)
@click.argument("run", metavar="RUN")
@click.option(
    "--format",
    "form",
    type=click.Choice([*(one for one in FORMATS if one in FOR_PEOPLE), *_FOR_TOOLS]),
    default="text",
    show_default=True,
    metavar="FORMAT",
    help="text for people, html with charts, md for pull requests, csv with a row per "
    "block, json with all of it; and for other tools, as harness docs exports says: "
    + ", ".join(_FOR_TOOLS)
    + ".",
)
@click.option(
    "--output",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Write to this file instead of standard output.",
)
@click.option(
    "--files",
    is_flag=True,
    help="Write report.html, and report.md with images, into the run's folder, as a run does at "
    "its end.",
)
@results_option
def command(run: str, form: str, output: Path | None, files: bool, results: Path) -> None:
    """Show a stored RUN: its folder, its id, the unique end of its id, or `latest`.

    Nothing is measured again: everything comes from the run's folder.
    """
    folder = find_run(run, results)
    record = salvaged(folder, read_run(folder))
    if files or _is_page_for_a_terminal(form, output):
        _leave_files(record, folder, output)
        return
    asked = _files(form, output, record)
    if asked:
        texts = {path: render(part, folder, one) for path, (one, part) in asked.items()}
        for path, text in texts.items():
            _write(path, text)
        return
    look = terminal_look()
    # A terminal that lacks a character gets its escape instead of a traceback.
    encoded = render(record, folder, form, look).encode(look.encoding, "backslashreplace")
    click.echo(encoded.decode(look.encoding), nl=False)


def _is_page_for_a_terminal(form: str, output: Path | None) -> bool:
    """A megabyte of HTML is nothing to read on a terminal: it goes where a run leaves it."""
    return form == "html" and output is None and sys.stdout.isatty()


def _leave_files(record: RunRecord, folder: Path, output: Path | None) -> None:
    from harness.report.formats.files import write_files  # noqa: PLC0415 - most reports need no charts

    if output is not None:
        raise UsageError("--files writes into the run's folder: leave --output out, or --files")
    for path in write_files(record, folder):
        click.echo(path)


def _files(form: str, output: Path | None, record: RunRecord) -> dict[Path, tuple[str, RunRecord]]:
    """What is written where, and of which part of the run; nothing for standard output."""
    if form not in SEVERAL_FILES:
        if output is None:
            return {}
        if form in FILE_PER_CELL and len(record.cells) > 1:
            parts_of = zip(_cell_files(output, record), _cells(record), strict=True)
            return {path: (form, part) for path, part in parts_of}
        return {output: (form, record)}
    parts = SEVERAL_FILES[form]
    if output is None:
        names = " and ".join(f"benchmark-{word}.json" for word in parts)
        raise UsageError(
            f"{form} is {len(parts)} files: --output benchmark.json writes {names}. "
            f"For one of them on standard output say --format {' or '.join(parts.values())}"
        )
    return {
        output.with_name(f"{output.stem}-{word}{output.suffix}"): (one, record)
        for word, one in parts.items()
    }


def _cell_files(output: Path, record: RunRecord) -> list[Path]:
    """A file name per cell, the cells' names made fit for one, and told apart by number."""
    plain = [re.sub(r"[^A-Za-z0-9._=-]+", "-", cell.name).strip("-.")[:80] for cell in record.cells]
    names = [
        name if name and plain.count(name) == 1 else f"{name}-{index}".lstrip("-")
        for index, name in enumerate(plain)
    ]
    return [output.with_name(f"{output.stem}-{name}{output.suffix}") for name in names]


def _cells(record: RunRecord) -> list[RunRecord]:
    """The run as if it had one cell, for each of them."""
    return [
        record.model_copy(update={"cells": (cell,), "order": (0,) * record.order.count(index)})
        for index, cell in enumerate(record.cells)
    ]


def _write(path: Path, text: str) -> None:
    try:
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise UsageError(
            f"cannot write {path}: {error.strerror}; choose another place with --output"
        ) from error
