"""Options that several commands share. Imports nothing heavy: `--help` shows them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import click


def share(_: click.Context, __: click.Parameter, text: str | None) -> float | None:
    """Callback of an option: 0.05 from `5%`."""
    from harness.units import parse_share  # noqa: PLC0415 - `--help` stays fast

    try:
        return None if text is None else parse_share(text)
    except ValueError as error:
        raise click.BadParameter(str(error)) from error


margin_option = click.option(
    "--margin",
    metavar="SHARE",
    callback=share,
    help="Slowdown that a change may bring, or difference that does not matter between "
    "alternatives. Default: the scenario's, else 5%.",
)
strict_option = click.option(
    "--strict", is_flag=True, help="Exit with 3 where what is compared cannot be told."
)
baseline_option = click.option(
    "--baseline",
    metavar="NAME",
    help="The stored run that `baseline` in gates means: see harness baseline list.",
)
out_option = click.option(
    "--out",
    "--results",
    "out",
    type=click.Path(path_type=Path, file_okay=False),
    default=Path("results"),
    show_default=True,
    help="Folder in which the run's own folder is made.",
)
seed_option = click.option(
    "--seed", type=click.IntRange(0), help="Seed of the blocks' order. Default: random."
)


def _folder_of_runs(parameter: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    return click.option(
        "--results",
        "--store",
        parameter,
        type=click.Path(path_type=Path, file_okay=False),
        default=Path("results"),
        show_default=True,
        help="Folder that holds the runs.",
    )


results_option = _folder_of_runs("results")
store_option = _folder_of_runs("store")


def watching_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """`--quiet`, `--json-lines` and `--files`, for every command that measures a scenario."""
    command = click.option(
        "--files/--no-files",
        default=True,
        envvar="HARNESS_FILES",
        help="Whether to leave report.html and report.md in the run's folder, which takes a second "
        "or two; harness report RUN --files makes them any time. HARNESS_FILES=0 says no as well.",
    )(command)
    command = click.option(
        "--json-lines",
        is_flag=True,
        help="Print a JSON object per event and second to standard output instead of the report; "
        "the last one names the run's folder. See harness docs watching.",
    )(command)
    return click.option("--quiet", is_flag=True, help="No progress, only the report.")(command)
