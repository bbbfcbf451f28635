"""`harness show`: a stored run on one screen."""

from __future__ import annotations

from pathlib import Path

import click

from harness.cli.options import results_option

_EPILOG = """\b
Example: harness show
         harness show 4f1a9c
"""


@click.command("show", epilog=_EPILOG)
@click.argument("run", metavar="[RUN]", required=False, default="latest")
@results_option
def command(run: str, results: Path) -> None:
    """Show a stored RUN on one screen: its folder, its id, or the unique end of its id. Without
    RUN the newest one.

    Its answer, verdicts, then each cell with its throughput, latency and phases as small plots,
    then warnings. `harness report` has the whole tables. Nothing is measured again.
    """
    from harness.cli.terminal import terminal_look  # noqa: PLC0415 - `--help` stays fast
    from harness.report.formats.summary_view import as_summary_view  # noqa: PLC0415
    from harness.report.registry import view_stored  # noqa: PLC0415
    from harness.results.block.salvage import salvaged  # noqa: PLC0415
    from harness.results.store.run_folders import find_run, read_run  # noqa: PLC0415

    folder = find_run(run, results)
    view = view_stored(salvaged(folder, read_run(folder)), folder)
    click.echo(as_summary_view(view, terminal_look()), nl=False)
