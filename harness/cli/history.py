"""`harness history`: a scenario's runs over time, and where its level may have changed."""

from __future__ import annotations

from pathlib import Path

import click

from harness.cli.options import store_option

_LONGEST = 365
"""The permutations of a longer series take half a minute."""
_EPILOG = """\b
Metrics (--metric): harness list metrics names all; of distributions write .p99 or another of
mean, min, p50, p90, p95, p99, p999, max behind the name: latency.total.p50, canvas.hop.p99.

\b
Examples:
  harness history smoke
  harness history scenarios/compare-brokers.yaml --reference redis --metric latency.total.p50
  harness history smoke-ab --format csv
"""


@click.command("history", epilog=_EPILOG)
@click.argument("scenario", metavar="SCENARIO")
@click.option(
    "--metric",
    metavar="METRIC",
    default="throughput",
    show_default=True,
    help="See below.",
)
@click.option(
    "--reference",
    metavar="CONFIG",
    help="What values are ratios to, in each run: a configuration, an axis value (PATH=VALUE) or "
    "a variant. Default: the base of the scenario's own compare; without one, absolute values.",
)
@store_option
@click.option(
    "--last",
    type=click.IntRange(1, _LONGEST),
    default=100,
    show_default=True,
    help="At most so many points per series, the newest ones.",
)
@click.option("--force", is_flag=True, help="One series over unlike machines.")
@click.option(
    "--format",
    "form",
    type=click.Choice(["text", "json", "csv"]),
    default="text",
    show_default=True,
    help="text for people, csv with a row per point, json with all of it.",
)
def command(
    scenario: str,
    metric: str,
    reference: str | None,
    store: Path,
    last: int,
    force: bool,
    form: str,
) -> None:
    """Show how SCENARIO, a name or a file, came out in all stored runs, cell by cell.

    A value is the ratio to a reference measured in the same run, where there is one. Where the
    level of a series changed, the change is nominated, with what the records say changed in
    between and with the commands of the paired re-runs that would confirm it. Nothing is
    declared from a history alone, so the exit code is 0 whatever it shows.
    """
    from harness.cli.sql import echo, tell_skipped  # noqa: PLC0415
    from harness.cli.terminal import terminal_look  # noqa: PLC0415 - `--help` stays fast
    from harness.figures.names import renamed  # noqa: PLC0415
    from harness.report.tables.history import Format, render  # noqa: PLC0415
    from harness.results.history.runs import Question, history  # noqa: PLC0415
    from harness.results.judge.metrics import metric_named  # noqa: PLC0415
    from harness.results.store.catalog import scan  # noqa: PLC0415

    asked = metric_named(metric)
    if renamed(metric):
        click.echo(f"{metric} is called {asked.name} now", err=True)
    question = Question(_name_of(scenario), asked, reference, force, last)
    catalog = scan(store)
    tell_skipped(catalog.skipped)
    chosen: Format = form  # type: ignore[assignment] # click.Choice has checked it
    echo(render(history(catalog, question), chosen, terminal_look()).rstrip("\n"))


def _name_of(scenario: str) -> str:
    """The name that a scenario's file gives it; a name stands for itself."""
    from harness.errors import UsageError  # noqa: PLC0415 - see `command`
    from harness.scenario.files.wording import shown  # noqa: PLC0415
    from harness.scenario.plan.finding import SUFFIXES  # noqa: PLC0415
    from harness.scenario.plan.loader import load_scenario  # noqa: PLC0415

    path = Path(scenario)
    if path.suffix not in SUFFIXES:
        return scenario
    if not path.is_file():
        raise UsageError(
            f"no scenario file {shown(scenario)}; for runs of a scenario whose file is gone "
            f"give its name, such as {shown(path.stem)}"
        )
    return load_scenario(path).name
