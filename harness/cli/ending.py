"""How a command that measures ends: the report, what failed, the exit code."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

import click

from harness.results.record.run import RunRecord

if TYPE_CHECKING:
    from harness.report.registry import Format


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
    from harness.cli.report import terminal_look  # noqa: PLC0415 - `--help` stays fast
    from harness.cli.report_files import leave_report_files  # noqa: PLC0415
    from harness.report.registry import render  # noqa: PLC0415

    if not json_lines:
        click.echo(render(record, folder, form, terminal_look()), nl=False)
    if files:
        leave_report_files(record, folder, quiet=quiet or json_lines)


def leave(record: RunRecord, *, strict: bool) -> NoReturn:
    """End the process; what failed stands last on the terminal."""
    from harness.cli.verdict import exit_code, failures  # noqa: PLC0415 - `--help` stays fast

    for sentence in failures(record):
        click.echo(sentence, err=True)
    raise SystemExit(exit_code(record, strict=strict))
