"""Options that several commands share. Imports nothing heavy: `--help` shows them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import click


def share(_: click.Context, __: click.Parameter, text: str | None) -> float | None:
    """Callback of an option: 0.05 from `5%`."""
    from harness.units import parse_share  # noqa: PLC0415 - `--help` stays fast

    try:
        return None if text is None else parse_share(text)
    except ValueError as error:
        raise click.BadParameter(str(error)) from error


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
        "the last one names the run's folder. See docs/watching.md.",
    )(command)
    return click.option("--quiet", is_flag=True, help="No progress, only the report.")(command)
