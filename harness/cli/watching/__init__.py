"""How a run is watched from the command line: a live view, plain lines, JSON lines, or not."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TextIO

import click

from harness.runner.telling.events import Listener


@contextmanager
def watching(*, quiet: bool, json_lines: bool) -> Iterator[Listener]:
    """The listener that fits where standard error goes. Leaves the terminal as it was."""
    if quiet and json_lines:
        raise click.UsageError("--quiet and --json-lines exclude each other")
    # Each is imported where it is used: `--help` stays fast, and the live view is rich's.
    if json_lines:
        from harness.cli.watching.json_lines import JsonLines  # noqa: PLC0415

        yield JsonLines(sys.stdout)
    elif quiet or not is_terminal(sys.stderr, os.environ):
        from harness.cli.watching.lines import Lines  # noqa: PLC0415

        yield Lines(quiet=quiet)
    else:
        from harness.cli.watching.live import LiveView  # noqa: PLC0415

        with LiveView(sys.stderr, os.environ) as view:
            yield view


def is_terminal(stream: TextIO, environ: Mapping[str, str]) -> bool:
    """Whether a view can be redrawn there."""
    return stream.isatty() and environ.get("TERM", "dumb") not in ("dumb", "")
