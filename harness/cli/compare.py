"""`harness compare`: configurations within one run, or two runs."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from harness.cli.options import margin_option, results_option, strict_option
from harness.errors import ExitCode, UsageError

if TYPE_CHECKING:
    from harness.results.record.comparison import ComparisonReport
    from harness.results.record.run import RunRecord
    from harness.scenario.models.compare import ComparisonKind

_EPILOG = """\b
Examples:
  harness compare latest --base redis
  harness compare latest --base worker.concurrency=2 --margin 10%
  harness compare 4f1a9c 77b02d --format md
"""


@click.command("compare", epilog=_EPILOG)
@click.argument("run", metavar="RUN|BASE")
@click.argument("head", metavar="[HEAD]", required=False)
@click.option(
    "--base",
    metavar="CONFIG",
    help="Within one run: a configuration, an axis value (PATH=VALUE) or a variant. "
    "Default: the scenario's, else the first configuration.",
)
@click.option(
    "--kind",
    type=click.Choice(["alternatives", "change"]),
    help="Within one run: two to choose from, or a change against its base, where slower is a "
    "regression. Default: the scenario's, else alternatives.",
)
@margin_option
@strict_option
@click.option("--force", is_flag=True, help="Compare runs of unlike environments all the same.")
@click.option(
    "--format",
    "form",
    type=click.Choice(["text", "md", "json", "csv"]),
    default="text",
    show_default=True,
)
@results_option
def command(
    run: str,
    head: str | None,
    strict: bool,
    form: str,
    results: Path,
    **options: Any,
) -> ExitCode:
    """Compare the configurations of one RUN with each other, or two runs BASE and HEAD.

    Only blocks that ran as mirrored pairs in one session carry a verdict. Two runs never did:
    their ratios are shown as not interleaved, and no regression is claimed. To compare two
    revisions or versions use harness ab, which measures both in one session.

    Configurations and settings are alternatives: one is faster or slower, and neither is wrong.
    Of a change against its base (two revisions or versions) slower is a regression.

    Exit code: 0, 1 for a regression, 2 if nothing can be compared, 3 with --strict if something
    cannot be told.
    """
    from harness.cli.terminal import terminal_look  # noqa: PLC0415 - `--help` stays fast
    from harness.cli.verdict import comparison_exit_code, regressions  # noqa: PLC0415
    from harness.report.formats.comparing import Format, render  # noqa: PLC0415
    from harness.results.block.salvage import salvaged  # noqa: PLC0415
    from harness.results.store.run_folders import find_run, read_run  # noqa: PLC0415

    folders = [find_run(name, results) for name in (run, head) if name is not None]
    records = [salvaged(folder, read_run(folder)) for folder in folders]
    report = _compared(records, **options)
    shown: Format = form  # type: ignore[assignment] # click.Choice has checked it
    look = terminal_look()
    text = render(report, shown, look).encode(look.encoding, "backslashreplace")
    click.echo(text.decode(look.encoding), nl=False)
    for sentence in regressions(report):
        click.echo(sentence, err=True)
    return comparison_exit_code(report, strict=strict)


def _compared(
    records: Sequence[RunRecord],
    base: str | None,
    margin: float | None,
    kind: ComparisonKind | None,
    *,
    force: bool,
) -> ComparisonReport:
    from harness.results.judge.compare import DEFAULT_MARGIN, compare_run, compare_runs  # noqa: PLC0415 - `--help` stays fast

    if len(records) == 1:
        return compare_run(records[0], base=base, margin=margin, kind=kind)
    if base is not None or kind is not None:
        option = "--kind" if base is None else "--base"
        raise UsageError(
            f"{option} is for the configurations of one run; two runs are compared as BASE HEAD, "
            "as a change"
        )
    return compare_runs(*records, margin=DEFAULT_MARGIN if margin is None else margin, force=force)
