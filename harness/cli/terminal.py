"""What a report may assume of the terminal that a command prints it on."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Iterable

import click

from harness.report.words.look import Look

_WIDEST = 140


def terminal_look() -> Look:
    """What standard output can show; 100 columns where it is no terminal."""
    columns = shutil.get_terminal_size((Look.width, 24)).columns
    color = (
        sys.stdout.isatty() and "NO_COLOR" not in os.environ and os.environ.get("TERM") != "dumb"
    )
    return Look(min(columns, _WIDEST), color, sys.stdout.encoding or Look.encoding)


def tell_shadowed(sentences: Iterable[str]) -> None:
    """On standard error, which files names mean that stand for shipped ones, too."""
    for sentence in sentences:
        click.echo(f"harness: {sentence}", err=True)
