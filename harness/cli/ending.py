"""How a command that measures ends: the report, its files, what failed, the exit code."""

from __future__ import annotations

from contextlib import suppress
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

import click

from harness.errors import HarnessError
from harness.results.record.run import RunRecord

if TYPE_CHECKING:
    from harness.report.registry import Format

_NEEDED = (
    *("harness.cli.terminal", "harness.report.registry", "harness.report.formats.files"),
    *("harness.report.formats.as_text", "harness.report.answer.answer", "jinja2", "duckdb"),
)
"""Modules of the report, and packages that these import when they are first used."""


def load_report(*, files: bool = True) -> None:
    """Have all ready that `show_report` will need, what draws the images of its `files` last: a run
    does so while the last block's processes end."""
    for name in _NEEDED:
        import_module(name)
    if files:
        from harness.report.formats.illustrated import begin_drawing  # noqa: PLC0415 - see above

        begin_drawing()


def show_report(
    record: RunRecord,
    folder: Path,
    *,
    quiet: bool,
    json_lines: bool,
    files: bool,
    form: Format = "text",
) -> None:
    """Print the report, unless JSON lines took its place, and leave its `files` in `folder`."""
    from harness.cli.terminal import terminal_look  # noqa: PLC0415 - `--help` stays fast
    from harness.report.registry import render  # noqa: PLC0415

    if not json_lines:
        click.echo(render(record, folder, form, terminal_look()), nl=False)
    if not json_lines and not quiet and form == "text":
        _close(record, folder)
    if files:
        leave_report_files(record, folder, quiet=quiet or json_lines)


def _close(record: RunRecord, folder: Path) -> None:
    """The answer once more, where whoever waited for the run looks: of a long report its begin has
    left the screen."""
    from harness.report.answer.answer import answer_of  # noqa: PLC0415 - `--help` stays fast
    from harness.report.view.cells import view_of  # noqa: PLC0415

    with suppress(OSError):  # a terminal that went away is no reason to fail
        for sentence in answer_of(view_of(record, folder, {})).sentences:
            click.echo(f"answer: {sentence.text}", err=True)


def leave_report_files(record: RunRecord, folder: Path, *, quiet: bool) -> None:
    """Write report.html and report.md into the run's folder, and name them on standard error.

    The run is recorded already and its exit code is decided by it, so a report that cannot be
    written is one sentence.
    """
    from harness.cli import bug  # noqa: PLC0415 - the package imports its commands late
    from harness.report.formats.files import write_files  # noqa: PLC0415 - `--help` stays fast

    again = f"harness report {record.run_id} --files makes the reports"
    try:
        page, _ = write_files(record, folder)
    except HarnessError as error:
        click.echo(f"harness: {error}; {again}, the run itself is on disk", err=True)
    except Exception as error:  # noqa: BLE001 - whatever it is, the run's result stands
        bug(error)
        click.echo(f"The run itself is on disk; {again} once this is repaired", err=True)
    else:
        if not quiet:
            with suppress(OSError):  # a terminal that went away is no reason to fail
                click.echo(f"with charts: {page}", err=True)


def leave(record: RunRecord, *, strict: bool) -> NoReturn:
    """End the process; what failed stands last on the terminal."""
    from harness.cli.verdict import exit_code, failures  # noqa: PLC0415 - `--help` stays fast

    for sentence in failures(record):
        click.echo(sentence, err=True)
    raise SystemExit(exit_code(record, strict=strict))
