"""`harness baseline`: names for runs that others are measured by."""

from __future__ import annotations

from pathlib import Path

import click

from harness.cli.options import store_option
from harness.cli.sql import echo, table
from harness.errors import UsageError
from harness.results.history.baselines import read_baselines, remove_baseline, set_baseline
from harness.results.store.run_folders import RUN_FILE
from harness.scenario.files.wording import printable

_EPILOG = """\b
Examples:
  harness baseline set main latest
  harness run scenarios/smoke.yaml --baseline main
"""


@click.group("baseline", epilog=_EPILOG)
def command() -> None:
    """Name runs, to be used as `baseline` in gates and in comparisons.

    The names are kept in baselines.json in the store.
    """


@command.command("set", epilog="Example: harness baseline set main latest")
@click.argument("name")
@click.argument("run")
@store_option
def set_command(name: str, run: str, store: Path) -> None:
    """Let NAME stand for a stored RUN: its folder, its id, the unique end of its id, `latest`."""
    before = read_baselines(store).get(name)
    baseline = set_baseline(name, run, store)
    was = f" (was {before.run})" if before and before.run != baseline.run else ""
    echo(printable(f"{name}: {baseline.run}{was}"))


@command.command("list", epilog="Example: harness baseline list")
@store_option
def list_command(store: Path) -> None:
    """Show the names, and the runs for which they stand."""
    if not store.is_dir():
        raise UsageError(f"no store {store}; name the folder that holds the runs with --store")
    rows = [("NAME", "RUN", "SET AT")]
    for name, baseline in read_baselines(store).items():
        there = (store / baseline.run / RUN_FILE).is_file()
        rows.append((name, printable(baseline.run) + ("" if there else " (gone)"), baseline.set_at))
    if len(rows) == 1:
        echo(f"no baselines in {store}; harness baseline set NAME RUN")
        return
    for line in table(rows, [False] * 3):
        echo(line)


@command.command("remove", epilog="Example: harness baseline remove main")
@click.argument("name")
@store_option
def remove_command(name: str, store: Path) -> None:
    """Forget NAME. The run stays."""
    echo(printable(f"{name} stood for {remove_baseline(name, store).run}"))
