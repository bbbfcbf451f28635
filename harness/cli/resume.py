"""`harness resume`: measure what a run that was broken off has left to do."""

from __future__ import annotations

import os
from functools import partial
from pathlib import Path

import click

from harness.cli.options import baseline_option, results_option, strict_option, watching_options

_EPILOG = """\b
Examples:
  harness resume latest
  harness resume 4f1a9c --quiet
"""


@click.command("resume", epilog=_EPILOG)
@click.argument("run", metavar="RUN")
@results_option
@baseline_option
@click.option(
    "--force", is_flag=True, help="Go on although machine, software or servers have changed."
)
@strict_option
@watching_options
def command(
    run: str,
    results: Path,
    baseline: str | None,
    force: bool,
    strict: bool,
    quiet: bool,
    json_lines: bool,
    files: bool,
) -> None:
    """Go on with a RUN that was interrupted or killed, or that failed: measure what is missing.

    RUN is its folder, its id, the unique end of its id, or `latest`. Finished blocks stay as they
    are. Blocks that were broken off, or could not be measured, are measured again from their
    beginning; what they had left is kept in the folder `broken-off`. The plan is the one that the
    run began with, whatever has become of the files. Exit codes are those of `harness run`.
    """
    from harness.affinity import ANYWHERE, parse  # noqa: PLC0415 - `--help` stays fast
    from harness.cli.ending import leave, load_report, show_report  # noqa: PLC0415
    from harness.cli.verdict import baseline_for  # noqa: PLC0415
    from harness.cli.watching import watching  # noqa: PLC0415
    from harness.results.store.run_folders import find_run, read_run  # noqa: PLC0415
    from harness.runner.prepare.stored_plan import plan_of  # noqa: PLC0415
    from harness.runner.run import RunOptions, resume  # noqa: PLC0415
    from harness.scenario.vendors.base import Provider  # noqa: PLC0415

    path = find_run(run, results)
    stored = read_run(path)
    provider: Provider | None = stored.provider  # type: ignore[assignment] # it was checked then
    words = ",".join(f"{role}={cores}" for role, cores in stored.environment.affinity.items())
    pinned = parse(words) if words else ANYWHERE
    compared = baseline_for(plan_of(stored).scenario, baseline, results)
    options = RunOptions(
        *(provider, results, stored.seed, Path.cwd(), dict(os.environ), compared, force, pinned),
        meanwhile=partial(load_report, files=files),
    )
    with watching(quiet=quiet, json_lines=json_lines) as listener:
        record, folder = resume(path, options, listener)
    show_report(record, folder.path, quiet=quiet, json_lines=json_lines, files=files)
    leave(record, strict=strict)
