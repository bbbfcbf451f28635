"""Writing the report's files when a run is over: never at the expense of the run."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

import click

from harness.errors import HarnessError
from harness.results.record.run import RunRecord


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
